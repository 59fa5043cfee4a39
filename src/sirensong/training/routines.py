"""The routines in which a step of training spends its time, compiled for this processor.

Groups of a function's points, matrices and tiles are taken one by one, by whichever thread comes
first, and each is worked on by one thread alone: so results do not depend on the number of threads.
Of a group some points go through all layers and back before the next, so that what they leave stays
in the cache.
"""

from __future__ import annotations

import ctypes
import itertools
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from llvmlite import ir

from sirensong.training.kernels import (
    WIDE,
    Parts,
    normal,
    uniform,
    width_of,
)
from sirensong.training.vectors import (
    ADDRESS,
    FLOAT,
    INT,
    Code,
    Module,
    Operand,
    Processor,
    Value,
    Variable,
)

CHUNK = 64  # points that go through all layers together
STATE = 4  # numbers of 32 bits that each lane's stream of random bits remembers
PASS_TENSORS = (
    *("first", "hidden", "last", "biases", "last_bias"),
    *("kept_first", "kept_hidden", "kept_last"),
    *("inserted_first", "inserted_hidden", "inserted_last"),
    *("coords", "colours", "loss_weights"),
    *("errors", "to_first", "to_hidden", "to_last", "to_biases", "to_last_bias"),
)
PASS_NUMBERS = ("functions", "in_tile", "points", "split", "group", "features", "layers")


class Routines:
    """The compiled routines. Several threads may call one at once, to share its work.

    Args:
        processor: what they are compiled for.
    """

    def __init__(self, processor: Processor) -> None:
        module = Module(processor)
        parts = Parts(module)
        _Pass(module, parts).write()
        _orthogonalise(module, parts)
        _wrong_keys(module)
        engine, self._alive = module.compile()
        self.random_state = STATE * processor.lanes  # numbers of 32 bits

        def entry(name: str, arguments: int) -> Callable[..., None]:
            kind = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * arguments)
            return kind(engine.get_function_address(name))

        self.run_pass = entry("run_pass", 3)
        self.orthogonalise = entry("orthogonalise", 8)
        self.wrong_keys = entry("wrong_keys", 10)

    @staticmethod
    def pass_scratch(features: int, layers: int) -> list[int]:
        """Where the parts of what a thread needs for a pass begin, and end, in floats: zeros."""
        return [0, *itertools.accumulate(scratch_sizes(features, layers).values())]

    @staticmethod
    def orthogonalise_scratch(features: int) -> int:
        """Floats that a thread needs for matrices of this size: zeros."""
        width = width_of(features)
        return 4 * width**2 + 2 * width


def scratch_sizes(features: int, layers: int) -> dict[str, int]:
    """Parts of what one thread needs for a pass, in floats."""
    width = width_of(features)
    square, points = width * width, CHUNK * width
    return {
        "first": width * WIDE,
        "hidden": (layers - 1) * square,
        "last": WIDE * width,
        "turned_first": WIDE * width,
        "turned_hidden": (layers - 1) * square,
        "turned_last": width * WIDE,
        "biases": layers * width,
        "last_bias": WIDE,
        "sine": layers * points,
        "cosine": layers * points,
        "delta": 2 * points,
        "output": CHUNK * WIDE,
        "sum_first": WIDE * width,
        "sum_hidden": (layers - 1) * square,
        "sum_last": WIDE * width,
        "sum_biases": layers * width,
        "sum_last_bias": WIDE,
        "zeros": width,
        "ones": width,
    }


class Matrix(NamedTuple):
    """Where a matrix is in memory.

    Args:
        address: of its first number.
        row: from one row to the next, in floats; 0 for the same row again and again.
        column: from one column to the next. Only a left factor may have other than 1.
    """

    address: Value
    row: Operand
    column: Operand = 1

    @property
    def turned(self) -> Matrix:
        """Its columns as rows."""
        return Matrix(self.address, self.column, self.row)


