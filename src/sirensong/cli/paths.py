"""Names that would destroy a file are refused before any work is done."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sirensong.carrier.file import CARRIER_ENDING
from sirensong.errors import FileError, FormatError, SettingError
from sirensong.files import STANDARD, file_errors, refuse_existing
from sirensong.network.mask import mask_path, read_mask
from sirensong.training.loading import loading

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


@dataclass(frozen=True)
class Files:
    """What a hide writes: the carrier, perhaps a mask beside it, and a checkpoint meanwhile.

    Args:
        output: the carrier.
        given_checkpoint: the checkpoint's name, None for one after the carrier's.
        resume: go on from the checkpoint.
        overwrite: replace what is there.
        masked: whether a mask is written.
    """

    output: Path
    given_checkpoint: Path | None
    resume: bool
    overwrite: bool
    masked: bool

    @property
    def checkpoint(self) -> Path:
        """Where the unfinished run is kept."""
        return self.given_checkpoint or self.output.with_name(f"{self.output.name}.checkpoint")

    def check(self, read: Named) -> None:
        """Refuse names that cannot be written, or would destroy another file.

        Args:
            read: the files that the run reads.

        Raises:
            SettingError: the carrier's name has another ending, or two files have one name.
            FileError: a file is in the way, or there is nothing to resume.
        """
        check_carrier_ending(self.output)
        written = [("the output", self.output), ("the checkpoint", self.checkpoint)]
        if self.masked:
            written.append(("the mask", mask_path(self.output)))
        refuse_same(written, read)
        refuse_existing(self.output, overwrite=self.overwrite)
        if self.masked:
            self._check_mask(mask_path(self.output))
        self._check_checkpoint()

    def _check_mask(self, path: Path) -> None:
        refuse_existing(path, overwrite=self.overwrite)
        if path.exists():
            try:
                read_mask(path)
            except FormatError:
                raise FileError(f"{path} exists and is not a mask") from None

    def _check_checkpoint(self) -> None:
        path = self.checkpoint
        refuse_existing(path, overwrite=True)
        with file_errors("write", path), contextlib.suppress(FileNotFoundError):
            Path(f"{path}.tiles").lstat()  # no name that is written is longer
        if not path.exists():
            if self.resume:
                raise FileError(f"nothing to resume: no checkpoint {path}")
            return
        with loading("hiding"):
            from sirensong.training.checkpoint import is_checkpoint
        if not is_checkpoint(path):
            raise FileError(
                f"{path} exists and is not a checkpoint",
                hint="choose another name with --checkpoint",
            )
        if not self.resume and not self.overwrite:
            raise FileError(
                f"{path} exists: an unfinished run",
                hint="--resume goes on with it, --overwrite begins anew",
            )


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
