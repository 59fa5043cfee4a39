"""Checkpoints: a run on disk, encrypted under its own keys, so that only who has them resumes it.

The file holds no key and no picture. But where nothing moves in the state of a run with a mask,
the mask is; so it is encrypted (docs/adr/0003-sealed-checkpoints.md).
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from safetensors.numpy import load as unpack
from safetensors.numpy import save as pack

from sirensong.errors import FileError, FormatError
from sirensong.files import StrPath, file_errors, read_bytes, write_bytes
from sirensong.keys.stream import NONCE_BYTES, derive
from sirensong.training.batches import Sampler
from sirensong.training.parameters import Parameters
from sirensong.training.train import State

MAGIC = b"SRNGCKP1"
INTERVAL = 20.0  # seconds between two checkpoints

_GCM_NONCE_BYTES = 12
_HEAD = len(MAGIC) + NONCE_BYTES + _GCM_NONCE_BYTES
_LARGEST = 2**31
_STAGE_FILE = re.compile(r"\d+\.(cover|joint)")

_Array = np.ndarray[Any, Any]
_Groups = dict[str, list[_Array]]


class Checkpoint:
    """Where a run is kept: a file for the stage under way, and a folder of finished stages.

    Args:
        path: of the file; the folder is beside it, named after it and ending in .tiles.
        nonce: of the carrier to be, with which each file begins.
        secret: bytes from which only those who may resume the run can derive the encryption key.
        context: digest of pictures and settings, which a resumed run must share.
    """

    def __init__(self, path: StrPath, nonce: bytes, secret: bytes, context: bytes) -> None:
        self._path, self._nonce, self._context = Path(path), nonce, context
        self._cipher = AESGCM(derive(secret, nonce, "checkpoint"))
        self._written = time.monotonic()
        self._header: dict[str, Any] = {}
        self._state: _Groups = {}

    def begin(self, entropy: bytes) -> None:
        """Start anew, in place of what another run has left.

        Args:
            entropy: the run's 32 random bytes.

        Raises:
            FileError: there is another file of that name, or it cannot be deleted.
        """
        discard(self._path)
        self._header = {"entropy": entropy.hex()}

    def resume(self) -> tuple[bytes, float]:
        """Read what an interrupted run has left.

        Returns:
            Its 32 random bytes, and the seconds that it had taken.

        Raises:
            FileError: there is no file.
            FormatError: it is damaged, or belongs to other keys, pictures or settings.
        """
        self._header, self._state = self._decrypt(self._path, "state")
        return bytes.fromhex(self._header["entropy"]), float(self._header["elapsed"])

    def state(self, stage: str, tiles: range, device: torch.device) -> State | None:
        """The state that was read, if it is of this stage of these tiles."""
        header, groups = self._header, self._state
        if header.get("stage") != [stage, tiles.start]:
            return None
        rng = torch.Generator()
        rng.set_state(torch.from_numpy(groups["rng"][0]))
        best = None
        if "best" in groups:
            best = _parameters(groups["best"], device), float(header["best"])
        return State(
            shared=_parameters(groups["shared"], device),
            sampler=Sampler(rng, _tensors(groups.get("order", [])), header["drawn"]),
            step=header["step"],
            spent=header["spent"],
            moments=_tensors(groups.get("moments", [])),
            best=best,
            errors=header["errors"],
        )

    def keep(self, stage: str, tiles: range, state: State, elapsed: float) -> None:
        """Write the state if the last writing is old enough."""
        if time.monotonic() - self._written >= INTERVAL:
            self.write(stage, tiles, state, elapsed)

    def write(self, stage: str, tiles: range, state: State, elapsed: float) -> None:
        """Write where a stage stands, in place of what was written before.

        Args:
            stage: "cover" or "joint".
            tiles: those that are trained.
            state: is copied.
            elapsed: seconds that the run has taken.

        Raises:
            FileError: the file cannot be written.
        """
        header = {
            "stage": [stage, tiles.start],
            "step": state.step,
            "spent": state.spent,
            "drawn": state.sampler.drawn,
            "errors": state.errors,
        }
        groups = {
            "shared": _arrays(state.shared.tensors()),
            "moments": _arrays(state.moments),
            "order": _arrays(state.sampler.order),
            "rng": [state.sampler.rng.get_state().numpy()],
        }
        if state.best is not None:
            groups["best"] = _arrays(state.best[0].tensors())
            header["best"] = state.best[1]
        self._write(header, groups, elapsed)

    def finish(
        self, stage: str, tiles: range, trained: Parameters, errors: list[float], elapsed: float
    ) -> None:
        """Write what a stage has made of some tiles, and that no stage is under way.

        Args:
            stage: "cover" or "joint".
            tiles: those that were trained.
            trained: their functions.
            errors: of each function's whole render.
            elapsed: seconds that the run has taken.

        Raises:
            FileError: a file cannot be written.
        """
        folder = _folder(self._path)
        with file_errors("make", folder):
            folder.mkdir(mode=0o700, exist_ok=True)
        name = _stage_name(stage, tiles)
        groups = {"trained": _arrays(trained.tensors())}
        self._encrypt(folder / name, name, {"errors": errors}, groups)
        self._write({}, {}, elapsed)

    def finished(
        self, stage: str, tiles: range, device: torch.device
    ) -> tuple[Parameters, list[float]] | None:
        """What a stage has made of some tiles, and its errors; None if it is not finished.

        Raises:
            FormatError: its file is damaged, or another run's.
        """
        name = _stage_name(stage, tiles)
        path = _folder(self._path) / name
        if not path.exists():
            return None
        header, groups = self._decrypt(path, name)
        return _parameters(groups["trained"], device), header["errors"]

    def _write(self, header: dict[str, Any], groups: _Groups, elapsed: float) -> None:
        self._header = {"entropy": self._header["entropy"], "elapsed": elapsed}
        self._state = {}
        self._encrypt(self._path, "state", self._header | header, groups)
        self._written = time.monotonic()

    def _encrypt(self, path: Path, name: str, header: dict[str, Any], groups: _Groups) -> None:
        arrays = {
            f"{group}.{index}": array
            for group, members in groups.items()
            for index, array in enumerate(members)
        }
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        iv = secrets.token_bytes(_GCM_NONCE_BYTES)
        encrypted = self._cipher.encrypt(iv, pack(arrays), self._context + name.encode())
        data = MAGIC + self._nonce + iv + encrypted
        write_bytes(path, data, overwrite=True, secret=True)

    def _decrypt(self, path: Path, name: str) -> tuple[dict[str, Any], _Groups]:
        data = _read(path)
        iv, encrypted = data[_HEAD - _GCM_NONCE_BYTES : _HEAD], data[_HEAD:]
        try:
            opened = self._cipher.decrypt(iv, encrypted, self._context + name.encode())
        except InvalidTag:
            raise FormatError(
                f"{path} does not belong to this run: it is damaged, or of other pictures, "
                "keys or settings",
                hint="repeat the command exactly, or delete the file to begin anew",
            ) from None
        arrays = unpack(opened)
        header = json.loads(arrays.pop("header").tobytes())
        groups: _Groups = {}
        for key in sorted(arrays, key=lambda key: int(key.partition(".")[2])):
            groups.setdefault(key.partition(".")[0], []).append(arrays[key].copy())
        return header, groups


def discard(path: StrPath) -> None:
    """Delete a run's checkpoint, if there is one; nothing that is not one is ever deleted.

    Raises:
        FileError: the file is another's, or cannot be deleted.
    """
    file, folder = Path(path), _folder(path)
    with file_errors("delete", path):
        if file.exists() and not is_checkpoint(file):
            raise FileError(f"{file} exists and is not a checkpoint")
        file.unlink(missing_ok=True)
        if not folder.is_dir() or folder.is_symlink():
            return
        for stage in folder.iterdir():
            if _STAGE_FILE.fullmatch(stage.name) and is_checkpoint(stage):
                stage.unlink()
        if not any(folder.iterdir()):
            folder.rmdir()


def is_checkpoint(path: StrPath) -> bool:
    """Whether this is a file that begins as a checkpoint does."""
    file = Path(path)
    if not file.is_file() or file.is_symlink():
        return False
    with file_errors("read", path), file.open("rb") as opened:
        return opened.read(len(MAGIC)) == MAGIC


def read_nonce(path: StrPath) -> bytes:
    """The carrier's nonce, the one thing that a checkpoint shows.

    Raises:
        FileError: the file cannot be read.
        FormatError: it is not a checkpoint.
    """
    return _read(path)[len(MAGIC) : len(MAGIC) + NONCE_BYTES]


def _folder(path: StrPath) -> Path:
    return Path(f"{os.fspath(path)}.tiles")


def _stage_name(stage: str, tiles: range) -> str:
    return f"{tiles.start}.{stage}"


def _arrays(tensors: Sequence[torch.Tensor]) -> list[_Array]:
    return [tensor.cpu().contiguous().numpy() for tensor in tensors]


def _tensors(arrays: list[_Array]) -> list[torch.Tensor]:
    return [torch.from_numpy(array) for array in arrays]


def _parameters(arrays: list[_Array], device: torch.device) -> Parameters:
    return Parameters(*(tensor.to(device) for tensor in _tensors(arrays)))


def _read(path: StrPath) -> bytes:
    data = read_bytes(path, cap=_LARGEST, what="a checkpoint")
    if len(data) <= _HEAD or not data.startswith(MAGIC):
        raise FormatError(f"{os.fspath(path)} is not a checkpoint")
    return data
