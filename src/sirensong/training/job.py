"""What is settled before training begins: one frozen value that every step of a run looks at."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from sirensong.carrier.slots import PICTURE, SLOTS
from sirensong.errors import FormatError, SettingError
from sirensong.files import StrPath
from sirensong.keys.given import AnyKey
from sirensong.keys.pair import Recipient, public_key
from sirensong.keys.secret import KEY_BYTES, SecretKey
from sirensong.keys.stream import derive
from sirensong.network.lattice import Steps, check_steps
from sirensong.network.siren import Architecture
from sirensong.network.substitution import Selection, check_selects
from sirensong.network.tiles import Grid
from sirensong.payload.payload import Payload
from sirensong.pictures.decoys import decoy
from sirensong.pictures.image import RGB, digest, fill, size_of
from sirensong.pictures.pool import Pool
from sirensong.pictures.reading import ImageLike, read_picture
from sirensong.training.capacity import decoy_payload
from sirensong.training.checkpoint import Checkpoint, read_nonce
from sirensong.training.classes import functions_for
from sirensong.training.device import find_device, groups_of_tiles
from sirensong.training.options import Options
from sirensong.training.quality import steps_for
from sirensong.training.recipe import Lock, Recipe

Content = RGB | Payload
"""What is hidden: a picture, or a file."""


class Secret(NamedTuple):
    """A secret picture, or a decoy, and the key that reveals it.

    Args:
        key: bound to the carrier.
        picture: of any size; of a file, its samples.
        kind: of its slot.
    """

    key: SecretKey
    picture: RGB
    kind: int = PICTURE


def _secret(key: SecretKey, content: Content, nonce: bytes) -> Secret:
    """What is trained for, once key and carrier are known."""
    if isinstance(content, Payload):
        return Secret(key, content.picture(key, nonce), content.layout.kind)
    return Secret(key, content)


def _raw(content: Content) -> npt.NDArray[np.uint8]:
    """All that a content is made of, for digests."""
    if not isinstance(content, Payload):
        return content
    layout = [content.layout.kind, *content.layout.size]
    data = np.array(layout, "<u4").tobytes() + content.file.packed
    return np.frombuffer(data, np.uint8)[None]


@dataclass(frozen=True)
class Job:
    """One run of hiding, settled.

    Args:
        cover: the cover picture.
        secrets: the secret pictures with their keys.
        decoys: pictures of the cover's size, and payloads, under keys that nobody keeps.
        recipe: how functions are trained.
        architecture: of each tile's function.
        grid: of tiles.
        groups: tiles that are trained together.
        options: how the run is run.
        device: where.
        nonce: of the carrier to be: a public key, whose private one only `prepare` has.
        entropy: the run's 32 random bytes.
        started: when the run began (time.monotonic), a resumed one's earlier time counted in.
        checkpoint: where the run is kept, or None.
    """

    cover: RGB
    secrets: tuple[Secret, ...]
    decoys: tuple[Secret, ...]
    recipe: Recipe
    architecture: Architecture
    grid: Grid
    groups: tuple[range, ...]
    options: Options
    device: torch.device
    nonce: bytes = field(repr=False)
    entropy: bytes = field(repr=False)
    started: float
    checkpoint: Checkpoint | None

    @property
    def trained(self) -> tuple[Secret, ...]:
        """What secret functions are trained for: secrets, then decoys."""
        return self.secrets + self.decoys

    @property
    def pictures(self) -> list[RGB]:
        """The picture of each function: the cover, secrets, decoys."""
        return [self.cover, *(secret.picture for secret in self.trained)]

    @property
    def lock(self) -> Lock | None:
        """How wrong keys are trained for: with keyed selection, where there are keys."""
        keyed = self.recipe.selection is Selection.KEYED
        return self.recipe.lock if keyed and self.trained else None

    @property
    def steps(self) -> Steps:
        """The lattice of the weights that are published."""
        return steps_for(self.architecture, self.recipe.coarseness_of(*size_of(self.cover)))

    @property
    def functions(self) -> int:
        """How many functions a joint step trains in each tile."""
        return len(self.pictures) + (self.lock is not None)

    @property
    def elapsed(self) -> float:
        """Seconds that the run has taken."""
        return time.monotonic() - self.started

    def number(self, purpose: str) -> int:
        """A random integer of 256 bits for one purpose."""
        return int.from_bytes(derive(self.entropy, self.nonce, purpose))

    def seconds_for(self, stage: str, tiles: range, spent: float) -> float | None:
        """The time budget of a stage of some tiles, None if the run has none.

        What is left of the run's budget is shared equally by the groups that are left; within a
        group the cover's stage gets the share of its evaluations, and the joint stage the rest.

        Args:
            stage: "cover" or "joint".
            tiles: the group.
            spent: seconds that the stage has taken before a resumption.
        """
        if self.options.seconds is None:
            return None
        left = max(0.0, self.options.seconds - self.elapsed)
        groups_left = len(self.groups) - self.groups.index(tiles)
        share = 1.0
        if stage == "cover":
            cover, joint = self.recipe.cover.steps, self.recipe.joint.steps * self.functions
            share = cover / (cover + joint)
        return spent + share * left / groups_left


def prepare(
    cover: RGB,
    secrets: Sequence[tuple[AnyKey, Content]],
    recipe: Recipe,
    options: Options,
    decoys: Sequence[ImageLike] = (),
) -> Job:
    """Settle a run: bind keys, draw its randomness, open its checkpoint, add decoys.

    Args:
        cover: the cover picture.
        secrets: the key of each secret, and its picture or file.
        recipe: how functions are trained.
        options: how the run is run.
        decoys: pictures to take decoys from, or a `Pool`; none to make them.

    Raises:
        SettingError: settings or keys that cannot be.
        FormatError: a checkpoint that cannot be resumed, or is of a run with other decoys.
        FileError: a checkpoint that cannot be read or deleted, or a decoy that cannot be read.
    """
    now = time.monotonic() if options.started is None else options.started
    height, width = cover.shape[:2]
    grid, architecture = recipe.grid(height, width), recipe.architecture(height, width)
    check_steps(steps_for(architecture, recipe.coarseness_of(height, width)), architecture)
    functions = functions_for(recipe, len(secrets))
    if functions:
        check_selects(architecture, recipe.share)
    device = find_device(options.device)
    groups = groups_of_tiles(grid, architecture, 1 + functions, device)

    if len(secrets) > SLOTS:
        raise SettingError(f"a carrier holds at most {SLOTS} secrets, got {len(secrets)}")
    context = digest(
        [cover, *(_raw(content) for _, content in secrets)], (recipe, options.seconds, len(decoys))
    )

    def draw(entropy: bytes) -> tuple[list[Content], bytes]:
        """The run's decoys, and the private key of a run that has them."""
        drawn = _decoys(functions - len(secrets), cover, recipe, decoys, entropy)
        seen = digest([_raw(content) for content in drawn], "decoys")
        return drawn, derive(entropy, seen, "private key")

    begun = _begin(secrets, options, context, len(groups[0]), draw)
    return Job(
        cover=cover,
        secrets=begun.secrets,
        decoys=tuple(
            _secret(_decoy_key(begun, index), content, begun.nonce)
            for index, content in enumerate(begun.drawn)
        ),
        recipe=recipe,
        architecture=architecture,
        grid=grid,
        groups=tuple(groups),
        options=options,
        device=device,
        nonce=begun.nonce,
        entropy=begun.entropy,
        started=now - begun.elapsed,
        checkpoint=begun.checkpoint,
    )


