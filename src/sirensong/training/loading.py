"""PyTorch is loaded late, when a training begins, so that all else works without it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sirensong.errors import MissingDependencyError


@contextmanager
def loading(purpose: str) -> Iterator[None]:
    """Import modules that need torch in here. purpose: what needs them. Raises MissingDependencyError if a package is missing."""
    if "torch" not in sys.modules:  # else it is too late: OpenMP reads its settings when it is loaded
        os.environ.setdefault("GOMP_SPINCOUNT", "20000")  # do not spin for long on a core that another program needs
    try:
        yield
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"{purpose} needs {error.name}", hint="pip install 'sirensong[hide]'") from error
