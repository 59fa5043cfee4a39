"""A process of its own for each contender, so that its peak of memory is its own."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

from sirensong.errors import SirensongError, needing

_Result = TypeVar("_Result")


class ProcessDiedError(SirensongError):
    """A process ended before it had a result, such as for want of memory."""


class Processes:
    """Runs functions in one process after another, as a context."""

    def __init__(self) -> None:
        self._owner: object = None
        self._pool: Any = None

    def run(self, owner: object, work: Callable[..., _Result], *given: object) -> _Result:
        """Run a function in the process of its owner; the one before ends when another comes.

        Args:
            owner: whose process it is.
            work: the function; it and what it is given must be possible to pickle.
            given: its arguments.

        Returns:
            What it returns. Whatever it raises is passed on.

        Raises:
            ProcessDiedError: the process died.
            MissingDependencyError: joblib is not installed.
        """
        with needing("processes need joblib", "lab"):
            from joblib.externals.loky import ProcessPoolExecutor
            from joblib.externals.loky.process_executor import BrokenProcessPool
        if self._pool is None or self._owner != owner:
            self.close()
            self._owner, self._pool = owner, ProcessPoolExecutor(max_workers=1)
        try:
            result: _Result = self._pool.submit(work, *given).result()
        except BrokenProcessPool as error:
            self.close()
            raise ProcessDiedError("its process died, perhaps for want of memory") from error
        return result

    def close(self) -> None:
        """End the process, whatever it is doing."""
        if self._pool is not None:
            self._pool.shutdown(kill_workers=True)
        self._pool = None

    def __enter__(self) -> Processes:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def peak_megabytes() -> float | None:
    """The most memory that this process has had in use, libraries and all, in MB of 10^6 bytes.

    Linux counts it in VmHWM; its ru_maxrss would count what the parent had when it made this
    process. None where there is neither.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(encoding="ascii"), re.M)
        if found:
            return int(found[1]) * 1024 / 1e6
    try:
        import resource
    except ImportError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
