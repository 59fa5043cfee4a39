"""One run, from pictures and keys to what is published, a few tiles at a time."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterator, Sequence
from itertools import chain

import numpy as np
import torch

from sirensong.carrier.mapped import release, zeros
from sirensong.carrier.slots import DIGEST_BYTES, SLOTS, Slot, seal_slots
from sirensong.carrier.stego import StegoFunction, weights_digest
from sirensong.errors import SettingError
from sirensong.keys.secret import KEY_BYTES, Key, SecretKey
from sirensong.keys.stream import derive
from sirensong.network.mask import CARRIER_BYTES, Mask
from sirensong.network.siren import Architecture, Layer, Weights
from sirensong.network.substitution import Positions, Selection, check_selects
from sirensong.network.tiles import Grid
from sirensong.pictures.decoys import decoy
from sirensong.pictures.image import RGB, ImageLike, digest, fill, read_picture
from sirensong.training.checkpoint import Checkpoint, discard, read_nonce
from sirensong.training.loop import COVER_STAGE, Snapshot, Stage, Surroundings
from sirensong.training.options import Options
from sirensong.training.parameters import Parameters
from sirensong.training.part import Budget, Part, Work
from sirensong.training.plan import Plan, plan_for
from sirensong.training.problem import cover_problem
from sirensong.training.progress import Listener, of_tiles
from sirensong.training.recipe import Recipe

_FEATURES_AT_ONCE = {
    "cpu": 48 * 48,
    "cuda": 1024 * 144,
}  # of all functions that are trained together, in one layer


class Run:
    """One hide.

    pictures: the cover, then a secret a key. decoys: pictures to take them from, or none, to make them. recipe, architecture, grid,
    options: as `sirensong.hide.hide` takes them. Raises SettingError for settings or keys that cannot be, FormatError or FileError
    for a checkpoint that cannot be resumed.
    """

    def __init__(
        self,
        pictures: Sequence[RGB],
        keys: Sequence[Key],
        recipe: Recipe,
        architecture: Architecture,
        grid: Grid,
        options: Options,
        decoys: Sequence[ImageLike] = (),
    ) -> None:
        self._started = time.monotonic() if options.started is None else options.started
        functions = max(len(keys), recipe.functions)
        if functions:
            check_selects(architecture, recipe.ratio)
        device = _device(options.device)
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        self._parts = _parts(grid, architecture, 1 + functions, device)

        context = digest(
            pictures, (recipe, architecture, grid, options.seconds, len(decoys))
        )  # all but the keys
        resuming = options.checkpoint is not None and options.resume
        entropy = b"" if resuming else _entropy(options.seed, keys, context)
        nonce = (
            read_nonce(options.checkpoint)
            if resuming and options.checkpoint is not None
            else derive(entropy, b"", "nonce")
        )
        bound = _bind(keys, nonce)
        self._checkpoint: Checkpoint | None = None
        self._resumed: Snapshot | None = None
        if options.checkpoint is not None:
            if not resuming:
                discard(options.checkpoint)  # what another run left would be taken for this one's
            secret = b"".join(key.secret for key in bound)
            self._checkpoint = Checkpoint(
                options.checkpoint,
                nonce,
                secret,
                context + len(self._parts[0]).to_bytes(2),
                entropy,
            )
            if resuming:
                self._resumed = self._checkpoint.read(device)
                entropy = self._checkpoint.entropy
        pictures, bound_all = _with_decoys(
            pictures, bound, functions, recipe.decoys, decoys, (entropy, nonce)
        )
        self._work = Work(
            pictures,
            bound_all,
            len(bound),
            recipe,
            architecture,
            grid,
            options,
            device,
            nonce,
            entropy,
        )
        self._weights = _empty(architecture, grid)
        self._masks: list[Positions] = []

    def parts(self) -> Iterator[Part]:
        """The tiles that are left to train, a few at a time; those that were finished before a resumption are kept."""
        checkpoint, done_before = self._checkpoint, 0
        for index, tiles in enumerate(self._parts):
            finished = None if checkpoint is None else checkpoint.finished(index)
            if finished is not None:
                self._take(tiles, *finished)
                done_before += 1
                continue
            resumed = None
            if checkpoint is not None:
                resumed, self._resumed = (
                    self._resumed if checkpoint.part == index else None,
                    None,
                )  # of these tiles alone
                checkpoint.part = index
            yield Part(self._work, tiles, self._budget(index, done_before), checkpoint, resumed)

    def keep(self, part: Part, weights: list[Weights], masks: list[Positions] | None) -> None:
        """Take what a part has made, and have the checkpoint keep it."""
        self._take(part.tiles, weights, masks)
        if self._checkpoint is not None and len(self._parts) > 1:
            self._checkpoint.finish(weights, masks)

    def plan(self) -> Plan:
        """What the run would make, and what it would take, from a few steps of training."""
        work, seconds = self._work, self._work.options.seconds
        if seconds is None:
            seconds = (
                len(self._parts) * Part(work, self._parts[0], None, None, None).estimate_seconds()
            )
        return plan_for(
            work.pictures, work.recipe, work.architecture, work.grid, len(self._parts[0]), seconds
        )

    def publish(self) -> tuple[StegoFunction, Mask | None]:
        """Seal a slot for each key, and put together what is published, with the mask of magnitude selection."""
        work, digest = self._work, weights_digest(self._weights)
        selection, ratio = work.recipe.selection, work.recipe.ratio
        entries = [
            (key, Slot(selection, ratio, picture.shape[0], picture.shape[1], digest[:DIGEST_BYTES]))
            for key, picture in zip(work.keys[: work.secrets], work.pictures[1:], strict=False)
        ]
        slots = seal_slots(work.nonce, entries, derive(work.entropy, digest, "slots"))
        height, width = work.pictures[0].shape[:2]
        stego = StegoFunction(
            work.architecture, work.grid, self._weights, height, width, work.nonce, slots
        )
        if not self._masks or selection is not Selection.MAGNITUDE or not work.secrets:
            return stego, None
        return stego, Mask(work.architecture, ratio, tuple(self._masks), work.nonce[:CARRIER_BYTES])

    def _take(self, tiles: range, weights: list[Weights], masks: list[Positions] | None) -> None:
        _put(self._weights, tiles, weights)
        self._masks.extend(masks or ())

    def _budget(self, index: int, done_before: int) -> Budget | None:
        """An equal share for every part that is left, of the time that is left."""
        seconds, parts = self._work.options.seconds, len(self._parts)
        if seconds is None:
            return None
        started = self._started if index == done_before else time.monotonic()
        left = seconds * (1 - done_before / parts) - (started - self._started)
        return Budget(max(0.0, left) / (parts - index), started)


def train_on(
    stego: StegoFunction, picture: RGB, recipe: Recipe, listener: Listener | None
) -> Weights:
    """Train a published function's weights on one picture alone, as a cover stage that does not begin anew."""
    device, weights = _device("auto"), _empty(stego.architecture, stego.grid)
    for tiles in _parts(stego.grid, stego.architecture, 1, device):
        problem = cover_problem(stego.architecture, tiles, picture, stego.grid, device)
        start = Parameters.from_weights(stego.tiles(tiles), device)
        around = Surroundings(seed=0, listener=of_tiles(listener, tiles, stego.grid.tiles))
        _put(weights, tiles, Stage(COVER_STAGE, problem, start, recipe, around).run().to_weights())
    return weights


