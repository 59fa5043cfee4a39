"""Names that would destroy a file are refused before any work is done."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sirensong.carrier.file import CARRIER_ENDING
from sirensong.errors import SettingError
from sirensong.files import STANDARD, file_errors

Named = Sequence[tuple[str, Path]]
"""Files, each with what it is, such as "the output"."""


def refuse_same(written: Named, read: Named) -> None:
    """Refuse a name for what is written that names another file of the command too.

    Args:
        written: files that the command writes.
        read: files that it reads, which may be the same as each other.

    Raises:
        SettingError: two names, or two links, are one file.
    """
    for index, (what, path) in enumerate(written):
        for other, its in (*written[index + 1 :], *read):
            if _same(path, its):
                raise SettingError(
                    f"{what} is {other} too: {path}", hint="choose another name for what is written"
                )


def _same(one: Path, other: Path) -> bool:
    if STANDARD in (str(one), str(other)):
        return False
    with file_errors("write", one):
        if one.resolve() == other.resolve():
            return True
    with file_errors("read", other):
        return one.exists() and other.exists() and one.samefile(other)


def check_carrier_ending(output: Path) -> None:
    """Check that a carrier's name says what it is.

    Raises:
        SettingError: it does not end in .safetensors.
    """
    if output.suffix == CARRIER_ENDING:
        return
    stem = output.stem if output.suffix else output.name
    raise SettingError(
        f"cannot write {output}: carriers end in {CARRIER_ENDING}, "
        f"got {output.suffix or 'no ending'}",
        hint=f"-o {output.with_name(f'{stem}{CARRIER_ENDING}')}" if stem else None,
    )
