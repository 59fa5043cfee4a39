"""Files of functions: safetensors, with the size of the picture that they show."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from sirensong.errors import FormatError, SettingError
from sirensong.lab.baselines.tensors import read_tensors
from sirensong.pictures.image import size_text

LARGEST_PICTURE = 2**22
"""Pixels: one function shows the whole of it, and what rendering costs is in proportion."""

_WHAT = "file of a function"
_FIELD = "function"  # of the header's texts: several would be written in any order


class FunctionFile(NamedTuple):
    """What a file of a function holds.

    tensors: by their names. size: (height, width) of the picture, in pixels.
    """

    tensors: dict[str, Tensor]
    size: tuple[int, int]


def write_function(
    tensors: Mapping[str, Tensor], size: tuple[int, int], identity: Mapping[str, str]
) -> bytes:
    """Write a function as bytes.

    Args:
        tensors: its parameters, and whatever else the receiver needs.
        size: (height, width) of the picture.
        identity: what the file says of itself: method, variant, number of secrets.

    Returns:
        The file. Equal functions give equal files.
    """
    from safetensors.torch import save

    facts = dict(identity, height=str(size[0]), width=str(size[1]))
    text = " ".join(f"{name}={value}" for name, value in facts.items())
    return save({name: value.contiguous() for name, value in tensors.items()}, {_FIELD: text})


def read_function(
    file: bytes, expected: Mapping[str, Tensor], identity: Mapping[str, str]
) -> FunctionFile:
    """Read a function, which is taken for hostile.

    Args:
        file: as `write_function` made it.
        expected: a tensor of each name, of the type and the shape that it must have.
        identity: what the file must say of itself.

    Raises:
        FormatError: it is no such file, of another method, variant or number of secrets, of
            another shape, has numbers that are not finite, or shows a picture of no size or of
            more than 2^22 pixels.
    """
    tensors, texts = read_tensors(file, "the data", _WHAT)
    try:
        facts = dict(fact.split("=") for fact in texts.get(_FIELD, "").split(" "))
    except ValueError:
        raise FormatError(f"the data is no {_WHAT}") from None
    for name, value in identity.items():
        if facts.get(name) != value:
            raise FormatError(
                f"the file is of another {name}: expected {value}, got {facts.get(name)}"
            )
    if _forms(tensors) != _forms(expected):
        raise FormatError(f"the file's arrays are not those of {identity['method']}")
    if not all(bool(values.isfinite().all()) for values in tensors.values()):
        raise FormatError("the file has numbers that are not finite")
    return FunctionFile(tensors, _size(facts))


def check_size(size: tuple[int, int]) -> None:
    """Refuse a picture that one function cannot show.

    Raises:
        SettingError: it has no pixels, or more than 2^22.
    """
    if min(size) < 1 or size[0] * size[1] > LARGEST_PICTURE:
        raise SettingError(
            f"one function shows at most {LARGEST_PICTURE} pixels, got {size_text(size)}"
        )


def _forms(tensors: Mapping[str, Tensor]) -> dict[str, tuple[torch.dtype, torch.Size]]:
    return {name: (values.dtype, values.shape) for name, values in tensors.items()}


def _size(facts: Mapping[str, str]) -> tuple[int, int]:
    texts = facts.get("height", ""), facts.get("width", "")
    if not all(text.isascii() and text.isdigit() and len(text) < 8 for text in texts):
        raise FormatError("the file does not say the size of its picture")
    size = int(texts[0]), int(texts[1])
    try:
        check_size(size)
    except SettingError as error:
        raise FormatError(error.message) from None
    return size
