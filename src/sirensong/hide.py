"""From photographs and keys to one stego function: the four steps of section 3, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sirensong.carrier.file import save
from sirensong.carrier.mapped import empty_weights, put
from sirensong.carrier.slots import DIGEST_BYTES, SLOT_BYTES, SLOTS, Slot, seal_slots
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import SettingError
from sirensong.files import StrPath
from sirensong.keys.given import AnyKey, as_senders_key
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import derive
from sirensong.network.mask import CARRIER_BYTES, Mask, mask_path, write_mask
from sirensong.network.siren import Weights
from sirensong.network.substitution import Positions, Selection
from sirensong.payload.content import HiddenFile
from sirensong.payload.payload import Payload
from sirensong.payload.samples import Size
from sirensong.pictures.image import RGB, size_of
from sirensong.pictures.metrics import psnr_of
from sirensong.pictures.reading import ImageLike, read_picture
from sirensong.training.capacity import payload_for
from sirensong.training.loading import loading
from sirensong.training.options import Options
from sirensong.training.plan import Plan, plan_for
from sirensong.training.recipe import FAST, Recipe, find_recipe

if TYPE_CHECKING:
    from sirensong.training.job import Job

Hideable = ImageLike | HiddenFile
"""What can be hidden: a picture, or any file."""

Secrets = Mapping[AnyKey | str, Hideable] | Sequence[tuple[AnyKey | str, Hideable]]
"""Secrets by their keys, or (key, secret) pairs. A key may be given as its text."""


@dataclass(frozen=True)
class Hidden:
    """What `hide` makes.

    Args:
        stego: the stego function, to be published.
        mask: the mask of magnitude selection, which is confidential; None otherwise.
        psnr: dB of the cover and of each secret at the end of training, tile by tile: what
            receivers will see but for the blending of tiles. Empty if they are not known.
        keys: of the secrets in their order, as they are bound to this carrier: what a `Passphrase`
            or a `Recipient` has become, so that the sender can see what a recipient will.
    """

    stego: StegoFunction
    mask: Mask | None = field(default=None, repr=False)
    psnr: tuple[float, ...] = ()
    keys: tuple[SecretKey, ...] = field(default=(), repr=False)

    def _repr_png_(self) -> bytes:
        return self.stego._repr_png_()

    def _repr_html_(self) -> str | None:
        return self.stego._repr_html_()

    def save(self, path: StrPath, *, overwrite: bool = False) -> Path | None:
        """Write the carrier, after its mask if it has one.

        Args:
            path: of the carrier. Its mask has the same name, ending in .mask.
            overwrite: replace what is there.

        Returns:
            The mask's path, None if there is none.

        Raises:
            FileError: a file exists, or cannot be written.
        """
        if self.mask is not None:
            write_mask(mask_path(path), self.mask, overwrite=overwrite)
        save(path, self.stego, overwrite=overwrite)
        return None if self.mask is None else mask_path(path)


def hide(
    cover: ImageLike,
    secrets: Secrets,
    *,
    recipe: Recipe | str = FAST,
    options: Options = Options(),
    decoys: Sequence[ImageLike] = (),
) -> Hidden:
    """Train a function that renders the cover as published, and each secret with its key.

    The four steps are those of section 3 of the paper, on a few tiles at a time.

    Args:
        cover: the picture that anybody sees, of any size: a path, bytes, an open file, a PIL image
            or an array.
        secrets: up to 64 pictures and files by their keys, or (key, secret) pairs; pictures of any
            sizes, a `HiddenFile` for what is to come back byte for byte; each with a key of its
            own: a SecretKey, a Passphrase, a Recipient, or the text of one.
        recipe: FAST, PAPER, their names, or a recipe made from them with `dataclasses.replace`.
        options: how the training is run: time budget, checkpoint, progress and so on.
        decoys: pictures, or a `Pool`, of which some are trained for where there are fewer secrets
            than the recipe's functions; by default they are made.

    Returns:
        The stego function, with its mask if the recipe selects by magnitude.

    Raises:
        SettingError: settings, keys or picture sizes that cannot be.
        FileError: a file cannot be read or written.
        FormatError: a file is not an image, or a checkpoint cannot be resumed.
        StoppedError: `options.on_progress` returned False.
        MissingDependencyError: torch is not installed.

    Example:
        >>> import numpy as np, sirensong as ss
        >>> key = ss.SecretKey.generate()
        >>> white, black = np.ones((16, 16)), np.zeros((16, 16))
        >>> hidden = ss.hide(white, {key: black}, recipe=ss.FAST.with_steps(200))
        >>> bool(ss.reveal(hidden.stego, key).mean() < 0.2 < ss.sample(hidden.stego).mean())
        True
    """
    with loading("hiding"):
        from sirensong.training.device import use_threads
        from sirensong.training.steps import (
            represent_cover,
            secret_weights,
            select_weights,
            train_jointly,
        )
    with use_threads(options.threads):
        job = _prepare(cover, secrets, recipe, options, decoys)
        made = _Made(job)
        for tiles in job.groups:
            cover_functions = represent_cover(job, tiles)
            positions = select_weights(job, tiles, cover_functions)
            key_weights = secret_weights(job, tiles, positions)
            stego_functions, errors = train_jointly(
                job, tiles, cover_functions, positions, key_weights
            )
            made.take(tiles, stego_functions, positions, errors)
        return made.publish()


def plan(
    cover: ImageLike,
    secrets: Secrets,
    *,
    recipe: Recipe | str = FAST,
    options: Options = Options(),
    decoys: Sequence[ImageLike] = (),
) -> Plan:
    """Estimate what `hide` would make of the same arguments, and what it would take.

    A second's training is timed for that; nothing is written.

    Args:
        cover: as in `hide`.
        secrets: as in `hide`.
        recipe: as in `hide`.
        options: as in `hide`; a checkpoint is not looked at.
        decoys: as in `hide`.

    Raises:
        SettingError: settings, keys or picture sizes that cannot be.
        MissingDependencyError: torch is not installed.
    """
    with loading("planning"):
        from sirensong.training.device import use_threads
        from sirensong.training.steps import estimate_seconds
    nowhere = replace(options, checkpoint=None, resume=False)
    with use_threads(options.threads):
        job = _prepare(cover, secrets, recipe, nowhere, decoys)
        seconds = options.seconds
        if seconds is None:
            seconds = len(job.groups) * estimate_seconds(job)
    return plan_for(job, seconds)


def fit(
    cover: ImageLike,
    *,
    recipe: Recipe | str = FAST,
    options: Options = Options(),
    decoys: Sequence[ImageLike] = (),
) -> StegoFunction:
    """Train a function that hides nothing: of the cover and of decoys.

    It is trained with as many functions and steps as by `hide`, and its carrier has the same form.
    With `functions=0` in the recipe it is the cover's alone, as any publisher of an implicit
    representation makes it (Eq. 2).

    Args:
        cover: as in `hide`.
        recipe: as in `hide`.
        options: as in `hide`.
        decoys: as in `hide`.

    Raises:
        SettingError: settings or a picture size that cannot be.
        MissingDependencyError: torch is not installed.

    Example:
        >>> import numpy as np, sirensong as ss
        >>> ss.fit(np.zeros((16, 16)), recipe=ss.FAST.with_steps(1)).grid
        Grid(rows=1, columns=1)
    """
    return hide(cover, (), recipe=recipe, options=options, decoys=decoys).stego


def discard_checkpoint(path: StrPath) -> None:
    """Delete a run's checkpoint, once its result is safe.

    Raises:
        FileError: the file is not a checkpoint, or cannot be deleted.
    """
    from sirensong.training.checkpoint import discard

    discard(path)


def put_weights(whole: Weights, tiles: range, part: Weights) -> None:
    """Copy the functions of some tiles to their places in a grid's weights."""
    for layer, own in zip(whole, part, strict=True):
        put(layer.weight, tiles, own.weight)
        put(layer.bias, tiles, own.bias)


