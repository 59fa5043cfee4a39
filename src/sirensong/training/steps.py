"""The steps of section 3 of the paper, each on some tiles of a job."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from sirensong.carrier.stego import StegoFunction
from sirensong.errors import StoppedError
from sirensong.network.lattice import Codes, start_codes, values_of
from sirensong.network.siren import Layer, Weights, initial_weights
from sirensong.network.substitution import (
    Positions,
    Selection,
    Values,
    key_weights,
    keyed_positions,
    magnitude_positions,
    random_positions,
    secret_places,
)
from sirensong.pictures.image import RGB
from sirensong.training.device import find_device, groups_of_tiles
from sirensong.training.job import Job, Secret
from sirensong.training.options import OnProgress, Progress
from sirensong.training.parameters import Parameters
from sirensong.training.phase import Phase
from sirensong.training.problem import Problem, Tile, cover_problem, target_of
from sirensong.training.recipe import Recipe
from sirensong.training.rounding import Rounding
from sirensong.training.train import Schedule, State, train

COVER, JOINT = "cover", "joint"
_TIMED_STEPS = 8

Selected = list[list[Positions]]
"""For each secret function its positions in each tile."""

KeyWeights = list[list[Values]]
"""For each secret function the key weights W_se that go to its positions, in each tile."""


def represent_cover(job: Job, tiles: range) -> Parameters:
    """Fit a SIREN to each tile of the cover alone: the cover functions (section 3.2, Eq. 2)."""

    def problem() -> Problem:
        return cover_problem(job.architecture, tiles, job.cover, job.grid, job.device)

    return _train(job, COVER, tiles, problem, lambda: _initial(job, tiles))[0]


def select_weights(job: Job, tiles: range, cover_functions: Parameters) -> Selected:
    """Select the weights that each key replaces (section 3.3, Eq. 3).

    With keyed selection each key has its own positions, otherwise all keys share one mask.
    """
    recipe, architecture, nonce = job.recipe, job.architecture, job.nonce
    if recipe.selection is Selection.KEYED:
        return [
            keyed_positions(own.key, nonce, architecture, recipe.share, tiles)
            for own in job.trained
        ]
    if recipe.selection is Selection.RANDOM:
        mask = random_positions(nonce, architecture, recipe.share, tiles)
    else:
        mask = magnitude_positions(cover_functions.to_weights(), recipe.share)
    return [mask for _ in job.trained]


def secret_weights(job: Job, tiles: range, selected: Selected) -> KeyWeights:
    """Draw the key weights of each secret function (section 3.4, Eq. 6)."""
    return [
        key_weights(
            own.key,
            job.nonce,
            job.architecture,
            dict(zip(tiles, positions, strict=True)),
            job.recipe.selection.gain,
        )
        for own, positions in zip(job.trained, selected, strict=True)
    ]


def train_jointly(
    job: Job,
    tiles: range,
    cover_functions: Parameters,
    selected: Selected,
    values: KeyWeights,
) -> tuple[Weights, list[float]]:
    """Train the weights that all functions share (section 3.5, Eq. 7 to 10).

    Returns:
        The stego functions of these tiles, and the mean squared error of each function's whole
        render, in 8 bits, on colours in [-1, 1].
    """
    trained, errors = _train(
        job,
        JOINT,
        tiles,
        lambda: _joint_problem(job, tiles, selected, values),
        lambda: cover_functions,
    )
    return trained.to_weights(), errors


def continue_training(
    stego: StegoFunction, picture: RGB, recipe: Recipe, on_progress: OnProgress | None
) -> Iterator[tuple[range, Weights]]:
    """Train a published function's weights on one picture alone, from where they are.

    Yields:
        Some tiles, and their functions' new weights.
    """
    device, grid = find_device("auto"), stego.grid
    schedule = Schedule(recipe.cover)
    for tiles in groups_of_tiles(grid, stego.architecture, 1, device):
        problem = cover_problem(stego.architecture, tiles, picture, grid, device)
        state = State.begin(Parameters.from_weights(stego.tiles(tiles), device), seed=0)
        report = partial(_tell, on_progress, COVER, tiles, grid.tiles, schedule)
        trained = train(problem, recipe, schedule, state, on_report=report)
        yield tiles, trained.to_weights()


def estimate_seconds(job: Job) -> float:
    """How long the first group of tiles will take, from a few steps of each kind.

    What these steps train is thrown away.
    """
    tiles, recipe = job.groups[0], job.recipe
    cover = cover_problem(job.architecture, tiles, job.cover, job.grid, job.device)
    # Where positions lie makes no difference to the time, so all are taken to be keyed.
    keyed = replace(job, recipe=replace(recipe, selection=Selection.KEYED, lock=job.lock))
    start = _initial(job, tiles)
    selected = select_weights(keyed, tiles, start)
    joint = _joint_problem(keyed, tiles, selected, secret_weights(keyed, tiles, selected))
    total = 0.0
    for problem, phase in ((cover, recipe.cover), (joint, recipe.joint)):
        for steps, share in phase.parts():
            alike = replace(phase, batches=((0.0, share),))
            total += steps * phase.steps * _seconds_a_step(job, problem, alike, start)
    return total


def _seconds_a_step(job: Job, problem: Problem, phase: Phase, start: Parameters) -> float:
    spent = []
    for steps in (1, 1, 1 + _TIMED_STEPS):  # the first warms up; the first of each makes buffers
        schedule = Schedule(replace(phase, steps=steps))
        state = State.begin(start.clone(), seed=0)
        begun = time.perf_counter()
        train(problem, job.recipe, schedule, state, precision=job.options.precision)
        spent.append(time.perf_counter() - begun)
    return max(0.0, spent[2] - spent[1]) / _TIMED_STEPS


def _initial(job: Job, tiles: range) -> Parameters:
    rngs = [np.random.default_rng(job.number(f"initial weights/{tile}")) for tile in tiles]
    weights = initial_weights(job.architecture, rngs, job.recipe.gain)
    start = map(values_of, _start(job, tiles), job.steps)
    weights = (Layer(*start), *weights[1:])
    return Parameters.from_weights(weights, job.device)


def _start(job: Job, tiles: range) -> tuple[Codes, Codes]:
    return start_codes(job.architecture, job.steps, job.nonce, tiles)


def _joint_problem(job: Job, tiles: range, selected: Selected, values: KeyWeights) -> Problem:
    shared_mask = bool(selected) and job.recipe.selection is not Selection.KEYED
    parts = [np.arange(job.grid.tiles), *map(partial(_secret_tiles, job), job.trained)]
    own = []
    for index, tile in enumerate(tiles):
        substitutions = [
            (positions[index], inserted[index])
            for positions, inserted in zip(selected, values, strict=True)
        ]
        frozen = selected[0][index] if shared_mask else None
        targets = [
            target_of(int(part[tile]), picture, job.grid, job.device)
            for picture, part in zip(job.pictures, parts, strict=True)
        ]
        own.append(Tile(targets, substitutions, frozen))
    loss_weights = job.recipe.loss_weights(len(job.pictures))
    rounding = Rounding(job.steps, _start(job, tiles), job.device)
    return Problem(job.architecture, own, loss_weights, job.lock, rounding)


def _secret_tiles(job: Job, secret: Secret) -> npt.NDArray[np.int64]:
    """Which tile of a secret picture is in each tile of the carrier."""
    return np.argsort(secret_places(secret.key, job.nonce, job.grid.tiles))


def _train(
    job: Job,
    stage: str,
    tiles: range,
    make_problem: Callable[[], Problem],
    start: Callable[[], Parameters],
) -> tuple[Parameters, list[float]]:
    """Train one stage of some tiles, or take what a run before has left of it.

    This is the one place that asks the checkpoint.
    """
    kept, options = job.checkpoint, job.options
    finished = None if kept is None else kept.finished(stage, tiles, job.device)
    if finished is not None:
        return finished
    state = None if kept is None else kept.state(stage, tiles, job.device)
    if state is None:
        seed = job.number(f"{stage}/{tiles.start}") % 2**63
        state = State.begin(start(), seed)
    problem = make_problem()
    on_step = options.on_step if stage == JOINT else None
    if on_step is not None and state.step == 0:
        on_step(0, tiles, lambda: problem.seen(state.shared).to_weights())
    phase = job.recipe.cover if stage == COVER else job.recipe.joint
    budget = job.seconds_for(stage, tiles, state.spent)
    schedule = Schedule(phase, budget, begun=(state.step, state.spent))

    def after_step(state: State) -> None:
        if kept is not None:
            kept.keep(stage, tiles, state, job.elapsed)
        if on_step is not None:
            on_step(state.step, tiles, lambda: problem.seen(state.shared).to_weights())

    def report(state: State) -> None:
        try:
            _tell(options.on_progress, stage, tiles, job.grid.tiles, schedule, state)
        except BaseException:  # Ctrl-C too: between two steps the state is whole
            if kept is not None:
                kept.write(stage, tiles, state, job.elapsed)
            raise

    trained = train(
        problem,
        job.recipe,
        schedule,
        state,
        precision=options.precision,
        target_psnr=options.psnr if stage == JOINT else None,
        on_step=after_step,
        on_report=report,
    )
    errors = problem.errors(trained)
    if kept is not None:
        kept.finish(stage, tiles, trained, errors, job.elapsed)
    return trained, errors


def _tell(
    on_progress: OnProgress | None,
    stage: str,
    tiles: range,
    all_tiles: int,
    schedule: Schedule,
    state: State,
) -> None:
    """Report progress to a caller who wants to know. Raises StoppedError if they say so."""
    if on_progress is None:
        return
    progress = Progress(
        stage=stage,
        step=state.step,
        steps=schedule.steps(state),
        psnr=state.psnr,
        seconds_left=schedule.seconds_left(state),
        tiles_done=tiles.start,
        tiles_at_once=len(tiles),
        tiles=all_tiles,
    )
    if on_progress(progress) is False:
        raise StoppedError("stopped")
