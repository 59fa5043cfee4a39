"""Files of trained weights: safetensors with 16-bit floats, and what they were trained on."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from sirensong.errors import FormatError
from sirensong.files import read_bytes, write_bytes
from sirensong.lab.baselines.tensors import read_tensors

_LARGEST = 2**30
_COUNTERS = "num_batches_tracked"  # of batch normalisation: nothing that is used


def write_weights(
    path: Path, network: nn.Module, facts: Mapping[str, str], *, overwrite: bool = False
) -> None:
    """Write a network's weights.

    Args:
        path: the file.
        network: whose weights they are.
        facts: what the file says of them: method, variant, secrets, and how they were trained.
        overwrite: whether it may replace a file.

    Raises:
        FileError: it cannot be written.
    """
    from safetensors.torch import save

    tensors = {
        name: value.half().contiguous()
        for name, value in network.state_dict().items()
        if not name.endswith(_COUNTERS)
    }
    write_bytes(path, save(tensors, dict(facts)), overwrite=overwrite)


def read_facts(path: Path) -> dict[str, str]:
    """Read what a file says of its weights.

    Raises:
        FileError: it cannot be read.
        FormatError: it is no file of weights.
    """
    return _read(path)[1]


def read_weights(path: Path, network: nn.Module, expected: Mapping[str, str]) -> dict[str, str]:
    """Read weights into a network.

    Args:
        path: the file.
        network: takes the weights.
        expected: facts that the file must have: method, variant and secrets.

    Returns:
        All its facts.

    Raises:
        FileError: it cannot be read.
        FormatError: it is no file of weights, or of another network.
    """
    tensors, facts = _read(path)
    for name, value in expected.items():
        if facts.get(name) != value:
            what = "number of secrets" if name == "secrets" else name
            raise FormatError(
                f"{path} has weights of another {what}: expected {value}, got {facts.get(name)}"
            )
    wanted = {
        name: value for name, value in network.state_dict().items() if not name.endswith(_COUNTERS)
    }
    if {name: value.shape for name, value in tensors.items()} != {
        name: value.shape for name, value in wanted.items()
    }:
        raise FormatError(f"{path} has weights of another shape than {facts.get('method')}'s")
    if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
        raise FormatError(f"{path} has weights that are not finite")
    network.load_state_dict({name: value.float() for name, value in tensors.items()}, strict=False)
    return facts


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    data = read_bytes(path, cap=_LARGEST, what="trained weights")
    tensors, facts = read_tensors(data, str(path), "file of trained weights")
    if "method" not in facts:
        raise FormatError(f"{path} does not say which method its weights are of")
    return tensors, facts
