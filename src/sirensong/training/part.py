"""A few tiles of a run, which are trained together: what they need, and each step of section 3 on them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch

from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import derive
from sirensong.network.siren import Architecture, Weights, initial_weights, stack
from sirensong.network.substitution import (
    Positions,
    Selection,
    Values,
    key_weights,
    keyed_positions,
    magnitude_positions,
    random_positions,
)
from sirensong.network.tiles import Grid
from sirensong.pictures.image import RGB
from sirensong.training.checkpoint import Checkpoint
from sirensong.training.loop import COVER_STAGE, JOINT_STAGE, Snapshot, Stage, Surroundings
from sirensong.training.options import Options
from sirensong.training.parameters import Parameters
from sirensong.training.problem import Problem, Tile, cover_problem, targets_of
from sirensong.training.progress import of_tiles
from sirensong.training.recipe import Recipe

_SAMPLE = 8  # steps that are timed


@dataclass(frozen=True)
class Work:
    """What all parts of a run share.

    pictures: the cover, then a secret a key, then decoys. keys: bound to the carrier by its nonce. secrets: how many of the keys
    are somebody's; those of decoys are thrown away. entropy: the run's 32 random bytes.
    """

    pictures: tuple[RGB, ...]
    keys: tuple[SecretKey, ...]
    secrets: int
    recipe: Recipe
    architecture: Architecture
    grid: Grid
    options: Options
    device: torch.device
    nonce: bytes
    entropy: bytes

    def number(self, purpose: str) -> int:
        """A random integer of 256 bits for one purpose."""
        return int.from_bytes(derive(self.entropy, self.nonce, purpose))


@dataclass(frozen=True)
class Budget:
    """Seconds for a part, counted from `started` (time.monotonic)."""

    seconds: float
    started: float


class Part:
    """Some tiles of a run. tiles: which. budget: of time, or None. resumed: where they stood when the run was killed, or None."""

    def __init__(
        self,
        work: Work,
        tiles: range,
        budget: Budget | None,
        checkpoint: Checkpoint | None,
        resumed: Snapshot | None,
    ) -> None:
        self.tiles = tiles
        self._work, self._budget, self._checkpoint, self._resumed = (
            work,
            budget,
            checkpoint,
            resumed,
        )

    def represent_cover(self) -> Parameters:
        """Fit a SIREN to each tile of the cover alone: the cover functions (section 3.2, Eq. 2)."""
        start = self._start()
        if self._in_joint_stage:
            return start
        return self._train(COVER_STAGE, self._cover_problem(), start)

    def select_weights(self, cover_functions: Parameters) -> list[Positions] | None:
        """Select the weights that keys replace, where all keys share a mask (section 3.3, Eq. 3). Keyed selection has none."""
        work, recipe = self._work, self._work.recipe
        if recipe.selection is Selection.RANDOM:
            return [
                random_positions(work.nonce, work.architecture, recipe.ratio, tile)
                for tile in self.tiles
            ]
        if recipe.selection is Selection.KEYED or not work.keys:
            return None
        if self._in_joint_stage and self._checkpoint is not None:
            return self._checkpoint.masks
        masks = [
            magnitude_positions(weights, recipe.ratio) for weights in cover_functions.to_weights()
        ]
        if self._checkpoint is not None:
            self._checkpoint.masks = masks
        return masks

    def substitute_secret_weights(
        self, masks: list[Positions] | None
    ) -> list[list[tuple[Positions, Values]]]:
        """Positions and key weights of each tile's secret functions (section 3.4, Eq. 5, 6)."""
        work, ratio = self._work, self._work.recipe.ratio
        substitutions: list[list[tuple[Positions, Values]]] = [[] for _ in self.tiles]
        for key in work.keys:
            chosen = masks
            if chosen is None:
                chosen = [
                    keyed_positions(key, work.nonce, work.architecture, ratio, tile)
                    for tile in self.tiles
                ]
            values = key_weights(
                key, work.nonce, work.architecture, dict(zip(self.tiles, chosen, strict=True))
            )
            for of_tile, own in zip(substitutions, zip(chosen, values, strict=True), strict=True):
                of_tile.append(own)
        return substitutions

    def train_jointly(
        self,
        shared: Parameters,
        masks: list[Positions] | None,
        substitutions: list[list[tuple[Positions, Values]]],
    ) -> list[Weights]:
        """Train the weights that all functions share (section 3.5, Eq. 7 to 10). Returns the stego functions' weights."""
        watcher = self._work.options.watcher
        if watcher is not None and not self._in_joint_stage:
            watcher(0, self.tiles, shared.to_weights)
        return self._train(
            JOINT_STAGE, self._joint_problem(masks, substitutions), shared
        ).to_weights()

    def _cover_problem(self) -> Problem:
        work = self._work
        return cover_problem(
            work.architecture, self.tiles, work.pictures[0], work.grid, work.device
        )

    def _joint_problem(
        self, masks: list[Positions] | None, substitutions: list[list[tuple[Positions, Values]]]
    ) -> Problem:
        work = self._work
        frozen = masks if masks is not None and work.keys else [None] * len(self.tiles)
        tiles = [
            Tile(targets_of(tile, work.pictures, work.grid, work.device), own, mask)
            for tile, own, mask in zip(self.tiles, substitutions, frozen, strict=True)
        ]
        return Problem(work.architecture, tiles, work.recipe.loss_weights(len(work.pictures)))

    def _start(self) -> Parameters:
        """Each tile's initial weights."""
        work = self._work
        starts = [
            initial_weights(
                work.architecture,
                np.random.default_rng(work.number(f"initial weights/{tile}")),
                work.recipe.gain,
            )
            for tile in self.tiles
        ]
        return Parameters.from_weights(stack(starts), work.device)

    def estimate_seconds(self) -> float:
        """How long the part will take, from a few steps of each kind; what they train is thrown away."""
        recipe = self._work.recipe
        joint = self._joint_problem(None, self.substitute_secret_weights(None))
        total = recipe.cover_steps * self._seconds_a_step(
            COVER_STAGE, self._cover_problem(), recipe
        )
        phases = recipe.batches or ((0.0, 1.0),)
        for (begin, share), (end, _) in pairwise((*phases, (1.0, 0.0))):
            alike = replace(recipe, batches=None if recipe.batches is None else ((0.0, share),))
            total += (
                (end - begin) * recipe.joint_steps * self._seconds_a_step(JOINT_STAGE, joint, alike)
            )
        return total

    def _seconds_a_step(self, name: str, problem: Problem, recipe: Recipe) -> float:
        spent = []
        for steps in (
            1,
            1,
            1 + _SAMPLE,
        ):  # the very first warms up, and the first of each makes the buffers
            few = replace(recipe, cover_steps=steps, joint_steps=steps)
            stage = Stage(
                name, problem, self._start(), few, Surroundings(0, self._work.options.precision)
            )
            begun = time.perf_counter()
            stage.run()
            spent.append(time.perf_counter() - begun)
        return max(0.0, spent[2] - spent[1]) / _SAMPLE

    @property
    def _in_joint_stage(self) -> bool:
        return self._resumed is not None and self._resumed.stage == JOINT_STAGE

    def _train(self, name: str, problem: Problem, shared: Parameters) -> Parameters:
        work, options = self._work, self._work.options
        around = Surroundings(
            seed=work.number(f"{name}/{self.tiles.start}") % 2**63,
            precision=options.precision,
            listener=of_tiles(options.listener, self.tiles, work.grid.tiles),
            keeper=None if self._checkpoint is None and options.watcher is None else self._keep,
            goal=options.psnr,
        )
        resumed = (
            self._resumed if self._resumed is not None and self._resumed.stage == name else None
        )
        return Stage(
            name, problem, shared, work.recipe, around, seconds=self._seconds(name), resumed=resumed
        ).run()

    def _keep(self, snapshot: Snapshot) -> None:
        if self._checkpoint is not None:
            self._checkpoint.keep(snapshot)
        watcher = self._work.options.watcher
        if watcher is not None and snapshot.stage == JOINT_STAGE:
            watcher(snapshot.step, self.tiles, snapshot.shared.to_weights)

    def _seconds(self, name: str) -> float | None:
        """A stage's part of the time budget: the cover's is that of its evaluations, the rest is the joint stage's.

        What a resumed run had spent before counts, so that it goes on at the rate at which it stopped.
        """
        budget, resumed, recipe = self._budget, self._resumed, self._work.recipe
        if budget is None:
            return None
        cover, joint = recipe.cover_steps, recipe.joint_steps * len(self._work.pictures)
        share = cover / (cover + joint)
        if resumed is not None and resumed.stage == name:
            return budget.seconds * (share if name == COVER_STAGE else 1 - share)
        left = max(
            0.0,
            budget.seconds
            - (time.monotonic() - budget.started)
            - (resumed.spent if resumed is not None else 0.0),
        )
        return left * share if name == COVER_STAGE else left