class _Begun(NamedTuple):
    """What is random about a run, and what hangs on it.

    Args:
        nonce: of the carrier to be.
        entropy: the run's 32 random bytes.
        secrets: the secret pictures with their keys, bound to the carrier.
        drawn: decoys.
        checkpoint: where the run is kept, or None.
        elapsed: seconds that it took before it was resumed.
    """

    nonce: bytes
    entropy: bytes
    secrets: tuple[Secret, ...]
    drawn: list[Content]
    checkpoint: Checkpoint | None
    elapsed: float


def _begin(
    secrets: Sequence[tuple[AnyKey, Content]],
    options: Options,
    context: bytes,
    at_once: int,
    draw: Callable[[bytes], tuple[list[Content], bytes]],
) -> _Begun:
    """Draw a run's randomness, or take that of its checkpoint, and bind its keys.

    Args:
        secrets: the key of each secret, and its picture or file.
        options: how the run is run.
        context: a digest of pictures and settings.
        at_once: tiles that are trained together, which depends on the device.
        draw: makes the decoys and the private key of a run with some entropy.
    """
    keys, path, elapsed = [key for key, _ in secrets], options.checkpoint, 0.0
    resumed = path is not None and options.resume
    if path is not None and resumed:
        nonce = read_nonce(path)
    else:
        entropy = _entropy(options.seed, keys, context)
        drawn, private = draw(entropy)
        nonce = public_key(private)
    held = [key if isinstance(key, Recipient) else key.bind(nonce) for key in keys]
    checkpoint = None
    if path is not None:
        sealing = (_sealing(key, content) for key, (_, content) in zip(held, secrets, strict=True))
        checkpoint = Checkpoint(path, nonce, b"".join(sealing), context + at_once.to_bytes(4))
        if resumed:
            entropy, elapsed = checkpoint.resume()
            drawn, private = draw(entropy)
            if nonce != public_key(private):
                raise _other_decoys(path)
        else:
            checkpoint.begin(entropy)
    bound = [key.bind(private) if isinstance(key, Recipient) else key for key in held]
    if len({key.secret for key in bound}) < len(bound):
        raise SettingError("the same key is given twice", hint="each secret needs a key of its own")
    pairs = zip(bound, secrets, strict=True)
    own = tuple(_secret(key, content, nonce) for key, (_, content) in pairs)
    return _Begun(nonce, entropy, own, drawn, checkpoint, elapsed)


