"""The one job at a time: what has come of it so far, who watches, and when it is given up."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from sirensong.serve.answers import RefusedError
from sirensong.serve.worker import Order, estimate, make
from sirensong.serve.workshop import Workshop

GRACE = 20.0
"""Seconds without anybody who watches after which a job is cancelled: the page was closed."""

_HEARTBEAT = 5.0  # seconds after which something is sent, or a lost page would not be missed
_LOOK = 0.1  # of the grace period, at which it is looked for watchers


class Job:
    """A run of training, as the page sees it."""

    def __init__(self) -> None:
        self.name = secrets.token_hex(8)
        self.song: bytes | None = None
        self._latest: dict[str, dict[str, Any]] = {}
        self._changed = asyncio.Event()
        self._watchers, self._left = 0, time.monotonic()

    @property
    def over(self) -> bool:
        """Whether it has come to an end, a good one or not."""
        return "over" in self._latest

    @property
    def unwatched(self) -> float:
        """Seconds since the last watcher left."""
        return 0.0 if self._watchers else time.monotonic() - self._left

    def take(self, event: dict[str, Any]) -> None:
        """Keep an event for those who watch; what comes after the end is not heard."""
        if self.over:
            return
        kind = event["event"]
        if kind == "done":
            self.song = event.pop("song")
        if kind == "picture":
            event = {**event, "png": base64.b64encode(event["png"]).decode()}
        self._latest[kind if kind in ("progress", "picture") else "over"] = event
        self._changed.set()
        self._changed = asyncio.Event()

    async def watch(self) -> AsyncIterator[bytes]:
        """Server-sent events: what there is, then what is new, to the end of the job.

        An event that is overtaken by another of its kind is left out.
        """
        seen: dict[str, dict[str, Any]] = {}
        self._watchers += 1
        try:
            while True:
                changed = self._changed
                fresh = [one for kind, one in self._latest.items() if seen.get(kind) is not one]
                seen = dict(self._latest)
                for event in fresh:
                    yield f"data: {json.dumps(event, allow_nan=False)}\n\n".encode()
                if self.over:
                    return
                try:
                    await asyncio.wait_for(changed.wait(), _HEARTBEAT)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._watchers -= 1
            self._left = time.monotonic()


class Bench:
    """Where jobs are done, one at a time, and estimates between them.

    Args:
        grace: seconds without a watcher after which a job is cancelled.
    """

    def __init__(self, grace: float) -> None:
        self._grace = grace
        self._workshop = Workshop()
        self._busy = asyncio.Lock()
        self._job: Job | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def find(self, name: str) -> Job:
        """The job of this name. Raises RefusedError if it is not the latest one."""
        if self._job is None or self._job.name != name:
            raise RefusedError(404, "there is no such job")
        return self._job

    def check_free(self) -> None:
        """Raises RefusedError while a job is under way."""
        if self._job is not None and not self._job.over:
            raise RefusedError(409, "a job is under way", hint="wait for its end, or cancel it")

    async def estimate(self, order: Order) -> dict[str, Any]:
        """What an order would make and take: a "done" or "failed" event."""
        self.check_free()
        async with self._busy:
            self.check_free()
            outcome = None
            async for event in self._workshop.events(estimate, order):
                outcome = event
        if outcome is None:
            raise RefusedError(409, "the estimate was given up")
        return outcome

    def start(self, order: Order) -> Job:
        """Begin a job, and forget the one before.

        Raises:
            RefusedError: one is under way.
        """
        self.check_free()
        self._job = job = Job()
        self._run(self._work(job, order))
        self._run(self._wait_for_watchers(job))
        return job

    def cancel(self, job: Job) -> None:
        """End a job at once, if it has not ended."""
        if not job.over:
            job.take({"event": "cancelled"})
            self._workshop.restart()

    def forget(self) -> None:
        """Let go of the latest job and of what it has made. Raises RefusedError if it runs."""
        self.check_free()
        self._job = None

    def abandon(self) -> None:
        """Cancel the latest job if it runs, and let go of it."""
        if self._job is not None:
            self.cancel(self._job)
        self._job = None

    def close(self) -> None:
        """End everything at once."""
        if self._job is not None:
            self._job.take({"event": "cancelled"})
        self._workshop.close()

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self, job: Job, order: Order) -> None:
        async with self._busy:
            if not job.over:
                async for event in self._workshop.events(make, order):
                    job.take(event)

    async def _wait_for_watchers(self, job: Job) -> None:
        while not job.over:
            await asyncio.sleep(_LOOK * self._grace)
            if job.unwatched > self._grace:
                self.cancel(job)
