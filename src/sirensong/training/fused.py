"""A step's pass in compiled code: forward and back through all layers, some points at a time.

Between PyTorch's products of small matrices most of the time goes into sines, cosines and memory:
each layer of all functions goes through the cache by itself. Here a chunk of one function's points
goes through all of them. Weights are put together and gradients taken apart on the way.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from sirensong.training import native
from sirensong.training.device import backward_dtype
from sirensong.training.parameters import Parameters
from sirensong.training.problem import Problem
from sirensong.training.step import TrainingPass

if TYPE_CHECKING:
    from sirensong.training.routines import Routines

_IDLE = 4 / 3  # how much longer threads may take that do not all get as many groups of points
_GROUPS = 12  # as many are shared evenly by 2, 3, 4 or 6 threads
_LEAST = 1024  # points of a group: each fetches its function's weights and hands gradients over


class Pass(Protocol):
    """What a step needs of a pass.

    Args:
        torch_threads: how many threads PyTorch should have during a step; None for those it has.
    """

    torch_threads: int | None

    def run(self, shared: Parameters, coords: Tensor, colours: Tensor) -> tuple[Tensor, Parameters]:
        """Mean squared error of each function, and the gradient of their weighted sum (Eq. 9, 10).

        Args:
            shared: of each tile.
            coords: (T x F, B, 2).
            colours: (T x F, B, 3).

        Returns:
            The errors (T x F,), and the gradient, shaped like `shared`.
        """


def pass_for(problem: Problem, points: int, precision: str, device: torch.device) -> Pass:
    """The pass of a step, in compiled code or PyTorch's, whichever is faster.

    Args:
        problem: what is trained.
        points: of each function in one batch.
        precision: "auto", "fp32" or "mixed", which is PyTorch's.
        device: where it is trained.
    """
    groups = problem.functions * split_of(problem.functions, points)
    threads = torch.get_num_threads()
    routines = native.routines_for(device.type, problem.architecture.hidden_features)
    each = -(-groups // threads)  # of the thread that has the most
    if routines is not None and precision != "mixed" and each * threads <= _IDLE * groups:
        return FusedPass(problem, points, routines, threads=min(threads, groups))
    return TorchPass(problem, points, backward_dtype(precision, device), device)


def split_of(functions: int, points: int) -> int:
    """Groups that the points of each function come in: a few large functions keep all threads busy.

    It does not depend on the number of threads, and so neither do results.
    """
    return max(1, min(-(-_GROUPS // functions), points // _LEAST))


class TorchPass:
    """PyTorch's pass, for a problem.

    Args:
        problem: T tiles of F functions each.
        points: B, the points of each function in one batch.
        backward_dtype: type of the backward pass's matrix products.
        device: where it is trained.
    """

    torch_threads: int | None = None

    def __init__(
        self, problem: Problem, points: int, backward_dtype: torch.dtype, device: torch.device
    ) -> None:
        self._problem = problem
        self._pass = TrainingPass(
            problem.architecture,
            problem.functions,
            points,
            device=device,
            backward_dtype=backward_dtype,
        )

    def run(self, shared: Parameters, coords: Tensor, colours: Tensor) -> tuple[Tensor, Parameters]:
        """See `Pass.run`."""
        problem = self._problem
        errors, gradient = self._pass.run(
            problem.weights(shared), coords, colours, problem.loss_weights
        )
        return errors, problem.shared_gradient(gradient)


class FusedPass:
    """Errors of a problem's functions on a batch of points, and the gradient by shared weights.

    A pass allocates little: what it returns is overwritten by the next. Results do not depend on
    the number of threads.

    Args:
        problem: T tiles of F functions each, on the CPU.
        points: B, the points of each function in one batch.
        routines: the compiled ones.
        threads: how many share the functions' points.
    """

    torch_threads: int | None = 1  # what is left of a step is too little to share

    def __init__(self, problem: Problem, points: int, routines: Routines, *, threads: int) -> None:
        self._problem, self._routines, self._threads = problem, routines, threads
        architecture, functions = problem.architecture, problem.functions
        features, layers = architecture.hidden_features, architecture.hidden_layers
        self._split = split_of(functions, points)
        self._numbers = (
            *(functions, functions // problem.tiles),
            *(points, self._split, -(-points // self._split)),
            *(features, layers),
        )
        *self._starts, size = routines.pass_scratch(features, layers)
        self._scratch = torch.zeros(threads, size)
        groups = functions * self._split
        self._errors = torch.empty(groups)
        self._gradient = Parameters(
            first=torch.empty(groups, features, 2),
            hidden=torch.empty(layers - 1, groups, features, features),
            last=torch.empty(groups, 3, features),
            biases=torch.empty(layers, groups, features),
            last_bias=torch.empty(groups, 3),
        )

    def run(self, shared: Parameters, coords: Tensor, colours: Tensor) -> tuple[Tensor, Parameters]:
        """See `Pass.run`."""
        problem = self._problem
        tensors = [
            tensor.contiguous()
            for tensor in (
                *shared.tensors(),
                *problem.kept,
                *problem.inserted,
                *(coords, colours, problem.loss_weights),
                *(self._errors, *self._gradient.tensors()),
            )
        ]
        addresses = [tensor.data_ptr() for tensor in tensors]
        array = np.array([*addresses, *self._numbers, *self._starts], np.int64)

        def work(thread: int, counter: int) -> None:
            scratch = self._scratch[thread].data_ptr()
            self._routines.run_pass(array.ctypes.data, scratch, counter)

        native.shared(work, self._threads)
        return self._errors.view(-1, self._split).sum(1), problem.summed(self._gradient)
