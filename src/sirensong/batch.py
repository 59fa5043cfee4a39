"""Many carriers from one list: each job alone, wherever it runs, redone when its worker dies, and not twice."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sirensong.carrier.file import load
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import FormatError, SirensongError
from sirensong.files import StrPath, read_bytes
from sirensong.hide import hide
from sirensong.keys.secret import read_key
from sirensong.network.mask import mask_path
from sirensong.network.rendering import render_uint8
from sirensong.pictures.image import read_picture
from sirensong.pictures.metrics import measure
from sirensong.reveal import SecretFunction, unlock
from sirensong.training.options import Options
from sirensong.training.recipe import Recipe
from sirensong.workers import spread

_LARGEST_LIST = 16 * 1024 * 1024
_COLUMNS = ("output", "cover", "secrets")


@dataclass(frozen=True)
class Job:
    """One row: a carrier to be made. output, cover: paths. secrets: pairs of key file and picture."""

    output: Path
    cover: Path
    secrets: tuple[tuple[Path, Path], ...]


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    psnr: dB, cover first, None if it failed. error: why it failed. done_before: it was finished already. notes: what was lost on
    reading the pictures.
    """

    output: str
    psnr: tuple[float, ...] | None = None
    error: str | None = None
    done_before: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Order:
    """How to do every job.

    recipe: how functions are trained. within: (height, width) to make pictures smaller to. seed, device, decoys: as in hide.
    """

    recipe: Recipe
    within: tuple[int, int] | None = None
    seed: int | None = None
    device: str = "auto"
    decoys: tuple[StrPath, ...] = ()


def read_jobs(path: StrPath, folder: StrPath) -> tuple[list[Job], list[Outcome]]:
    """Read a list of jobs, and the rows of it that cannot be one.

    path: a CSV file with the header output,cover,secrets. output is a file name, made in `folder`; cover a picture; secrets, and
    as many further columns as a row needs, KEYFILE=PICTURE. Paths are seen from the list's own folder. Raises FileError or
    FormatError if the list cannot be read or has no such header.
    """
    data = read_bytes(path, cap=_LARGEST_LIST, what="a list of jobs")
    try:
        rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FormatError(f"{path} is no list of jobs: {str(error).lower()}") from None
    header = tuple(cell.strip() for cell in rows[0]) if rows else ()
    if header[:3] != _COLUMNS:
        raise FormatError(
            f"{path} is no list of jobs: expected a first row of {','.join(_COLUMNS)}, got {','.join(header)[:60]!r}"
        )
    jobs, bad, seen = [], [], set()
    for number, row in enumerate(rows[1:], start=2):
        cells = [cell.strip() for cell in row]
        if not any(cells):
            continue
        try:
            job = _job(
                cells, Path(path).resolve().parent, Path(folder).resolve()
            )  # workers may stand in other folders
            if job.output in seen:
                raise FormatError(f"{job.output.name} is the output of an earlier row too")
            seen.add(job.output)
            jobs.append(job)
        except FormatError as error:
            bad.append(Outcome(cells[0] or f"row {number}", error=f"row {number}: {error.message}"))
    return jobs, bad


def _job(cells: list[str], base: Path, folder: Path) -> Job:
    output, cover, *secrets = cells if len(cells) > 1 else (*cells, "")
    if not output or Path(output).name != output:
        raise FormatError(f"expected a file name for the output, got {output!r}")
    if not cover:
        raise FormatError("the cover is missing")
    pairs = [cell.partition("=") for cell in secrets if cell]
    if not pairs or not all(key and picture for key, _, picture in pairs):
        raise FormatError("expected at least one secret, each KEYFILE=PICTURE")
    return Job(
        folder / output,
        base / cover,
        tuple((base / key, base / picture) for key, _, picture in pairs),
    )


def run_job(job: Job, order: Order) -> Outcome:
    """Do one job in this process, on one thread so that it comes out the same wherever it runs; not if its output is there.

    It may be there though the caller did not see it: a worker can die between writing it and telling so.
    """
    if job.output.exists():
        return _done_before(job)
    try:
        opened = [
            read_picture(path, within=order.within)
            for path in (job.cover, *(path for _, path in job.secrets))
        ]
        pictures = [picture.rgb for picture in opened]
        keys = [read_key(path) for path, _ in job.secrets]
        hidden = hide(
            pictures[0],
            list(zip(keys, pictures[1:], strict=True)),
            recipe=order.recipe,
            options=Options(seed=order.seed, device=order.device, threads=1),
            decoys=order.decoys,
        )
        hidden.save(job.output, overwrite=True)
        stego = load(job.output)
        functions: list[StegoFunction | SecretFunction] = [
            stego,
            *(unlock(stego, key, mask=hidden.mask) for key in keys),
        ]
        renders = (
            render_uint8(function, (function.height, function.width)) for function in functions
        )
        psnr = tuple(
            measure(picture, render).psnr for picture, render in zip(pictures, renders, strict=True)
        )
    except SirensongError as error:
        return Outcome(job.output.name, error=error.message)
    except MemoryError:
        return Outcome(job.output.name, error="not enough memory")
    return Outcome(
        job.output.name,
        psnr=psnr,
        notes=tuple(note for picture in opened for note in picture.notes),
    )


def run_jobs(
    jobs: Sequence[Job], order: Order, *, workers: int | None = None, cluster: str | None = None
) -> Iterator[Outcome]:
    """Do all jobs whose output is not there yet, several at once, and yield each outcome as it comes.

    workers, cluster: as `sirensong.workers.spread` takes them; the cluster's must see the same files. A job whose worker dies is
    done again. Raises what `spread` raises.
    """
    waiting = {}
    for job in jobs:
        if job.output.exists():
            yield _done_before(job)
        elif mask_path(
            job.output
        ).exists():  # another carrier's; later a mask there can only be what a dead worker left
            yield Outcome(
                job.output.name, error=f"{mask_path(job.output)} exists, without its carrier"
            )
        else:
            waiting[job.output.name] = job
    yield from (
        outcome
        for _, outcome in spread(
            partial(run_job, order=order), waiting, workers=workers, cluster=cluster
        )
    )


def _done_before(job: Job) -> Outcome:
    try:
        load(job.output)
    except SirensongError as error:
        return Outcome(job.output.name, error=error.message)
    return Outcome(job.output.name, done_before=True)
