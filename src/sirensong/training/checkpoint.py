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
from sirensong.files import StrPath, read_bytes, told, write_bytes
from sirensong.keys.stream import NONCE_BYTES, derive
from sirensong.network.siren import Layer, Weights
from sirensong.network.substitution import Positions
from sirensong.training.loop import Snapshot
from sirensong.training.parameters import Parameters

_MAGIC = b"SRNGCKP1"
_GCM_NONCE_BYTES = 12
_HEAD = len(_MAGIC) + NONCE_BYTES + _GCM_NONCE_BYTES
_LARGEST = 2**31
INTERVAL = 20.0  # seconds between two checkpoints

_Array = np.ndarray[Any, Any]


class Checkpoint:
    """Where a run is kept.

    path: of the file of the part under way; finished parts are files in a folder beside it. nonce: of the carrier to be, which
    each file begins with. secret: bytes from which only the run's key holders can derive the seal. context: digest of pictures
    and settings, which a resumed run must share. entropy: the run's 32 random bytes, empty before it is read. part: which is under
    way. masks: the positions that all keys share, of each of its tiles, once they are selected, if they do.
    """

    def __init__(
        self, path: StrPath, nonce: bytes, secret: bytes, context: bytes, entropy: bytes
    ) -> None:
        self._path, self._nonce, self._context = Path(path), nonce, context
        self._cipher = AESGCM(derive(secret, nonce, "checkpoint"))
        self._written = time.monotonic()
        self.entropy, self.part = entropy, 0
        self.masks: list[Positions] | None = None

    def keep(self, snapshot: Snapshot) -> None:
        """Store the snapshot if the last one is old enough."""
        if time.monotonic() - self._written >= INTERVAL:
            self.write(snapshot)

    def write(self, snapshot: Snapshot | None) -> None:
        """Store where the part under way stands, in place of what was stored before. Raises FileError if it cannot be written."""
        groups = {"masks": _flat(self.masks)}
        header: dict[str, Any] = {
            "part": self.part,
            "tiles": len(self.masks or ()),
            "entropy": self.entropy.hex(),
            "stage": None,
        }
        if snapshot is not None:
            groups |= {
                "shared": _arrays(snapshot.shared.tensors()),
                "optimizer": _arrays(snapshot.optimizer),
            }
            header |= {
                "stage": snapshot.stage,
                "step": snapshot.step,
                "spent": snapshot.spent,
                "best": None,
            }
            if snapshot.best is not None:
                groups["best"], header["best"] = (
                    _arrays(snapshot.best[0].tensors()),
                    snapshot.best[1],
                )
        self._seal(self._path, header, groups)
        self._written = time.monotonic()

    def read(self, device: torch.device) -> Snapshot | None:
        """Take entropy, part and masks from the file, and return where the part stood, None if it had not begun.

        Raises FileError if there is no file, FormatError if it is damaged, or of other keys, pictures or settings.
        """
        header, groups = self._open(self._path)

        def tensors(name: str) -> list[Tensor]:
            return [torch.from_numpy(array).to(device) for array in groups[name]]

        self.entropy, self.part = bytes.fromhex(header["entropy"]), header["part"]
        self.masks = _by_tile(groups.get("masks", []), header["tiles"])
        if header["stage"] is None:
            return None
        best = (
            None
            if header["best"] is None
            else (Parameters(*tensors("best")), float(header["best"]))
        )
        return Snapshot(
            header["stage"],
            header["step"],
            header["spent"],
            Parameters(*tensors("shared")),
            tensors("optimizer"),
            best,
        )

    def finish(self, weights: list[Weights], masks: list[Positions] | None) -> None:
        """Store what the part under way has made."""
        folder = _folder(self._path)
        with told("make", folder):
            folder.mkdir(mode=0o700, exist_ok=True)
        arrays = [array for function in weights for layer in function for array in layer]
        header = {"tiles": len(weights), "masked": masks is not None}
        self._seal(folder / str(self.part), header, {"weights": arrays, "masks": _flat(masks)})
        self.part, self.masks = self.part + 1, None
        self.write(None)

    def finished(self, part: int) -> tuple[list[Weights], list[Positions] | None] | None:
        """What a part has made, None if it is not finished. Raises FormatError if its file is damaged."""
        path = _folder(self._path) / str(part)
        if not path.exists():
            return None
        header, groups = self._open(path)
        arrays, tiles = groups["weights"], header["tiles"]
        layers = [
            Layer(weight, bias) for weight, bias in zip(arrays[::2], arrays[1::2], strict=True)
        ]
        each = len(layers) // tiles
        masks = _by_tile(groups.get("masks", []), tiles) if header["masked"] else None
        return [tuple(layers[tile * each : (tile + 1) * each]) for tile in range(tiles)], masks

    def _seal(self, path: Path, header: dict[str, Any], groups: dict[str, list[_Array]]) -> None:
        arrays = {
            f"{name}.{index}": array
            for name, group in groups.items()
            for index, array in enumerate(group)
        }
        arrays["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
        iv = secrets.token_bytes(_GCM_NONCE_BYTES)
        sealed = self._cipher.encrypt(iv, pack(arrays), self._context)
        write_bytes(path, _MAGIC + self._nonce + iv + sealed, overwrite=True, secret=True)

    def _open(self, path: Path) -> tuple[dict[str, Any], dict[str, list[_Array]]]:
        data = _read(path)
        try:
            opened = self._cipher.decrypt(
                data[_HEAD - _GCM_NONCE_BYTES : _HEAD], data[_HEAD:], self._context
            )
        except InvalidTag:
            raise FormatError(
                f"{path} does not belong to this run: it is damaged, or of other pictures, keys or settings",
                hint="repeat the command exactly, or delete the file to begin anew",
            ) from None
        arrays = unpack(opened)
        header = json.loads(arrays.pop("header").tobytes())
        groups: dict[str, list[_Array]] = {}
        for name in sorted(arrays, key=lambda name: int(name.partition(".")[2])):
            groups.setdefault(name.partition(".")[0], []).append(arrays[name].copy())
        return header, groups


def discard(path: StrPath) -> None:
    """Delete a run's checkpoint, if there is one. Raises FileError if it cannot be deleted."""
    with told("delete", path):
        Path(path).unlink(missing_ok=True)
        if _folder(path).is_dir():
            for part in _folder(path).iterdir():
                if part.name.isdecimal():  # nothing else there is ours
                    part.unlink()
            if not any(_folder(path).iterdir()):
                _folder(path).rmdir()


def _folder(path: StrPath) -> Path:
    return Path(f"{os.fspath(path)}.tiles")


def _arrays(tensors: Sequence[Tensor]) -> list[_Array]:
    return [tensor.cpu().numpy() for tensor in tensors]


def _flat(masks: list[Positions] | None) -> list[_Array]:
    return [places for positions in masks or () for places in positions]


def _by_tile(arrays: list[_Array], tiles: int) -> list[Positions] | None:
    each = len(arrays) // tiles if tiles else 0
    return [tuple(arrays[tile * each : (tile + 1) * each]) for tile in range(tiles)] or None


def read_nonce(path: StrPath) -> bytes:
    """The carrier's nonce, the one thing that a checkpoint shows. Raises FileError or FormatError."""
    return _read(path)[len(_MAGIC) : len(_MAGIC) + NONCE_BYTES]


def _read(path: StrPath) -> bytes:
    data = read_bytes(path, cap=_LARGEST, what="a checkpoint")
    if len(data) <= _HEAD or not data.startswith(_MAGIC):
        raise FormatError(f"{os.fspath(path)} is no checkpoint")
    return data
