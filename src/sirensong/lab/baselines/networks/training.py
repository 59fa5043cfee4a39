"""One training loop for all trained schemes, for a budget of minutes.

Adam, a warm-up, then a cosine down to nothing at the budget's end; gradients are clipped. The
budget is the processor's own clock, so that other programs' share does not count; on a GPU it is
the wall's. Each step's crops come from the seed and the step's number. A run goes on from its last
snapshot: one that was stopped from its last step, one that was killed from up to a minute before.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from sirensong.errors import FormatError, StoppedError, TrainingDivergedError
from sirensong.files import read_bytes, write_bytes
from sirensong.lab.baselines.networks.crops import Crops
from sirensong.lab.baselines.networks.network import HidingNetwork
from sirensong.training.device import use_threads

_WARM_UP = 100  # steps
_CLIP = 1.0  # of all gradients' norm
_SNAPSHOT = 60.0  # seconds between two snapshots
_LARGEST_SNAPSHOT = 2**32
_SPIKE = 4.0  # times the usual loss: the step is not taken, and if it stays so training goes back
_PATIENCE = 20  # steps with a spike before it goes back
_MEMORY = 0.98  # of the running mean of the loss


@dataclass(frozen=True)
class Budget:
    """How much is trained.

    Attributes:
        minutes: of one thread's or GPU's work; two threads use up two a minute.
        batch: sets of crops a step.
        seed: of the crops and of the network's start.
        threads: of the processor.
        device: "cpu" or "cuda".
    """

    minutes: float
    batch: int = 4
    seed: int = 0
    threads: int = 1
    device: str = "cpu"


@dataclass
class Progress:
    """How far a training has come.

    Attributes:
        steps: that were taken.
        minutes: that were used up, as `Budget` counts them.
        loss: running mean of the loss.
        scale: of the step size: halved whenever training had to go back.
        spikes: steps on end that were not taken, since their loss was far above the usual.
    """

    steps: int = 0
    minutes: float = 0.0
    loss: float = math.nan
    scale: float = 1.0
    spikes: int = 0

    def accept(self, loss: float) -> bool:
        """Say whether to take the step that has this loss: not if it is far above the usual."""
        if not math.isfinite(loss) or loss > _SPIKE * self.loss:
            self.spikes += 1
            return False
        self.spikes = 0
        usual = loss if math.isnan(self.loss) else self.loss
        self.loss = _MEMORY * usual + (1 - _MEMORY) * loss
        return True

    @property
    def must_go_back(self) -> bool:
        """Whether the loss does not come down any more."""
        return self.spikes >= _PATIENCE


Tell = Callable[[Progress], None]


def train(
    network: HidingNetwork,
    crops: Crops,
    secrets: int,
    budget: Budget,
    *,
    snapshot: Path | None = None,
    tell: Tell | None = None,
) -> Progress:
    """Train a network until its budget is used up.

    Args:
        network: trained in place; left on the CPU and ready to use.
        crops: the training pictures.
        secrets: how many pictures each stego picture hides.
        budget: how long, and with what.
        snapshot: a file from which a stopped run goes on. It is left for the caller to delete, once
            the result is safe.
        tell: is called after each step, and may stop the run by a StoppedError.

    Returns:
        How far it came.

    Raises:
        StoppedError: `tell` stopped it; the snapshot has all steps that were taken.
        TrainingDivergedError: the loss is not finite, even with much smaller steps.
        FileError: the snapshot cannot be written.
        FormatError: the snapshot is of another network.
    """
    network.to(budget.device).train()
    optimizer = torch.optim.Adam(network.parameters(), lr=network.rate)
    run = _Run(network, optimizer, Progress(), snapshot)
    run.resume()
    clock = _Clock(budget.device, run.progress.minutes)
    with use_threads(budget.threads):
        try:
            _take_steps(run, crops, secrets, budget, clock, tell)
        except StoppedError:
            run.keep()
            raise
    run.progress.minutes = clock.minutes
    network.early = False
    network.cpu().eval()
    return run.progress


def _take_steps(
    run: _Run, crops: Crops, secrets: int, budget: Budget, clock: _Clock, tell: Tell | None
) -> None:
    """Train until the budget is used up, one step at least."""
    kept = clock.minutes
    while (minutes := clock.minutes) < budget.minutes or run.progress.steps == 0:
        run.progress.minutes = minutes
        batch = _batch(crops, secrets, budget, run.progress.steps)
        share = minutes / budget.minutes
        run.network.early = share < 1 / 2
        run.step(batch, _rate(run.progress, share))
        if tell is not None:
            tell(run.progress)
        if (minutes - kept) * 60 >= _SNAPSHOT:
            run.keep()
            kept = minutes


class _Clock:
    """Minutes of work, from those that an earlier run has used up."""

    def __init__(self, device: str, before: float) -> None:
        self._now = time.process_time if device == "cpu" else time.monotonic
        self._start = self._now() - 60 * before

    @property
    def minutes(self) -> float:
        return (self._now() - self._start) / 60


def _rate(progress: Progress, share: float) -> float:
    """The step size's share of its highest value."""
    warm = min(1.0, (progress.steps + 1) / _WARM_UP)
    return progress.scale * warm * (1 + math.cos(math.pi * min(1.0, share))) / 2


