"""Routines that are compiled for this machine, and shared among its threads.

Where llvmlite is not installed, or the processor has no vectors that it is known to be fast with,
there are none, and PyTorch does all.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from sirensong.training.routines import Routines

_LARGEST_WIDTH = 128  # of matrices that PyTorch's products are slower with


def begin() -> None:
    """Begin to compile, in a thread of its own: it takes half a second, that of an import."""
    _compilation()


def routines_for(device: str, features: int = 1) -> Routines | None:
    """The compiled routines, or None where PyTorch does as well or better.

    Waits until they are compiled, once a process.

    Args:
        device: the kind of device: "cpu" or another.
        features: the width of a matrix.
    """
    if device != "cpu" or features > _LARGEST_WIDTH:
        return None
    return _compilation().result()


def shared(work: Callable[[int, int], None], threads: int) -> None:
    """Do some work on several threads.

    Args:
        work: takes the number of a thread and the address of a counter, from 0, that all of them
            share; it must hold what it reads and writes.
        threads: how many, this one among them.
    """
    counter: npt.NDArray[np.int64] = np.zeros(1, np.int64)

    def part(thread: int) -> None:
        work(thread, counter.ctypes.data)

    others = [_pool(threads).submit(part, thread) for thread in range(1, threads)]
    try:
        part(0)
    finally:  # nobody waits for a thread that has not begun: there is nothing left for it
        begun = [other for other in others if not other.cancel()]
        wait(begun)
    for other in begun:
        other.result()


@functools.cache
def _compilation() -> Future[Routines | None]:
    executor = ThreadPoolExecutor(1, "sirensong-compiler")
    future = executor.submit(_compile)
    executor.shutdown(wait=False)
    return future


def _compile() -> Routines | None:
    try:
        from sirensong.training.routines import Routines
        from sirensong.training.vectors import Processor
    except ModuleNotFoundError as error:
        if error.name != "llvmlite":
            raise
        return None
    processor = Processor.here()
    return None if processor is None else Routines(processor)


@functools.cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, "sirensong")
