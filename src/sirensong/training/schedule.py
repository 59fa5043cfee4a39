"""How far a stage is: counted in steps, or in seconds when there is a budget of time."""

from __future__ import annotations

import time
from collections.abc import Callable

from sirensong.training.recipe import Recipe


class Schedule:
    """Progress of one stage, from 0 to 1, in shares of its steps.

    recipe: tells how steps and time go together where steps grow dearer. steps: how many the stage takes. seconds: if given, the
    stage lasts this long instead, and `steps` says nothing. done, spent: steps and seconds already taken by a run that is
    resumed. clock: tells the time in seconds.
    """

    def __init__(
        self,
        recipe: Recipe,
        steps: int,
        seconds: float | None,
        *,
        done: int = 0,
        spent: float = 0.0,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._recipe, self._steps, self._seconds, self._clock = (
            recipe,
            steps,
            seconds,
            clock or time.monotonic,
        )
        self._start = self._clock() - spent
        self.step = done

    @property
    def progress(self) -> float:
        """Share of the stage that is done, in [0, 1]."""
        if self._seconds is None:
            return min(1.0, self.step / self._steps)
        return (
            self._recipe.progress_at(min(1.0, self.spent / self._seconds))
            if self._seconds > 0
            else 1.0
        )

    @property
    def spent(self) -> float:
        """Seconds since the stage began, those before a resumption counted in."""
        return self._clock() - self._start

    @property
    def finished(self) -> bool:
        """Whether the stage is done; a stage takes at least one step."""
        return self.progress >= 1.0 and self.step > 0

    @property
    def steps(self) -> int:
        """Steps that the stage takes, so far as can be told."""
        if self._seconds is None:
            return self._steps
        return max(self.step, round(self.step / self.progress)) if self.progress > 0 else self.step

    @property
    def seconds_left(self) -> float | None:
        """Estimated seconds to the end of the stage, None before the first step."""
        if self._seconds is not None:
            return max(0.0, self._seconds - self.spent)
        over = self._recipe.time_share(self.progress)
        return self.spent * (1 - over) / over if over > 0 else None