def _batch(crops: Crops, secrets: int, budget: Budget, step: int) -> tuple[Tensor, Tensor]:
    """A step's covers and secrets."""
    rng = np.random.default_rng([budget.seed, step])
    drawn = torch.from_numpy(crops.draw(budget.batch * (secrets + 1), rng)).to(budget.device)
    sets = drawn.reshape(budget.batch, 3 * (secrets + 1), crops.side, crops.side)
    return sets[:, :3], sets[:, 3:]


class _Run:
    """A network under training, and where it was when all was well."""

    def __init__(
        self,
        network: HidingNetwork,
        optimizer: torch.optim.Adam,
        progress: Progress,
        snapshot: Path | None,
    ) -> None:
        self.network, self.optimizer, self.progress = network, optimizer, progress
        self._snapshot, self._rate = snapshot, network.rate
        self._good = self._state()

    def step(self, batch: tuple[Tensor, Tensor], rate: float) -> None:
        """Take one step; a loss far above the usual one changes nothing."""
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate * rate
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.network.loss(*batch)
        self.progress.steps += 1
        if not self.progress.accept(float(loss.detach())):
            if self.progress.must_go_back:
                self._go_back()
            return
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _CLIP)
        self.optimizer.step()

    def keep(self) -> None:
        """Remember this state if all is well; the snapshot's file gets the last such state."""
        if not self.progress.spikes:
            self._good = self._state()
        if self._snapshot is None:
            return
        from safetensors.torch import save

        progress = self.progress
        numbers = [progress.steps, progress.minutes, progress.loss, progress.scale]
        tensors = dict(self._good, progress=torch.tensor(numbers, dtype=torch.float64))
        write_bytes(self._snapshot, save(tensors), overwrite=True)

    def resume(self) -> None:
        """Go on from the snapshot's file, if there is one."""
        if self._snapshot is None or not self._snapshot.exists():
            return
        from safetensors import SafetensorError
        from safetensors.torch import load

        data = read_bytes(self._snapshot, cap=_LARGEST_SNAPSHOT, what="a snapshot of a training")
        try:
            tensors = load(data)
            steps, minutes, loss, scale = tensors.pop("progress").tolist()
            progress = Progress(int(steps), minutes, loss, scale)
            self._restore(tensors)
        except (SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise FormatError(
                f"{self._snapshot} is no snapshot of this training",
                hint="delete it to start anew",
            ) from error
        self.progress, self._good = progress, tensors

    def _go_back(self) -> None:
        """To the last good state, with half the step size."""
        self.progress.scale /= 2
        self.progress.spikes = 0
        if self.progress.scale < 1e-3:
            raise TrainingDivergedError("the loss stays far above what it was")
        self._restore(self._good)

    def _state(self) -> dict[str, Tensor]:
        """Copies of the weights, and of what the optimizer remembers."""
        state = {f"network.{name}": value for name, value in self.network.state_dict().items()}
        for place, moments in self.optimizer.state_dict()["state"].items():
            state |= {f"adam.{place}.{name}": value for name, value in moments.items()}
        return {name: value.detach().cpu().clone() for name, value in state.items()}

    def _restore(self, state: dict[str, Tensor]) -> None:
        weights = {
            name.removeprefix("network."): value
            for name, value in state.items()
            if name.startswith("network.")
        }
        self.network.load_state_dict(weights)
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in state.items():
            if name.startswith("adam."):
                _, place, what = name.split(".")
                moments.setdefault(int(place), {})[what] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
