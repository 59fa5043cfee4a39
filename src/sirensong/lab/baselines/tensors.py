"""Files of arrays that somebody else has written: safetensors, and the texts in its header."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sirensong.errors import FormatError

if TYPE_CHECKING:
    from torch import Tensor


def read_tensors(data: bytes, name: str, what: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read arrays and texts, which are taken for hostile.

    Args:
        data: the whole file.
        name: what to call it in messages.
        what: it is expected to be, such as "file of a function".

    Returns:
        The arrays by their names, and the header's texts by theirs.

    Raises:
        FormatError: it is no such file.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        tensors = load(data)
    except (SafetensorError, ValueError) as error:
        raise FormatError(f"{name} is no {what}") from error
    length = int.from_bytes(data[:8], "little")  # of a header that the library has checked
    return tensors, dict(json.loads(data[8 : 8 + length]).get("__metadata__") or {})