def _prepare(
    cover: ImageLike,
    secrets: Secrets,
    recipe: Recipe | str,
    options: Options,
    decoys: Sequence[ImageLike],
) -> Job:
    from sirensong.training.job import prepare

    recipe = find_recipe(recipe)
    opened = read_picture(cover).rgb
    pairs = _pairs(secrets)
    read = [(key, _content(secret, recipe, size_of(opened), len(pairs))) for key, secret in pairs]
    grid = recipe.grid(*size_of(opened))
    grid.check(size_of(opened))
    for _, content in read:
        grid.check(content.layout.size if isinstance(content, Payload) else size_of(content))
    return prepare(opened, read, recipe, options, decoys)


def _content(secret: Hideable, recipe: Recipe, cover: Size, secrets: int) -> RGB | Payload:
    """Read a picture, or lay out a file."""
    if isinstance(secret, HiddenFile):
        return payload_for(secret, recipe, cover, secrets)
    return read_picture(secret).rgb


def _pairs(secrets: Secrets) -> list[tuple[AnyKey, Hideable]]:
    """Each secret and its key. Raises SettingError for anything else, never quoting it."""
    expected = "secrets must be a dictionary of pictures by their keys, or (key, picture) pairs"
    try:
        pairs = list(secrets.items() if isinstance(secrets, Mapping) else secrets)
        found = [(key, picture) for key, picture in pairs]
    except (TypeError, ValueError):
        raise SettingError(f"{expected}, got {type(secrets).__name__}") from None
    if any(isinstance(picture, AnyKey) for _, picture in found):
        raise SettingError(
            f"{expected}; a key stands where a picture should", hint="swapped? {key: picture}"
        )
    return [(as_senders_key(key), picture) for key, picture in found]


class _Made:
    """What a job has made so far, and in the end what is published."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._weights = empty_weights(job.architecture, job.grid)
        self._mask: list[Positions] = []
        self._errors = np.zeros(len(job.pictures))

    def take(
        self,
        tiles: range,
        functions: Weights,
        positions: list[list[Positions]],
        errors: list[float],
    ) -> None:
        put_weights(self._weights, tiles, functions)
        if self._job.secrets and self._job.recipe.selection is Selection.MAGNITUDE:
            self._mask += positions[0]
        self._errors += np.multiply(errors, len(tiles) / self._job.grid.tiles)

    def publish(self) -> Hidden:
        """Seal a slot for each key, and put together what is published."""
        job = self._job
        form = job.architecture, job.grid, self._weights, job.steps, *size_of(job.cover), job.nonce
        stego = StegoFunction(*form, bytes(SLOTS * SLOT_BYTES))
        digest, selection, ratio = stego.digest, job.recipe.selection, job.recipe.share
        entries = []
        for key, picture, kind in job.secrets:
            size = size_of(picture)
            entries.append((key, Slot(selection, ratio, *size, digest[:DIGEST_BYTES], kind)))
        slots = seal_slots(job.nonce, entries, derive(job.entropy, digest, "slots"))
        stego = replace(stego, slots=slots)
        mask = None
        if self._mask:
            mask = Mask(job.architecture, ratio, tuple(self._mask), job.nonce[:CARRIER_BYTES])
        known = self._errors[: 1 + len(job.secrets)]
        psnr = tuple(psnr_of(float(error) / 4) for error in known)
        return Hidden(stego, mask, psnr, tuple(secret.key for secret in job.secrets))
