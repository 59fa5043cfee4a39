"""One run, from pictures and keys to what is published: what the steps of section 3 share, and each step."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence

import numpy as np
import torch

from sirensong.errors import SettingError
from sirensong.image import Pixels
from sirensong.keys import KEY_BYTES, Key, SecretKey, derive
from sirensong.mask import CARRIER_BYTES, Mask
from sirensong.siren import Architecture, Weights, initial_weights
from sirensong.slots import DIGEST_BYTES, SLOTS, Slot, seal_slots
from sirensong.stego import StegoFunction, weights_digest
from sirensong.substitution import (
    Positions,
    Selection,
    Values,
    check_selects,
    key_weights,
    keyed_positions,
    magnitude_positions,
    random_positions,
)
from sirensong.training.checkpoint import Checkpoint, read_nonce
from sirensong.training.loop import COVER_STAGE, JOINT_STAGE, Keeper, Snapshot, Stage, Surroundings
from sirensong.training.options import Options
from sirensong.training.parameters import Parameters
from sirensong.training.problem import Problem, Target
from sirensong.training.recipe import Recipe


class Run:
    """One hide.

    pictures: the cover, then a secret a key. recipe, architecture, options: as `sirensong.hide.hide` takes them. Raises
    SettingError for settings or keys that cannot be, FormatError or FileError for a checkpoint that cannot be resumed.
    """

    def __init__(
        self, pictures: Sequence[Pixels], keys: Sequence[Key], recipe: Recipe, architecture: Architecture, options: Options
    ) -> None:
        self._started = time.monotonic() if options.started is None else options.started
        self._pictures, self._recipe, self._architecture, self._options = tuple(pictures), recipe, architecture, options
        if keys:
            check_selects(architecture, recipe.ratio)
        self._device = _device(options.device)
        if options.threads is not None:
            torch.set_num_threads(options.threads)
        self._settle(keys)

    def _settle(self, keys: Sequence[Key]) -> None:
        """Settle on the run's randomness: entropy, the carrier's nonce, and the keys bound to it."""
        options, context = self._options, self._context()
        if options.resume and options.checkpoint is not None:
            self._nonce = read_nonce(options.checkpoint)
        else:
            self._entropy = os.urandom(KEY_BYTES) if options.seed is None else _seeded_entropy(options.seed, keys, context)
            self._nonce = derive(self._entropy, b"", "nonce")
        self._keys = _bind(keys, self._nonce)
        self._checkpoint: Checkpoint | None = None
        self._resumed: Snapshot | None = None
        if options.checkpoint is not None:
            secret = b"".join(key.secret for key in self._keys)
            self._checkpoint = Checkpoint(options.checkpoint, self._nonce, secret, context)
            if options.resume:
                self._resumed = self._checkpoint.read(self._device)
                self._entropy = self._checkpoint.entropy
            else:
                self._checkpoint.entropy = self._entropy

    def _context(self) -> bytes:
        """Digest of what is to be made: pictures and settings, but not the keys."""
        sha = hashlib.sha256(repr((self._recipe, self._architecture, self._options.seconds)).encode())
        for pixels in self._pictures:
            sha.update(repr(pixels.shape).encode() + pixels.tobytes())
        return sha.digest()

    def represent_cover(self) -> Parameters:
        """Fit a SIREN to the cover alone: the cover function (section 3.2, Eq. 2)."""
        rng = np.random.default_rng(self._number("initial weights"))
        start = Parameters.from_weights(initial_weights(self._architecture, rng, self._recipe.gain), self._device)
        if self._resumed is not None and self._resumed.stage == JOINT_STAGE:
            return start
        problem = Problem(self._architecture, [Target(self._pictures[0], self._device)], [], [1.0])
        return self._stage(COVER_STAGE, problem, start).run()

    def select_weights(self, cover_function: Parameters) -> Positions | None:
        """Select the weights that keys replace, where all keys share a mask (section 3.3, Eq. 3). Keyed selection has none."""
        if self._recipe.selection is Selection.RANDOM:
            return random_positions(self._nonce, self._architecture, self._recipe.ratio)
        if self._recipe.selection is Selection.KEYED or not self._keys:
            return None
        if self._resumed is not None and self._resumed.stage == JOINT_STAGE and self._checkpoint is not None:
            return self._checkpoint.mask
        mask = magnitude_positions(cover_function.to_weights(), self._recipe.ratio)
        if self._checkpoint is not None:
            self._checkpoint.mask = mask
        return mask

    def substitute_secret_weights(self, mask: Positions | None) -> list[tuple[Positions, Values]]:
        """Positions and key weights of each secret function (section 3.4, Eq. 5, 6)."""
        substitutions = []
        for key in self._keys:
            positions = keyed_positions(key, self._nonce, self._architecture, self._recipe.ratio) if mask is None else mask
            substitutions.append((positions, key_weights(key, self._nonce, self._architecture, positions)))
        return substitutions

    def train_jointly(self, shared: Parameters, mask: Positions | None, substitutions: list[tuple[Positions, Values]]) -> Weights:
        """Train the weights that all functions share (section 3.5, Eq. 7 to 10). Returns the stego function's weights."""
        targets = [Target(pixels, self._device) for pixels in self._pictures]
        loss_weights = self._recipe.loss_weights(len(targets))
        problem = Problem(self._architecture, targets, substitutions, loss_weights, frozen=mask if self._keys else None)
        return self._stage(JOINT_STAGE, problem, shared).run().to_weights()

    def publish(self, weights: Weights, mask: Positions | None) -> tuple[StegoFunction, Mask | None]:
        """Seal a slot for each key, and put together what is published, with the mask of magnitude selection."""
        recipe, digest = self._recipe, weights_digest(weights)
        entries = [
            (key, Slot(recipe.selection, recipe.ratio, pixels.shape[0], pixels.shape[1], digest[:DIGEST_BYTES]))
            for key, pixels in zip(self._keys, self._pictures[1:], strict=True)
        ]
        slots = seal_slots(self._nonce, entries, derive(self._entropy, digest, "slots"))
        height, width = self._pictures[0].shape[:2]
        stego = StegoFunction(self._architecture, weights, height, width, self._nonce, slots)
        if mask is None or recipe.selection is not Selection.MAGNITUDE:
            return stego, None
        return stego, Mask(self._architecture, recipe.ratio, mask, self._nonce[:CARRIER_BYTES])

    def _stage(self, name: str, problem: Problem, shared: Parameters) -> Stage:
        options = self._options
        keeper: Keeper | None = None if self._checkpoint is None else self._checkpoint.keep
        around = Surroundings(self._number(name) % 2**63, options.precision, options.listener, keeper, options.psnr)
        resumed = self._resumed if self._resumed is not None and self._resumed.stage == name else None
        return Stage(name, problem, shared, self._recipe, around, seconds=self._seconds(name), resumed=resumed)

    def _seconds(self, name: str) -> float | None:
        """A stage's part of the time budget: the cover's is that of its evaluations, the rest is the joint stage's.

        What a resumed run had spent before counts, so that it goes on at the rate at which it stopped.
        """
        total, resumed = self._options.seconds, self._resumed
        if total is None:
            return None
        cover, joint = self._recipe.cover_steps, self._recipe.joint_steps * len(self._pictures)
        share = cover / (cover + joint)
        if resumed is not None and resumed.stage == name:
            return total * (share if name == COVER_STAGE else 1 - share)
        left = max(0.0, total - (time.monotonic() - self._started) - (resumed.spent if resumed is not None else 0.0))
        return left * share if name == COVER_STAGE else left

    def _number(self, purpose: str) -> int:
        return int.from_bytes(derive(self._entropy, self._nonce, purpose))


def _bind(keys: Sequence[Key], nonce: bytes) -> list[SecretKey]:
    if len(keys) > SLOTS:
        raise SettingError(f"a carrier holds at most {SLOTS} pictures, got {len(keys)}")
    bound = [key.bind(nonce) for key in keys]
    if len({key.secret for key in bound}) < len(bound):
        raise SettingError("the same key is given twice", hint="each secret picture needs a key of its own")
    return bound


def _seeded_entropy(seed: int, keys: Sequence[Key], context: bytes) -> bytes:
    """The run's randomness from a seed: secret to all but the key holders, and another for other pictures, keys or settings."""
    material = seed.to_bytes(8)
    salt = hashlib.sha256(b"sirensong seed" + material).digest()
    return derive(material + b"".join(key.bind(salt).secret for key in keys), context, "seeded entropy")


def _device(name: str) -> torch.device:
    if name == "cuda" and not torch.cuda.is_available():
        raise SettingError("no CUDA device is available", hint="use --device cpu")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")
