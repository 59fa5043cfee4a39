"""What `--json` prints: one shape for all commands that make or look at carriers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sirensong.carrier.file import VERSION, dumps
from sirensong.carrier.stego import StegoFunction
from sirensong.cli.console import print_json, quality_table
from sirensong.files import STANDARD, file_errors
from sirensong.network.siren import Architecture
from sirensong.network.tiles import Grid
from sirensong.verify import Measured, ReadBack
from sirensong.version import __version__

JSON_SHAPE = (
    "--json prints an object with name (of the command), version, file, bytes, width, height, "
    "tiles, fingerprint, seconds, and pictures: a list of objects with picture, psnr, ssim, rmse "
    "and mae, and with original, the same numbers against the original, where a picture was made "
    "smaller. Where files are hidden it has files too: file, bytes, coded (bytes with parity) and "
    "mended (of these). What a command does not know is left out, and what has no number is null."
)
"""What the help of commands that print JSON ends with."""

_DECIMALS = 4


def print_result(command: str, facts: dict[str, Any]) -> None:
    """Print the result of a command as JSON.

    Args:
        command: its name.
        facts: what it tells besides; fractions are rounded to four decimals.
    """
    print_json(_rounded({"name": command, "version": __version__, **facts}))


def report(
    command: str,
    path: Path,
    stego: StegoFunction,
    pictures: Sequence[Measured | ReadBack],
    *,
    json: bool,
    **facts: Any,
) -> None:
    """Print how close a carrier's pictures have come, as a table or as JSON.

    Args:
        command: that measured them.
        path: the carrier.
        stego: what was read from it.
        pictures: as they were measured.
        json: print JSON, which has the carrier's own facts too.
        facts: more of them, for JSON.
    """
    if not json:
        quality_table(pictures, str(path))
        return
    measured = [one.as_json() for one in pictures if isinstance(one, Measured)]
    files = [one.as_json() for one in pictures if isinstance(one, ReadBack)]
    found = {"pictures": measured} | ({"files": files} if files else {})
    print_result(command, carrier_facts(path, stego) | facts | found)


def carrier_facts(path: Path, stego: StegoFunction) -> dict[str, Any]:
    """What a carrier shows to anybody, by name.

    Args:
        path: its file, or "-".
        stego: what was read from it.

    Raises:
        FileError: the file has gone.
    """
    size = file_size(path, stego)
    return {
        "file": str(path),
        "format": VERSION,
        "bytes": size,
        "width": stego.width,
        "height": stego.height,
        **network_facts(stego.grid, stego.architecture),
        "bits_per_pixel": 8 * size / (stego.height * stego.width),
        "fingerprint": stego.fingerprint,
    }


def network_facts(grid: Grid, architecture: Architecture) -> dict[str, Any]:
    """The tiles and their networks, by name."""
    return {
        "tiles": {"columns": grid.columns, "rows": grid.rows},
        "hidden_features": architecture.hidden_features,
        "hidden_layers": architecture.hidden_layers,
        "omega": float(architecture.omega),
        "parameters": grid.tiles * architecture.parameters,
    }


def file_size(path: Path, stego: StegoFunction) -> int:
    """Bytes of a carrier; of one from standard input, of the same written again."""
    if str(path) == STANDARD:
        return len(dumps(stego))
    with file_errors("read", path):
        return path.stat().st_size


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DECIMALS)
    if isinstance(value, dict):
        return {name: _rounded(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_rounded(part) for part in value]
    return value
