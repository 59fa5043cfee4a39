"""How to run a training, as opposed to what to make."""

from __future__ import annotations

from dataclasses import dataclass

from sirensong.errors import SettingError
from sirensong.files import StrPath
from sirensong.training.progress import Listener, Watcher

DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "fp32", "mixed")


@dataclass(frozen=True)
class Options:
    """How to run, as opposed to what to make.

    seconds: a budget of time that the schedule fits itself to, instead of the recipe's steps, counted from `started`
    (time.monotonic) or from the call. psnr: stop early, once every picture, decoys too, has this PSNR in dB. seed: makes the run
    repeatable, for experiments; what is to be published goes without. device: "auto", "cpu", "cuda". precision: "auto", "fp32" or
    "mixed". threads: of the processor, None for as many as torch takes. checkpoint: a file from which a run that was killed can
    `resume`; `sirensong.hide.discard_checkpoint` deletes it once the result is safe. listener: is called with a Progress a few
    times a second. watcher: sees each group of tiles before its first joint step and after every one, one group after another.
    Raises SettingError for values out of range.
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
    listener: Listener | None = None
    watcher: Watcher | None = None

    def __post_init__(self) -> None:
        if self.seconds is not None and not self.seconds > 0:
            raise SettingError(f"seconds must be above 0, got {self.seconds:g}")
        if self.psnr is not None and not 0 < self.psnr < 100:
            raise SettingError(f"the PSNR to reach must be between 0 and 100 dB, got {self.psnr:g}")
        if self.seed is not None and not 0 <= self.seed < 2**64:
            raise SettingError(f"the seed must be 0 to 2^64 - 1, got {self.seed}")
        if self.device not in DEVICES:
            raise SettingError(f"device is {', '.join(DEVICES)}, got {self.device}")
        if self.precision not in PRECISIONS:
            raise SettingError(f"precision is {', '.join(PRECISIONS)}, got {self.precision}")
        if self.threads is not None and self.threads < 1:
            raise SettingError(f"threads must be at least 1, got {self.threads}")
        if self.resume and self.checkpoint is None:
            raise SettingError("resuming needs a checkpoint")
