"""What a hide would make and take, said before it begins."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from sirensong.cli.console import duration, print_facts, print_note
from sirensong.cli.reporting import network_facts, print_result
from sirensong.errors import SirensongError
from sirensong.hide import plan
from sirensong.pictures.image import size_of
from sirensong.training.classes import functions_for
from sirensong.training.options import Options
from sirensong.training.plan import Plan, carrier_bytes
from sirensong.training.quality import expected_psnr, quality_above
from sirensong.training.recipe import Recipe
from sirensong.verify import Expected, ExpectedFile, Measured, ReadBack

LARGE = 100 * 10**6
"""Bytes of a carrier above which the user is asked."""
LONG = 600.0
"""Seconds of training above which the user is asked."""

_WORTH_TIMING = 4 * 10**11  # operations of training; timing a second of fewer would be felt
_WORTH_SAYING = 10.0  # seconds

_SHORT = 2.0  # dB below what the quality promises that are worth a word


@dataclass(frozen=True)
class Request:
    """What is to be made: a cover, its secrets, and how.

    Args:
        command: "hide" or "fit".
        cover: the cover picture.
        secrets: secret pictures and files with their keys.
        recipe: how functions are trained.
        decoys: pictures to take decoys from, or a pool.
        options: how the run is run.
    """

    command: str
    cover: Expected
    secrets: list[Expected | ExpectedFile]
    recipe: Recipe
    decoys: Sequence[Path]
    options: Options

    @property
    def expected(self) -> list[Expected | ExpectedFile]:
        """The cover, then the secrets."""
        return [self.cover, *self.secrets]

    @property
    def pictures(self) -> list[Expected]:
        """Those of them that are pictures."""
        return [one for one in self.expected if isinstance(one, Expected)]

    def arguments(self) -> dict[str, Any]:
        """What the library's `hide` and `plan` take, without options."""
        pairs = [(secret.key, secret.content) for secret in self.secrets]
        return {
            "cover": self.cover.rgb,
            "secrets": pairs,
            "recipe": self.recipe,
            "decoys": self.decoys,
        }

    def plan(self) -> Plan:
        """Estimate what it makes and takes; a second's training is timed for that."""
        return plan(**self.arguments(), options=self.options)


def announce(request: Request, output: Path, *, ask: bool) -> float:
    """Say how large the carrier will be and how long it takes, and ask if that is much.

    Args:
        request: what is to be made.
        output: the carrier's name.
        ask: whether the user may be asked at all; they are only where both standard input and
            standard error are terminals.

    Returns:
        Seconds that the user took to answer.

    Raises:
        SirensongError: they said no.
    """
    height, width = request.cover.rgb.shape[:2]
    grid = request.recipe.grid(height, width)
    size = carrier_bytes(request.recipe, height, width)
    seconds = _seconds(request)
    text = f"{output} takes about {_bytes(size)}, in {grid.columns}x{grid.rows} tiles"
    if seconds is not None and seconds >= _WORTH_SAYING:
        text += f", and about {duration(seconds)}"
    print_note(text)
    much = size > LARGE or (seconds is not None and seconds > LONG)
    if not (ask and much and sys.stdin.isatty() and sys.stderr.isatty()):
        return 0.0
    begun = time.monotonic()
    if not typer.confirm("go on?", err=True):
        raise SirensongError(
            "nothing was made", hint="a smaller --size makes a smaller carrier in less time"
        )
    return time.monotonic() - begun


def note_quality(request: Request, measured: Sequence[Measured | ReadBack]) -> None:
    """Say which pictures are much worse than the quality promises, and what would mend it."""
    bits = request.recipe.coded_bits(*size_of(request.cover.rgb))
    if bits is None:
        return
    stego, secret = expected_psnr(bits)
    for index, picture in enumerate(measured):
        if isinstance(picture, ReadBack):
            continue
        promised = secret if index else stego
        short = promised - picture.quality.psnr
        if short < _SHORT:
            continue
        better = quality_above(bits, short)
        hint = f"--quality {better} would do" if better else "more --steps would help"
        print_note(
            f"{picture.name} has {picture.quality.psnr:.1f} dB where photographs have "
            f"{promised:.0f}: {hint}"
        )


def print_plan(request: Request, output: Path, *, json: bool) -> None:
    """Print what would be made, as a table or as JSON."""
    planned = request.plan()
    if json:
        height, width = request.cover.rgb.shape[:2]
        facts = {
            "file": str(output),
            "bytes": planned.carrier_bytes,
            "expected_psnr": None if planned.psnr is None else list(planned.psnr),
            "width": width,
            "height": height,
            **network_facts(planned.grid, planned.architecture),
            "memory_bytes": planned.memory_bytes,
            "seconds": planned.seconds,
        }
        print_result(request.command, facts)
        return
    network = planned.architecture
    quality = "not measured"
    if planned.psnr is not None:
        stego, secret = planned.psnr
        quality = f"cover {stego:.0f} dB, secrets {secret:.0f} dB, as two photographs have it"
    shown = {
        "tiles": f"{planned.grid.columns}x{planned.grid.rows}",
        "network": f"{network.hidden_layers} layers of {network.hidden_features} features",
        "parameters": planned.parameters,
        "bytes": planned.carrier_bytes,
        "quality": quality,
        "memory": f"about {_bytes(planned.memory_bytes)}",
        "time": f"about {duration(planned.seconds)}",
    }
    print_facts(f"{output} would be", shown, json=False)


def _seconds(request: Request) -> float | None:
    """How long training will take; None if that is not worth finding out."""
    if request.options.seconds is not None:
        return request.options.seconds
    if request.options.resume or _operations(request) < _WORTH_TIMING:
        return None
    return request.plan().seconds


def _operations(request: Request) -> float:
    """Floating-point operations of training, about: six a weight, for each pixel looked at."""
    recipe, (height, width) = request.recipe, request.cover.rgb.shape[:2]
    functions = 1 + functions_for(recipe, len(request.secrets))
    pixels = max(picture.rgb.size // 3 for picture in request.pictures)
    looks: float = recipe.cover.epochs()[-1] * height * width
    looks += recipe.joint.epochs()[-1] * functions * pixels
    return 6.0 * looks * recipe.architecture(height, width).parameters


def _bytes(count: int) -> str:
    if count < 10**6:
        return f"{count / 10**3:.0f} kB"
    if count < 10**9:
        return f"{count / 10**6:.0f} MB"
    return f"{count / 10**9:.1f} GB"
