"""StegExpose as a program: reads files as Java does, and prints the original's table."""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from sirensong.errors import FormatError, SettingError
from sirensong.files import StrPath, file_errors, read_bytes
from sirensong.lab.steganalysis.stegexpose import THRESHOLD, Samples, Verdict, analyse

_LARGEST_BYTES = 1024**3
_HEADER = (
    "File name,Above stego threshold?,Secret message size in bytes (ignore for clean files),"
    "Primary Sets,Chi Square,Sample Pairs,RS analysis,Fusion (mean{})"
)


def analyse_file(path: StrPath, *, fast: bool = False, threshold: float = THRESHOLD) -> Verdict:
    """Run the detectors on a picture's file.

    Alpha is ignored, and so is the orientation in EXIF.

    Args:
        path: of the picture.
        fast: as in `analyse`.
        threshold: as in `analyse`.

    Raises:
        FileError: the file cannot be read.
        FormatError: it is not an image of 8 bits a sample.
        SettingError: the threshold is out of range.
    """
    data = read_bytes(path, cap=_LARGEST_BYTES, what="an image")
    verdict = analyse(_decode(data, str(path)), fast=fast, threshold=threshold)
    return replace(verdict, name=Path(path).name, size=len(data))


def _decode(data: bytes, name: str) -> Samples:
    """A picture's samples, grey ones as they are.

    Grey of a palette, as in GIF, or of fewer than 8 bits is colours to Java, too.
    """
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data)) as opened:
            warnings.simplefilter("ignore")  # of odd metadata
            tile = str(opened.tile)
            deep = opened.mode.startswith(("I", "F")) or ";16" in tile
            whole_bytes = opened.format != "GIF" and ";" not in tile
            if opened.mode in ("L", "LA") and whole_bytes:
                samples = np.asarray(opened.getchannel("L"))
            else:
                samples = np.asarray(opened.convert("RGB"))
    except Exception as error:  # Pillow's decoders raise whatever the damage leads them into
        raise FormatError(
            f"{name} is not an image that can be read: it is damaged or too large"
        ) from error
    if deep:
        raise FormatError(
            f"{name} has more than 8 bits a sample, which StegExpose does not look at"
        )
    return samples


def files_in(folder: StrPath) -> list[Path]:
    """The files of a folder, sorted by name.

    Raises:
        FileError: it cannot be read.
    """
    with file_errors("read", folder):
        return sorted(path for path in Path(folder).iterdir() if path.is_file())


def analyse_files(
    paths: Iterable[Path], *, fast: bool = False, threshold: float = THRESHOLD
) -> list[Verdict]:
    """Run the detectors on pictures. Files that are not images are left out.

    Args:
        paths: of the files.
        fast: as in `analyse`.
        threshold: as in `analyse`.

    Raises:
        FileError: a file cannot be read.
        SettingError: the threshold is out of range.
    """
    verdicts = []
    for path in paths:
        with contextlib.suppress(FormatError):
            verdicts.append(analyse_file(path, fast=fast, threshold=threshold))
    return verdicts


def to_csv(verdicts: Sequence[Verdict]) -> str:
    """Write verdicts as the original does: an empty line, the header, a line a picture.

    Names are not quoted. What failed or was skipped is `null`, as is the message's size without a
    file.

    Args:
        verdicts: all of the fast mode, or all of the default mode.

    Raises:
        SettingError: some are of either, which the header cannot say.
    """
    modes = {verdict.fast for verdict in verdicts}
    if len(modes) > 1:
        raise SettingError(
            "one table holds verdicts of the fast mode or of the default mode, got both"
        )
    header = _HEADER.format(" & fast" if True in modes else "")
    lines = [",".join(_fields(verdict)) for verdict in verdicts]
    return "\n".join(["", header, *lines, ""])


def _fields(verdict: Verdict) -> Iterator[str]:
    yield verdict.name
    yield "true" if verdict.is_stego else "false"
    yield "null" if verdict.hidden_bytes is None else str(verdict.hidden_bytes)
    for score in (
        verdict.primary_sets,
        verdict.chi_square,
        verdict.sample_pairs,
        verdict.rs_analysis,
        verdict.fusion,
    ):
        yield "null" if score is None else _java(score)


def _java(value: float) -> str:
    """A double in 0 to 1 as Java prints it.

    With an exponent below a thousandth, and with at least one digit behind the point.
    """
    if math.isnan(value):
        return "NaN"
    if 0 < value < 1e-3:
        return np.format_float_scientific(value, trim="0", exp_digits=1).upper()
    return repr(float(value))
