"""PyTorch is loaded late, when a training begins, so that all else works without it."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sirensong.errors import MissingDependencyError
from sirensong.training import native

_KEPT = 2**26  # bytes
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # from glibc's malloc.h


@contextmanager
def loading(purpose: str) -> Iterator[None]:
    """Import modules that need torch inside this context.

    Args:
        purpose: what needs them, for the message.

    Raises:
        MissingDependencyError: a package is missing.
    """
    if (
        "torch" not in sys.modules
    ):  # else it is too late: OpenMP reads its settings when it is loaded
        os.environ.setdefault(
            "GOMP_SPINCOUNT", "20000"
        )  # do not spin for long on a core that another program needs
        native.begin()  # compiles while torch is imported
    _keep_freed_memory()
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"{purpose} needs {error.name}", hint="pip install 'sirensong[hide]'"
        ) from error


@functools.cache
def _keep_freed_memory() -> None:
    """Have the C library (glibc) keep some of the memory that a step frees for the next step.

    Giving a few megabytes back and faulting them in again takes a sixth of a step's time.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT)
        mallopt(_M_MMAP_THRESHOLD, _KEPT // 16)
