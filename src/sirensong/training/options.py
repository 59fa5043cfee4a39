"""How a training is run, as opposed to what it makes; and what it tells on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sirensong.errors import SettingError
from sirensong.files import StrPath
from sirensong.network.siren import Weights

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "fp32", "mixed")


@dataclass(frozen=True)
class Progress:
    """How far training is.

    Args:
        stage: "cover" or "joint".
        step: steps taken within the stage.
        steps: steps that the stage takes, as far as can be told.
        psnr: dB of each function on the batches since the last report, the stego function first
            and decoys last. A batch is a sample of the pixels, so these are estimates.
        seconds_left: estimated seconds to the end of the stage, None if unknown.
        tiles_done: tiles whose training is over.
        tiles_at_once: tiles that are trained together now.
        tiles: all tiles there are.
    """

    stage: str
    step: int
    steps: int
    psnr: tuple[float, ...]
    seconds_left: float | None
    tiles_done: int = 0
    tiles_at_once: int = 1
    tiles: int = 1


OnProgress = Callable[[Progress], object]
"""Called with a Progress a few times a second. If it returns False, the run stops."""

OnStep = Callable[[int, range, Callable[[], Weights]], object]
"""Called with (joint steps done, tiles, get_weights) before the first joint step of some tiles and
after each. get_weights() copies these tiles' stego functions as they are then."""


@dataclass(frozen=True)
class Options:
    """How to run a training, as opposed to what to make.

    Args:
        seconds: a time budget that the schedule fits itself to, instead of the recipe's steps.
        started: when the budget began (time.monotonic), None for the beginning of the call.
        psnr: target PSNR in dB: stop early, once every picture, decoys too, has reached it.
        seed: makes the run repeatable, in [0, 2^64). For experiments; what is published goes
            without.
        device: "auto", "cpu" or "cuda".
        precision: "auto", "fp32" or "mixed".
        threads: threads of the processor while the run lasts, None for as many as torch takes.
        checkpoint: file from which a run that was stopped can be resumed. When the result is safe,
            `sirensong.hide.discard_checkpoint` deletes it.
        resume: go on from the checkpoint. A seeded run without a time budget publishes the same
            bytes as if it had never been stopped.
        on_progress: called with a Progress a few times a second, between two steps. If it returns
            False, the run writes its checkpoint and raises StoppedError; an exception of its own
            is passed on, after the checkpoint is written too.
        on_step: sees the weights before the first joint step of some tiles and after each.

    Raises:
        SettingError: a value is out of range.

    Example:
        >>> Options(seconds=60).seconds
        60
        >>> Options(device="tpu")
        Traceback (most recent call last):
        sirensong.errors.SettingError: device must be one of auto, cpu, cuda; got 'tpu'
    """

    seconds: float | None = None
    started: float | None = None
    psnr: float | None = None
    seed: int | None = None
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    checkpoint: StrPath | None = None
    resume: bool = False
    on_progress: OnProgress | None = None
    on_step: OnStep | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None and not self.seconds > 0:
            raise SettingError(f"seconds must be above 0, got {self.seconds:g}")
        if self.psnr is not None and not 0 < self.psnr < 100:
            raise SettingError(f"the target PSNR must be between 0 and 100 dB, got {self.psnr:g}")
        if self.seed is not None and not 0 <= self.seed < 2**64:
            raise SettingError(f"the seed must be 0 to 2^64 - 1, got {self.seed}")
        _check_one_of("device", self.device, DEVICES)
        _check_one_of("precision", self.precision, PRECISIONS)
        if self.threads is not None and self.threads < 1:
            raise SettingError(f"threads must be at least 1, got {self.threads}")
        if self.resume and self.checkpoint is None:
            raise SettingError("resuming needs a checkpoint")


def _check_one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SettingError(f"{name} must be one of {', '.join(known)}; got {value!r}")
