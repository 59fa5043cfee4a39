"""Many carriers from one list, several at once.

Each job stands alone, wherever it runs. It is redone when its worker dies, and not done twice.
"""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sirensong.carrier.file import CARRIER_ENDING, load
from sirensong.errors import FormatError, SirensongError
from sirensong.files import StrPath, read_bytes, refuse_existing
from sirensong.hide import hide
from sirensong.keys.secret import read_key
from sirensong.network.mask import mask_path, read_mask
from sirensong.training.options import Options
from sirensong.training.recipe import Recipe
from sirensong.verify import (
    Measured,
    ReadBack,
    expect,
    expect_secret,
    measure_all,
    shortfalls,
    unlike_decoys,
)
from sirensong.workers import spread

_LARGEST_LIST = 16 * 1024 * 1024
_COLUMNS = ("output", "cover", "secrets")


@dataclass(frozen=True)
class Job:
    """One row: a carrier to be made.

    Args:
        output: path of the carrier.
        cover: path of the cover picture.
        secrets: pairs of key file and picture.
    """

    output: Path
    cover: Path
    secrets: tuple[tuple[Path, Path], ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Args:
        output: the carrier's file name.
        pictures: quality of each picture, cover first; empty unless it was done now.
        error: why it failed, None if it did not.
        done_before: it was finished already.
        notes: what was lost on reading the pictures.
        seconds: what it took.
    """

    output: str
    pictures: tuple[Measured | ReadBack, ...] = ()
    error: str | None = None
    done_before: bool = False
    notes: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class Order:
    """How to do every job: plain data, which workers elsewhere can be sent.

    Args:
        recipe: how functions are trained.
        within: (height, width) to make covers smaller to.
        secret_within: (height, width) to make secret pictures smaller to.
        seed: as in `Options`.
        device: as in `Options`.
        decoys: paths of pictures, or a pool, as in `hide`.
    """

    recipe: Recipe
    within: tuple[int, int] | None = None
    secret_within: tuple[int, int] | None = None
    seed: int | None = None
    device: str = "auto"
    decoys: Sequence[StrPath] = ()


def read_jobs(path: StrPath, folder: StrPath) -> tuple[list[Job], list[Outcome]]:
    """Read a list of jobs, and the rows of it that cannot be one.

    Args:
        path: a CSV file with the header output,cover,secrets. The output is a file name that ends
            in .safetensors, the cover a picture; secrets, and as many further columns as a row
            needs, KEYFILE=SECRET. Paths are seen from the list's own folder.
        folder: for the outputs.

    Raises:
        FileError: the list cannot be read.
        FormatError: it has no such header, or is not CSV.
    """
    data = read_bytes(path, cap=_LARGEST_LIST, what="a list of jobs")
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{path} is not a list of jobs: {str(error).lower()}") from None
    header = tuple(cell.strip() for cell in rows[0]) if rows else ()
    if header[:3] != _COLUMNS:
        raise FormatError(
            f"{path} is not a list of jobs: expected a first row of {','.join(_COLUMNS)}, "
            f"got {','.join(header)[:60]!r}"
        )
    # Workers may stand in other folders, so paths are made absolute.
    base, target = Path(path).resolve().parent, Path(folder).resolve()
    jobs, bad, seen = [], [], set()
    for number, row in enumerate(rows[1:], start=2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        try:
            job = _job(cells, base, target)
            if job.output in seen:
                raise FormatError(f"{job.output.name} is the output of an earlier row too")
            seen.add(job.output)
            jobs.append(job)
        except FormatError as error:
            bad.append(Outcome(cells[0] or f"row {number}", error=f"row {number}: {error.message}"))
    return jobs, bad


def _job(cells: list[str], base: Path, folder: Path) -> Job:
    output, cover, *secrets = cells if len(cells) > 1 else (*cells, "")
    if any("\0" in cell for cell in cells):
        raise FormatError("a name has a NUL character")
    if not output or Path(output).name != output:
        raise FormatError(f"expected a file name for the output, got {output!r}")
    if Path(output).suffix != CARRIER_ENDING:  # so that no two outputs have one mask
        raise FormatError(f"expected an output that ends in {CARRIER_ENDING}, got {output!r}")
    if not cover:
        raise FormatError("the cover is missing")
    pairs = [cell.partition("=") for cell in secrets if cell]
    if not pairs or not all(key and picture for key, _, picture in pairs):
        raise FormatError("expected at least one secret, each KEYFILE=SECRET")
    return Job(
        folder / output,
        base / cover,
        tuple((base / key, base / picture) for key, _, picture in pairs),
    )


def run_job(job: Job, order: Order) -> Outcome:
    """Do one job in this process, unless its output is there.

    It runs on one thread, so that it comes out the same wherever it runs. The output may be there
    though the caller did not see it: a worker can die between writing it and telling so.

    Args:
        job: what to make.
        order: how to make it.
    """
    name = job.output.name
    try:
        refuse_existing(job.output, overwrite=True)
        return _done_before(job) if job.output.exists() else _make(job, order)
    except SirensongError as error:
        return Outcome(name, error=error.message)
    except MemoryError:
        return Outcome(name, error="not enough memory")


def _make(job: Job, order: Order) -> Outcome:
    started = time.monotonic()
    cover = expect(job.cover, job.cover.name, within=order.within)
    secrets = [
        expect_secret(path, path.name, within=order.secret_within, key=read_key(key))
        for key, path in job.secrets
    ]
    pairs = [(secret.key, secret.content) for secret in secrets if secret.key is not None]
    hidden = hide(
        cover.rgb,
        pairs,
        recipe=order.recipe,
        options=Options(seed=order.seed, device=order.device, threads=1),
        decoys=order.decoys,
    )
    mask = hidden.save(job.output, overwrite=True)
    pictures = [cover, *secrets]
    known = None if mask is None else read_mask(mask)
    measured: list[Measured | ReadBack] = []
    try:
        measured = measure_all(load(job.output), pictures, known)
        lost = shortfalls(measured, hidden.psnr)
    except FormatError as error:
        lost = [error.message]
    if lost:  # the same list, run again, must not take it for done
        job.output.unlink()
        mask_path(job.output).unlink(missing_ok=True)
    return Outcome(
        job.output.name,
        pictures=tuple(measured),
        error="; ".join(lost) or None,
        notes=(
            *(note for picture in pictures for note in picture.notes),
            *(unlike_decoys(secrets, order.decoys) if order.recipe.functions else ()),
        ),
        seconds=time.monotonic() - started,
    )


def run_jobs(
    jobs: Sequence[Job], order: Order, *, workers: int | None = None, cluster: str | None = None
) -> Iterator[Outcome]:
    """Do all jobs whose output is not there yet, several at once.

    A job whose worker dies is done again.

    Args:
        jobs: what to make.
        order: how to make it.
        workers: as `sirensong.workers.spread` takes them.
        cluster: as `sirensong.workers.spread` takes it; its workers must see the same files.

    Yields:
        Each job's outcome, as it comes.

    Raises:
        SirensongError: as `spread` raises it.
    """
    waiting = {}
    for job in jobs:
        outcome = _outcome_at_once(job)
        if outcome is None:
            waiting[job.output.name] = job
        else:
            yield outcome
    work = partial(run_job, order=order)
    for _, outcome in spread(work, waiting, workers=workers, cluster=cluster):
        yield outcome


def _outcome_at_once(job: Job) -> Outcome | None:
    """The outcome of a job that is done, or that cannot be begun; None for all others."""
    name, mask = job.output.name, mask_path(job.output)
    try:
        refuse_existing(job.output, overwrite=True)
        if job.output.exists():
            return _done_before(job)
        if mask.exists():  # another carrier's; later it can only be what a dead worker left
            return Outcome(name, error=f"{mask} exists, without its carrier")
    except SirensongError as error:
        return Outcome(name, error=error.message)
    return None


def _done_before(job: Job) -> Outcome:
    load(job.output)
    return Outcome(job.output.name, done_before=True)