def _parts(
    grid: Grid, architecture: Architecture, functions: int, device: torch.device
) -> list[range]:
    """Tiles that are trained together, as many as are fast. functions: of each tile."""
    at_once = max(1, _FEATURES_AT_ONCE[device.type] // (architecture.hidden_features * functions))
    return [
        range(start, min(start + at_once, grid.tiles)) for start in range(0, grid.tiles, at_once)
    ]


def _put(whole: Weights, tiles: range, weights: list[Weights]) -> None:
    for tile, function in zip(tiles, weights, strict=True):
        for layer, own in zip(whole, function, strict=True):
            layer.weight[tile], layer.bias[tile] = own
    for array in chain.from_iterable(whole):
        release(array)


def _entropy(seed: int | None, keys: Sequence[Key], context: bytes) -> bytes:
    """The run's randomness: the system's, or a seed's, which is secret to all but the key holders, and another for each context."""
    if seed is None:
        return os.urandom(KEY_BYTES)
    material = seed.to_bytes(8)
    salt = hashlib.sha256(b"sirensong seed" + material).digest()
    return derive(
        material + b"".join(key.bind(salt).secret for key in keys), context, "seeded entropy"
    )


def _bind(keys: Sequence[Key], nonce: bytes) -> tuple[SecretKey, ...]:
    if len(keys) > SLOTS:
        raise SettingError(f"a carrier holds at most {SLOTS} pictures, got {len(keys)}")
    bound = tuple(key.bind(nonce) for key in keys)
    if len({key.secret for key in bound}) < len(bound):
        raise SettingError(
            "the same key is given twice", hint="each secret picture needs a key of its own"
        )
    return bound


def _with_decoys(
    pictures: Sequence[RGB],
    keys: tuple[SecretKey, ...],
    functions: int,
    kind: str,
    given: Sequence[ImageLike],
    randomness: tuple[bytes, bytes],
) -> tuple[tuple[RGB, ...], tuple[SecretKey, ...]]:
    """Add decoy pictures, as large as the cover, and keys that nobody will have, until there are so many secret functions."""
    missing = range(functions - len(keys))
    rng = np.random.default_rng(int.from_bytes(derive(*randomness, "decoys")))
    cover = pictures[0]
    if given:
        chosen = rng.permutation(len(given))
        own = [
            fill(read_picture(given[chosen[index % len(given)]]).rgb, *cover.shape[:2])
            for index in missing
        ]
    else:
        own = [decoy(kind, cover, rng) for _ in missing]
    thrown_away = [SecretKey(derive(*randomness, f"decoys/{index}")) for index in missing]
    return (*pictures, *own), (*keys, *thrown_away)


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError("no CUDA device is available", hint="use --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def _empty(architecture: Architecture, grid: Grid) -> Weights:
    return tuple(
        Layer(zeros((grid.tiles, out, into)), zeros((grid.tiles, out)))
        for out, into in architecture.shapes
    )
