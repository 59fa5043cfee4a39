"""Checkpoints: a stage of training on disk, sealed under the run's own keys, so that the file tells nothing to anyone else.

It holds no key and no picture. But where nothing moves in the state of a run with a mask, the mask is; hence the seal.
"""

from __future__ import annotations

import json
import os
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
from torch import Tensor

from sirensong.errors import FormatError
from sirensong.files import StrPath, read_bytes, write_bytes
from sirensong.keys import NONCE_BYTES, derive
from sirensong.substitution import Positions
from sirensong.training.loop import Snapshot
from sirensong.training.parameters import Parameters

_MAGIC = b"SRNGCKP1"
_GCM_NONCE_BYTES = 12
_HEAD = len(_MAGIC) + NONCE_BYTES + _GCM_NONCE_BYTES
_LARGEST = 2**31
INTERVAL = 20.0  # seconds between two checkpoints


class Checkpoint:
    """Where a run is kept.

    path: of the file. nonce: of the carrier to be, which the file begins with. secret: bytes from which only the run's key
    holders can derive the seal. context: digest of pictures and settings, which a resumed run must share. Besides the training's
    state the file has entropy: the run's 32 random bytes, and mask: the positions that all its keys share, once they are
    selected, if they do.
    """

    def __init__(self, path: StrPath, nonce: bytes, secret: bytes, context: bytes) -> None:
        self._path, self._nonce, self._context = Path(path), nonce, context
        self._cipher = AESGCM(derive(secret, nonce, "checkpoint"))
        self._written = time.monotonic()
        self.entropy = b""
        self.mask: Positions | None = None

    def keep(self, snapshot: Snapshot) -> None:
        """Store the snapshot if the last one is old enough."""
        if time.monotonic() - self._written >= INTERVAL:
            self.write(snapshot)

    def write(self, snapshot: Snapshot) -> None:
        """Store the snapshot now, in place of the one before. Raises FileError if it cannot be written."""
        groups: dict[str, Sequence[Tensor]] = {"shared": snapshot.shared.tensors(), "optimizer": snapshot.optimizer}
        if snapshot.best is not None:
            groups["best"] = snapshot.best[0].tensors()
        groups["mask"] = [torch.from_numpy(places) for places in self.mask or ()]
        header = {
            "stage": snapshot.stage,
            "step": snapshot.step,
            "spent": snapshot.spent,
            "best": None if snapshot.best is None else snapshot.best[1],
            "entropy": self.entropy.hex(),
        }
        arrays = {
            f"{group}.{index}": tensor.cpu().numpy() for group, tensors in groups.items() for index, tensor in enumerate(tensors)
        }
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        iv = secrets.token_bytes(_GCM_NONCE_BYTES)
        sealed = self._cipher.encrypt(iv, pack(arrays), self._context)
        write_bytes(self._path, _MAGIC + self._nonce + iv + sealed, overwrite=True, secret=True)
        self._written = time.monotonic()

    def read(self, device: torch.device) -> Snapshot:
        """Take entropy and mask from the file, and return where training stood.

        Raises FileError if there is no file, FormatError if it is damaged, or of other keys, pictures or settings.
        """
        data = read_bytes(self._path, cap=_LARGEST, what="a checkpoint")
        try:
            opened = self._cipher.decrypt(data[_HEAD - _GCM_NONCE_BYTES : _HEAD], data[_HEAD:], self._context)
        except InvalidTag:
            raise FormatError(
                f"{self._path} does not belong to this run: it is damaged, or of other pictures, keys or settings",
                hint="repeat the command exactly, or delete the file to begin anew",
            ) from None
        arrays = unpack(opened)
        header = json.loads(arrays.pop("header").tobytes())

        def group(name: str) -> list[np.ndarray[Any, Any]]:
            return [arrays[f"{name}.{index}"].copy() for index in range(sum(key.startswith(f"{name}.") for key in arrays))]

        def tensors(name: str) -> list[Tensor]:
            return [torch.from_numpy(array).to(device) for array in group(name)]

        self.entropy = bytes.fromhex(header["entropy"])
        self.mask = tuple(group("mask")) or None
        best = None if header["best"] is None else (Parameters(*tensors("best")), float(header["best"]))
        return Snapshot(
            header["stage"], header["step"], header["spent"], Parameters(*tensors("shared")), tensors("optimizer"), best
        )


def read_nonce(path: StrPath) -> bytes:
    """The carrier's nonce, the one thing that a checkpoint shows. Raises FileError or FormatError."""
    data = read_bytes(path, cap=_LARGEST, what="a checkpoint")
    if len(data) <= _HEAD or not data.startswith(_MAGIC):
        raise FormatError(f"{os.fspath(path)} is no checkpoint")
    return data[len(_MAGIC) : len(_MAGIC) + NONCE_BYTES]
