"""The server's end of the process that plans and trains."""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from sirensong.serve.answers import failure
from sirensong.serve.worker import Order, Work, main


class Workshop:
    """One process beside the server's, so that the page is answered while it trains.

    It can be ended at any moment, in the middle of compiled loops too, and all that it knows goes
    with it. It is begun anew then, since what it imports takes seconds.
    """

    def __init__(self) -> None:
        self._closed = False
        self._begin()

    async def events(self, work: Work, order: Order) -> AsyncIterator[dict[str, Any]]:
        """Have something done; one thing at a time.

        Args:
            work: what the process is to do.
            order: with what.

        Yields:
            What it tells. The last event is "failed" if it failed, or if the process has ended.
        """
        connection = self._connection
        try:
            await asyncio.to_thread(connection.send, (work, order))
            while (event := await asyncio.to_thread(connection.recv)) is not None:
                yield event
                if event["event"] == "failed":
                    return
        except (EOFError, OSError):
            if connection is self._connection:  # it was not ended here
                self.restart()
                yield {
                    "event": "failed",
                    **failure(
                        "the training has ended: perhaps the machine has too little memory", None
                    ),
                }

    def restart(self) -> None:
        """End what is being done, at once, and be ready for something else."""
        self._end()
        if not self._closed:
            self._begin()

    def close(self) -> None:
        """End what is being done, at once, and for good."""
        self._closed = True
        self._end()

    def _begin(self) -> None:
        spawning = multiprocessing.get_context("spawn")
        self._connection, theirs = spawning.Pipe()
        self._process = spawning.Process(target=main, args=(theirs,), daemon=True)
        with _deaf():
            self._process.start()
        theirs.close()  # so that the end of the process is the end of what it sends

    def _end(self) -> None:
        self._process.kill()
        self._process.join()


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Have a process that begins here ignore Ctrl-C from its first moment."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
