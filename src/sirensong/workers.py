"""Work spread over processes of this machine or a cluster, and done again where one dies."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from sirensong.errors import MissingDependencyError, SirensongError

_ATTEMPTS = 3  # of a task whose worker dies
_PATIENCE = 10  # seconds to wait for a cluster

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")


def spread(
    work: Callable[[_Task], _Result],
    tasks: Mapping[str, _Task],
    *,
    workers: int | None = None,
    cluster: str | None = None,
) -> Iterator[tuple[str, _Result]]:
    """Do some work for every task, several at once.

    A task whose worker dies is done again, up to three times.

    Args:
        work: done for each task; it must be possible to pickle it.
        tasks: by name; they must be possible to pickle too.
        workers: processes on this machine, one a core if None, each with one thread.
        cluster: address of a Dask scheduler, such as tcp://host:8786, whose workers do it instead.

    Yields:
        (name, result) of each task, as it is done.

    Raises:
        MissingDependencyError: joblib is not installed, or Dask for a cluster.
        SirensongError: the cluster cannot be reached or has no workers, or workers die again and
            again. Whatever the work raises is passed on.
    """
    try:
        import joblib
    except ImportError as error:
        raise MissingDependencyError(
            "batches need joblib", hint="pip install 'sirensong[hide,lab]'"
        ) from error
    waiting = dict(tasks)
    with contextlib.ExitStack() as stack:
        death, count = _enter_backend(stack, joblib, cluster, workers)
        for _ in range(_ATTEMPTS):
            parallel = joblib.Parallel(n_jobs=count, return_as="generator_unordered", batch_size=1)
            try:
                for name, result in parallel(
                    joblib.delayed(_named)(work, name, task) for name, task in list(waiting.items())
                ):
                    del waiting[name]
                    yield name, result
            except death:
                continue
            return
    raise SirensongError(
        f"workers died {_ATTEMPTS} times, with {len(waiting)} jobs left",
        hint="run the same command again to continue",
    )


def _named(work: Callable[[_Task], _Result], name: str, task: _Task) -> tuple[str, _Result]:
    return name, work(task)


def _enter_backend(
    stack: contextlib.ExitStack, joblib: Any, cluster: str | None, workers: int | None
) -> tuple[type[Exception], int]:
    """Have joblib use processes of this machine, or a Dask cluster.

    Returns how it tells of dead workers, and how many there are.
    """
    if cluster is None:
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        stack.enter_context(joblib.parallel_config(backend="loky", inner_max_num_threads=1))
        return TerminatedWorkerError, workers or joblib.cpu_count()
    try:
        import distributed
    except ImportError as error:
        raise MissingDependencyError(
            "a cluster needs dask", hint="pip install 'sirensong[hide,lab]'"
        ) from error
    try:
        client = stack.enter_context(distributed.Client(cluster, timeout=_PATIENCE))
        client.wait_for_workers(1, timeout=_PATIENCE)
    except (OSError, ValueError, TimeoutError) as error:
        raise SirensongError(
            f"cannot reach workers of the cluster {cluster}: {str(error).splitlines()[0].lower()}"
        ) from error
    stack.enter_context(joblib.parallel_config(backend="dask", client=client))
    return distributed.KilledWorker, -1
