"""The process that plans and trains: orders come in, events go out, nothing is written."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from sirensong.carrier.file import dumps, loads
from sirensong.errors import FormatError, SirensongError
from sirensong.hide import hide, plan
from sirensong.keys.given import AnyKey
from sirensong.pictures.image import fit_within, size_of
from sirensong.serve.answers import failure
from sirensong.serve.live import SIDE, Live, Tell, png_of
from sirensong.serve.uploads import Upload
from sirensong.training.capacity import largest_layout
from sirensong.training.loading import loading
from sirensong.training.options import Options
from sirensong.training.recipe import Recipe
from sirensong.verify import Expected, ExpectedFile, measure_all, shortfalls, unlike_decoys


@dataclass(frozen=True)
class Order:
    """What is to be made.

    Args:
        cover: the cover.
        secrets: what is hidden, and the key of each.
        recipe: how functions are trained.
        decoys: pictures to take decoys from, or a pool.
    """

    cover: Upload
    secrets: tuple[tuple[Upload, AnyKey], ...]
    recipe: Recipe
    decoys: Sequence[Path] = ()

    def open(self) -> tuple[Expected, list[Expected | ExpectedFile]]:
        """Read the cover and the secrets."""
        return self.cover.as_cover(), [upload.as_secret(key) for upload, key in self.secrets]

    def arguments(
        self, cover: Expected, secrets: Sequence[Expected | ExpectedFile]
    ) -> dict[str, Any]:
        """What the library's `hide` and `plan` take, without options."""
        return {
            "cover": cover.rgb,
            "secrets": [(secret.key, secret.content) for secret in secrets],
            "recipe": self.recipe,
            "decoys": self.decoys,
        }


Work = Callable[[Order, Tell], None]
"""What the process can do with an order. It may be ended at any moment."""


def estimate(order: Order, tell: Tell) -> None:
    """Say what an order would make and take, as `sirensong hide --dry-run` does."""
    cover, secrets = order.open()
    size = size_of(cover.rgb)
    room = largest_layout(order.recipe, size, max(1, len(secrets))).room
    planned = plan(**order.arguments(cover, secrets))
    tell(
        {
            "event": "done",
            "bytes": planned.carrier_bytes,
            "seconds": round(planned.seconds, 1),
            "memory_bytes": planned.memory_bytes,
            "psnr": planned.psnr,
            "capacity": room,
        }
    )


def make(order: Order, tell: Tell) -> None:
    """Train, and measure what receivers will see of the carrier's very bytes."""
    begun = time.monotonic()
    cover, secrets = order.open()
    size, recipe = size_of(cover.rgb), order.recipe
    live = Live(size, recipe.grid(*size), recipe.architecture(*size), 1 + len(secrets), tell)
    options = Options(on_progress=live.on_progress, on_step=live.on_step)
    hidden = hide(**order.arguments(cover, secrets), options=options)
    song = dumps(hidden.stego)
    stego = loads(song)
    bound = [replace(one, key=key) for one, key in zip(secrets, hidden.keys, strict=True)]
    try:
        measured = measure_all(stego, [cover, *bound])
    except FormatError as error:
        raise SirensongError(
            f"{error.message}: the song was not kept",
            hint="a higher quality or a larger cover holds the file",
        ) from None
    lost = shortfalls(measured, hidden.psnr)
    if lost:
        raise SirensongError("; ".join(lost), hint="this is a defect, please report it")
    tell({"event": "picture", "png": png_of(stego, fit_within(size, (SIDE, SIDE)))})
    tell(
        {
            "event": "done",
            "song": song,
            "bytes": len(song),
            "seconds": round(time.monotonic() - begun, 1),
            "fingerprint": stego.fingerprint,
            "results": [one.as_json() for one in measured],
            "notes": [*_notes([cover, *secrets]), *unlike_decoys(secrets, order.decoys)],
        }
    )


def main(connection: Connection) -> None:
    """Do what is ordered, one thing at a time, until the other side is closed.

    The server alone ends this process: Ctrl-C reaches both, and would print a traceback here.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(SirensongError), loading("hiding"):
        import sirensong.training.steps  # noqa: F401  # a second or two that nobody waits for
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            # Without names for what came, none of it is kept while nothing is to do.
            connection.send(_outcome(connection.recv(), connection.send))


def _outcome(task: tuple[Work, Order], tell: Tell) -> dict[str, Any] | None:
    """Do some work. Returns what went wrong, None for nothing."""
    work, order = task
    try:
        work(order, tell)
    except SirensongError as error:
        return {"event": "failed", **failure(error.message, error.hint)}
    except MemoryError:
        return {"event": "failed", **failure("not enough memory", "smaller pictures need less")}
    return None


def _notes(read: Sequence[Expected | ExpectedFile]) -> list[str]:
    return [note for one in read for note in one.notes]