class _Pass:
    """Writes the forward and backward pass of functions on their points (`fused.FusedPass`).

    Addresses and numbers are read from one array: `PASS_TENSORS`, `PASS_NUMBERS`, and where in the
    scratch each part of `scratch_sizes` begins. The points of each function are `split` into groups
    of so many, the last of fewer, which have errors and gradients of their own.
    """

    def __init__(self, module: Module, parts: Parts) -> None:
        self.parts = parts
        arguments = {"array": ADDRESS, "scratch": ADDRESS, "counter": ADDRESS}
        self.code = code = Code(module, "run_pass", arguments, exported=True)
        places = itertools.count(0, 2)  # numbers have 8 bytes, and floats 4

        def read(kind: ir.Type) -> Value:
            return code.load(code.array + next(places), kind)

        self.given = {name: read(ADDRESS) for name in PASS_TENSORS}
        self.number = {name: read(INT) for name in PASS_NUMBERS}
        self.functions, self.in_tile = self.number["functions"], self.number["in_tile"]
        self.features, self.layers = self.number["features"], self.number["layers"]
        starts = {name: read(INT) for name in scratch_sizes(1, 2)}
        self.own = {name: code.scratch + start for name, start in starts.items()}
        self.summed = starts["zeros"] - starts["sum_first"]
        self.width = _width_of(self.features)
        self.tiles, self.top = self.functions // self.in_tile, self.layers - 1
        self.output = Matrix(self.own["output"], WIDE)

    def write(self) -> None:
        """Write the routine."""
        code, own = self.code, self.own
        points, split, size = (self.number[name] for name in ("points", "split", "group"))
        with code:
            _fill(code, own["ones"], self.width, code.floats(1.0))
            with code.shared_loop(code.counter, self.functions * split) as group:
                function = group // split
                self._fetch(function)
                _fill(code, own["sum_first"], self.summed, code.floats(0.0))
                squares = Variable(code.floats(0.0))
                start = group % split * size
                end = code.least(start + size, points)
                with code.loop(start, end, CHUNK) as first:
                    rows = code.least(end - first, CHUNK)
                    point = function * points + first
                    coords = Matrix(self.given["coords"] + point * 2, 2)
                    self._forward(coords, rows)
                    self._compare(function, point, rows, squares)
                    self._backward(coords, rows)
                samples = (points * 3).cast("uitofp", FLOAT)
                error = code.total(squares.value) / samples
                code.store(self.given["errors"] + group, error)
                self._hand_over(function, group)

    def _shape(self, name: str) -> tuple[Value, Value, Value, Value]:
        """Rows and columns of a matrix in its tensor, and what both are in the scratch."""
        colours, coords, wide = (self.code.number(size) for size in (3, 2, WIDE))
        return {
            "first": (self.features, coords, self.width, wide),
            "hidden": (self.features, self.features, self.width, self.width),
            "last": (colours, self.features, wide, self.width),
        }[name]

    def _fetch(self, function: Value) -> None:
        """The function's own weights (Eq. 4, 5), also turned, and its biases."""
        tile, own, given = function // self.in_tile, self.own, self.given
        self._fetch_matrix("first", function, 0)
        with self.code.loop(0, self.top) as number:
            self._fetch_matrix("hidden", function, number)
        self._fetch_matrix("last", function, 0)
        self.code.call(
            self.parts.widen,
            *(own["biases"], self.width, given["biases"] + tile * self.features),
            *(self.tiles * self.features, self.layers, self.features),
        )
        bias = given["last_bias"] + tile * 3
        self.code.call(self.parts.widen, own["last_bias"], WIDE, bias, 3, 1, 3)

    def _fetch_matrix(self, name: str, function: Value, number: Operand) -> None:
        rows, columns, tall, wide = self._shape(name)
        own, turned = (self.own[part] + tall * wide * number for part in (name, f"turned_{name}"))
        shared = (self.tiles * number + function // self.in_tile) * rows * columns
        masks = (self.functions * number + function) * rows * columns
        self.code.call(
            self.parts.fill,
            *(own, wide, self.given[name] + shared, columns, rows, columns),
            *(self.given[f"kept_{name}"] + masks, self.given[f"inserted_{name}"] + masks),
        )
        self.code.call(self.parts.transpose, turned, tall, own, wide, tall, wide)

    def _product(
        self,
        out: Matrix,
        left: Matrix,
        right: Matrix,
        start: Matrix,
        factor: Matrix | None = None,
        *,
        inner: Operand,
        rows: Operand,
        width: Operand | None = None,
    ) -> None:
        """Find (left right + start) factor."""
        factor = factor or Matrix(self.own["ones"], 0)
        width = self.width if width is None else width
        self.code.call(
            self.parts.product,
            *(*out[:2], *left, *right[:2], inner, *start[:2], *factor[:2], 1.0, rows, width),
        )

    def _part(self, name: str, number: Operand = 0, rows: Operand = 1) -> Matrix:
        """One of several matrices of so many rows in the scratch."""
        return Matrix(self.own[name] + self.width * rows * number, self.width)

    def _bias(self, number: Operand) -> Matrix:
        """The biases of a layer, for every point."""
        return self._part("biases", number)._replace(row=0)

    def _forward(self, coords: Matrix, rows: Value) -> None:
        layer, features = partial(self._part, rows=CHUNK), self.features
        turned = self._part("turned_first")
        self._product(layer("sine"), coords, turned, self._bias(0), inner=2, rows=rows)
        self._waves(0, rows)
        with self.code.loop(0, self.top) as number:
            out, before = layer("sine", number + 1), layer("sine", number)
            turned, bias = self._part("turned_hidden", number, self.width), self._bias(number + 1)
            self._product(out, before, turned, bias, inner=features, rows=rows)
            self._waves(number + 1, rows)
        out, turned = self.output, Matrix(self.own["turned_last"], WIDE)
        before, bias = layer("sine", self.top), Matrix(self.own["last_bias"], 0)
        self._product(out, before, turned, bias, inner=features, rows=rows, width=WIDE)

    def _waves(self, layer: Operand, rows: Value) -> None:
        sine, cosine = (self._part(name, layer, CHUNK).address for name in ("sine", "cosine"))
        self.code.call(self.parts.waves, sine, cosine, rows * self.width)

    def _compare(self, function: Value, point: Value, rows: Value, squares: Variable) -> None:
        """Add the squares of residuals up; the output becomes the loss's gradient by it."""
        code = self.code
        samples = (self.number["points"] * 3).cast("uitofp", FLOAT)
        weight = code.load(self.given["loss_weights"] + function, FLOAT)
        weight = code.splat(weight / samples) * 2.0
        with code.loop(0, rows) as row:
            output, colours = self.own["output"] + row * WIDE, self.given["colours"] + point * 3
            target = code.load_first(code.number(3), colours + row * 3)
            residual = code.load(output) - target
            squares.value = code.fma(residual, residual, squares.value)
            code.store(output, residual * weight)

    def _backward(self, coords: Matrix, rows: Value) -> None:
        """Add the gradients of this chunk's points up, last layer first."""
        layer, top, features = partial(self._part, rows=CHUNK), self.top, self.features
        zeros = Matrix(self.own["zeros"], 0)
        total = Matrix(self.own["sum_last_bias"], WIDE)
        self._add_columns(total, self.output, rows, WIDE)
        total, before = self._part("sum_last"), layer("sine", top)
        self._product(total, self.output.turned, before, total, inner=rows, rows=3)
        delta, last, cosine = layer("delta", top % 2), self._part("last"), layer("cosine", top)
        self._product(delta, self.output, last, zeros, cosine, inner=3, rows=rows)
        with self.code.loop(0, top) as done:
            number = top - done - 1
            delta, below = layer("delta", (number + 1) % 2), layer("delta", number % 2)
            before, cosine = layer("sine", number), layer("cosine", number)
            self._add_columns(self._part("sum_biases", number + 1), delta, rows, self.width)
            total = self._part("sum_hidden", number, self.width)
            self._product(total, delta.turned, before, total, inner=rows, rows=features)
            matrix = self._part("hidden", number, self.width)
            self._product(below, delta, matrix, zeros, cosine, inner=features, rows=rows)
        delta, total = layer("delta"), self._part("sum_first")
        self._add_columns(self._part("sum_biases"), delta, rows, self.width)
        self._product(total, coords.turned, delta, total, inner=rows, rows=2)

    def _add_columns(self, total: Matrix, matrix: Matrix, rows: Value, width: Operand) -> None:
        ones = Matrix(self.own["ones"], 0, 0)
        self._product(total, ones, matrix, total, inner=rows, rows=1, width=width)

    def _hand_over(self, function: Value, group: Value) -> None:
        """Gradients by the weights of this function that are shared, and by biases."""
        code, own, width = self.code, self.own, self.width
        code.call(self.parts.transpose, own["first"], WIDE, own["sum_first"], width, WIDE, width)
        self._take(own["first"], "first", function, group, 0)
        with code.loop(0, self.top) as number:
            total = own["sum_hidden"] + width * width * number
            self._take(total, "hidden", function, group, number)
        self._take(own["sum_last"], "last", function, group, 0)
        biases = self.given["to_biases"] + group * self.features
        apart = self.functions * self.number["split"] * self.features
        code.call(
            self.parts.narrow, biases, apart, own["sum_biases"], width, self.layers, self.features
        )
        bias = self.given["to_last_bias"] + group * 3
        code.call(self.parts.narrow, bias, 3, own["sum_last_bias"], WIDE, 1, 3)

    def _take(
        self, total: Value, name: str, function: Value, group: Value, number: Operand
    ) -> None:
        rows, columns, _, wide = self._shape(name)
        size, before = rows * columns, self.functions * number
        out = self.given[f"to_{name}"] + (before * self.number["split"] + group) * size
        kept = self.given[f"kept_{name}"] + (before + function) * size
        self.code.call(self.parts.take, out, columns, total, wide, rows, columns, kept)


def _width_of(columns: Value) -> Value:
    """`width_of`, in code."""
    return (columns + (WIDE - 1)) // WIDE * WIDE


def _fill(code: Code, address: Value, count: Value, vector: Value) -> None:
    with code.loop(0, count, code.lanes) as place:
        code.store(address + place, vector)


def _orthogonalise(module: Module, parts: Parts) -> None:
    """Newton-Schulz iterations of square matrices (`optimizer.orthogonalise`).

    X becomes a X + X (b G + c G G), where G is X^T X. That is c (a/c X + X Q), where Q is
    b/c G + G G. `quintic` holds a, b and c, and what is added to norms.
    """
    addresses, integers = (
        ("out", "source", "scratch", "quintic", "counter"),
        ("count", "features", "iterations"),
    )
    arguments = dict.fromkeys(addresses, ADDRESS) | dict.fromkeys(integers, INT)
    with Code(module, "orthogonalise", arguments, exported=True) as code:
        features, width = code.features, _width_of(code.features)
        square = width * width
        matrices, gram, other = (code.scratch + square * place for place in (0, 2, 3))
        ones, scale = code.scratch + square * 4, code.scratch + square * 4 + width
        a, b, c, tiny = (code.load(code.quintic + place, FLOAT) for place in range(4))
        _fill(code, ones, width, code.floats(1.0))
        _fill(code, scale, width, code.splat(c))
        with code.shared_loop(code.counter, code.count) as index:
            place = index * features * features
            code.call(
                parts.widen, matrices, width, code.source + place, features, features, features
            )
            _normalise(code, matrices, features * width, tiny)
            with code.loop(0, code.iterations) as turn:
                x, following = (matrices + square * ((turn + own) % 2) for own in (0, 1))
                for out, left, right, start, share, factor in (
                    (gram, (x, 1, width), x, x, a * 0.0, ones),
                    (other, (gram, width, 1), gram, gram, b / c, ones),
                    (following, (x, width, 1), other, x, a / c, scale),
                ):
                    code.call(
                        parts.product,
                        *(out, width, *left, right, width, features, start, width, factor, 0),
                        *(share, features, width),
                    )
            last = matrices + square * (code.iterations % 2)
            code.call(parts.narrow, code.out + place, features, last, width, features, features)


def _normalise(code: Code, matrix: Value, count: Value, tiny: Value) -> None:
    """Divide by the root of the sum of squares."""
    squares = Variable(code.floats(0.0))
    with code.loop(0, count, code.lanes) as place:
        own = code.load(matrix + place)
        squares.value = code.fma(own, own, squares.value)
    norm = code.root(code.splat(code.total(squares.value))) + code.splat(tiny)
    with code.loop(0, count, code.lanes) as place:
        code.store(matrix + place, code.load(matrix + place) / norm)


def _wrong_keys(module: Module) -> None:
    """Draw a wrong key for each tile (`wrong_keys.WrongKeys.draw`), from a stream of its own.

    One number decides of each place: below `known` the place is the key's own if it is the right
    key's, and it has the right value below `right`; what is above `known`, as a share of the rest,
    decides whether it is another of this key's. settings: for each tile known, right, the
    deviation of wrong values, and S. tensors: (K, T, F, entries), of which one `matrix` has F.
    """
    addresses, integers = (
        ("kept", "inserted", "keys", "settings", "states", "counter"),
        ("matrices", "tiles", "in_tile", "entries"),
    )
    arguments = dict.fromkeys(addresses, ADDRESS) | dict.fromkeys(integers, INT)
    with Code(module, "wrong_keys", arguments, exported=True) as code:
        lanes, entries = code.lanes, code.entries
        with code.shared_loop(code.counter, code.tiles) as tile:
            known, right, deviation, ratio = (
                code.splat(code.load(code.settings + tile * 4 + place, FLOAT)) for place in range(4)
            )
            stored = code.states + tile * (STATE * lanes)
            state = [
                Variable(code.load(stored + part * lanes, module.bits)) for part in range(STATE)
            ]
            key = code.load(code.keys + tile * 2, INT)  # of 8 bytes
            with code.loop(0, code.matrices) as matrix, code.loop(0, entries, lanes) as place:
                first = (matrix * code.tiles + tile) * code.in_tile
                own, wrong = ((first + way) * entries + place for way in (key, code.in_tile - 1))
                count = entries - place
                theirs = code.load_first(count, code.kept + own) < 0.5
                chance = uniform(code, state)
                others = chance - known < ratio * (1.0 - known)
                replaced = code.choose(chance < known, theirs, others)
                value = normal(code, state) * deviation
                true = code.load_first(count, code.inserted + own)
                value = code.choose(chance < right, true, value)
                zeros, ones = code.floats(0.0), code.floats(1.0)
                kept = code.choose(replaced, zeros, ones)
                code.store_first(count, code.kept + wrong, kept)
                value = code.choose(replaced, value, zeros)
                code.store_first(count, code.inserted + wrong, value)
