"""What a hide writes, and what may be in its way."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from sirensong.cli.paths import Named, check_carrier_ending, refuse_same
from sirensong.errors import FileError, FormatError
from sirensong.files import file_errors, refuse_existing
from sirensong.network.mask import mask_path, read_mask
from sirensong.training.loading import loading


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