def _entropy(seed: int | None, keys: Sequence[AnyKey], context: bytes) -> bytes:
    """32 random bytes for the run.

    With a seed they are derived from seed, keys and context: repeatable for the sender,
    unpredictable to others, unless all keys are recipients, which are public.
    """
    if seed is None:
        return os.urandom(KEY_BYTES)
    material = seed.to_bytes(8)
    salt = hashlib.sha256(b"sirensong seed" + material).digest()
    parts = [key.public if isinstance(key, Recipient) else key.bind(salt).secret for key in keys]
    return derive(material + b"".join(parts), context, "seeded entropy")


def _sealing(key: SecretKey | Recipient, content: Content) -> bytes:
    """What a checkpoint is sealed with for one secret: bytes that only those have who may resume.

    For a recipient, who is public, that is the content (docs/adr/0003-sealed-checkpoints.md).
    """
    return digest([_raw(content)], key) if isinstance(key, Recipient) else key.secret


def _decoy_key(begun: _Begun, index: int) -> SecretKey:
    return SecretKey(derive(begun.entropy, begun.nonce, f"decoys/{index}"))


def _decoys(
    missing: int, cover: RGB, recipe: Recipe, given: Sequence[ImageLike], entropy: bytes
) -> list[Content]:
    """Decoys: pictures as large as the cover, and payloads as small as files are."""
    rng = np.random.default_rng(int.from_bytes(derive(entropy, b"", "decoys")))
    size = size_of(cover)
    if not given:
        return [decoy(recipe.decoys, cover, rng) for _ in range(missing)]
    own: Sequence[ImageLike | None]
    if isinstance(given, Pool):
        own = given.draw(missing, size, rng)
    else:
        chosen = rng.permutation(len(given))
        own = [given[chosen[index % len(given)]] for index in range(missing)]
    return [
        decoy_payload(recipe, size, rng)
        if picture is None
        else fill(read_picture(picture).rgb, *size)
        for picture in own
    ]


def _other_decoys(checkpoint: StrPath) -> FormatError:
    return FormatError(
        f"{checkpoint} is of a run with other decoys: its pool or folder has changed since",
        hint="put the same pictures back, or delete the file to begin anew",
    )
