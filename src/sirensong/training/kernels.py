"""Products, waves and random numbers: what the routines of a step are made of (`routines`).

A matrix has wide rows: of a multiple of 16 floats, with zeros behind its columns. Of two factors
the left one is read number by number, in any order, and the right one row by row; so one routine
does every product of a pass, forward and back.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from llvmlite import ir

from sirensong.training.vectors import (
    ADDRESS,
    FLOAT,
    INT,
    Code,
    Module,
    Value,
    Variable,
)

WIDE = 16  # columns come in multiples of this, whatever the processor's vectors
_PI = (float.fromhex("0x1.921fb6p+1"), float.fromhex("-0x1.777a5cp-24"))  # their sum
_WHOLE = 1.5 * 2**23  # added to a float, it leaves no bits behind the point
# Minimax polynomials: of sine and cosine up to half of pi, of the logarithm from 1/sqrt(2) to
# sqrt(2). Lowest power first.
_SINE = (-0.16666656732559204, 0.008333008736371994, -0.00019806032651104033, 2.598860419311677e-06)
_COSINE = (
    *(1.0, -0.5, 0.041666656732559204, -0.001388858538120985, 2.4770179152255878e-05),
    -2.620901682348631e-07,
)
_LOGARITHM = (
    *(0.9999999403953552, -0.5000036358833313, 0.33335059881210327, -0.24969908595085144),
    *(0.19900165498256683, -0.17250831425189972, 0.16222582757472992, -0.10106893628835678),
)
_ROOT_HALF_BITS, _LOG_2 = 0x3F3504F3, 0.6931471805599453


class Parts:
    """Routines on matrices that others call.

    Args:
        module: where they are written, once.
    """

    def __init__(self, module: Module) -> None:
        self.product, self.transpose = _product(module), _transpose(module)
        self.waves = _sine_and_cosine(module)
        self.widen, self.fill = (_widen(module, masked=own) for own in (False, True))
        self.narrow, self.take = (_narrow(module, masked=own) for own in (False, True))


def width_of(columns: int) -> int:
    """Floats in a row of a matrix with so many columns."""
    return -(-columns // WIDE) * WIDE


# Products.

_FACTORS = {
    "out": ADDRESS,
    "out_row": INT,
    "left": ADDRESS,
    "left_row": INT,
    "left_column": INT,
    "right": ADDRESS,
    "right_row": INT,
    "inner": INT,
    "start": ADDRESS,
    "start_row": INT,
    "factor": ADDRESS,
    "factor_row": INT,
    "share": FLOAT,
}


def _block(module: Module, rows: int, vectors: int) -> ir.Function:
    """One block of a product, which stays in registers."""
    with Code(module, f"block_{rows}x{vectors}", _FACTORS) as code:
        sums = [[Variable(code.floats(0.0)) for _ in range(vectors)] for _ in range(rows)]
        with code.loop(0, code.inner) as place:
            right = code.right + place * code.right_row
            pieces = [code.load(right + vector * code.lanes) for vector in range(vectors)]
            left = code.left + place * code.left_column
            for row in range(rows):
                number = code.splat(code.load(left + code.left_row * row, FLOAT))
                for total, piece in zip(sums[row], pieces, strict=True):
                    total.value = code.fma(number, piece, total.value)
        share = code.splat(code.share)
        for row in range(rows):
            for vector, total in enumerate(sums[row]):
                column = vector * code.lanes
                start = code.load(code.start + code.start_row * row + column)
                factor = code.load(code.factor + code.factor_row * row + column)
                result = code.fma(share, start, total.value) * factor
                code.store(code.out + code.out_row * row + column, result)
    return code.function


def _product(module: Module) -> ir.Function:
    """Find (left right + share start) factor, for matrices with `rows` rows of `width` floats.

    start and factor are matrices like `out`, or with a row of 0 a single row for all.
    """
    most = module.processor.rows
    blocks = {(rows, n): _block(module, rows, n) for rows in (1, most) for n in (1, 2, 3)}
    with Code(module, "product", _FACTORS | {"rows": INT, "width": INT}) as code:
        column, whole = Variable(code.number(0)), code.rows // most * most
        for vectors in (3, 2, 1):
            size = vectors * code.lanes
            left = code.width - column.value
            times = code.choose(left % size < 1, left // size, code.number(0))
            with code.loop(0, times):
                here = column.value
                for first, last, rows in ((code.number(0), whole, most), (whole, code.rows, 1)):
                    with code.loop(first, last, rows) as row:
                        code.call(
                            blocks[rows, vectors],
                            *(code.out + row * code.out_row + here, code.out_row),
                            *(code.left + row * code.left_row, code.left_row, code.left_column),
                            *(code.right + here, code.right_row, code.inner),
                            *(code.start + row * code.start_row + here, code.start_row),
                            *(code.factor + row * code.factor_row + here, code.factor_row),
                            code.share,
                        )
                column.value = here + size
    return code.function


# What is done to single numbers.


def _polynomial(code: Code, coefficients: Sequence[float], at: Value) -> Value:
    *lower, value = (code.floats(own) for own in coefficients)
    for coefficient in reversed(lower):
        value = code.fma(value, at, coefficient)
    return value


def _waves(code: Code, phase: Value) -> tuple[Value, Value]:
    """Sine and cosine, within 1.5e-7 for phases up to 1e6; of infinity and NaN, NaN.

    Both change their sign from one half of a period to the next, so that one count of halves
    serves both.
    """
    floats, bits = code.module.floats, code.module.bits
    halves = code.fma(phase, code.floats(1 / _PI[0]), code.floats(_WHOLE))
    sign = halves.cast("bitcast", bits) << 31
    halves = halves - _WHOLE
    for part in _PI:
        phase = code.fma(halves, code.floats(-part), phase)
    square = phase * phase
    sine = code.fma(phase * square, _polynomial(code, _SINE, square), phase)
    cosine = _polynomial(code, _COSINE, square)
    sine, cosine = (
        (wave.cast("bitcast", bits) ^ sign).cast("bitcast", floats) for wave in (sine, cosine)
    )
    return sine, cosine


def _logarithm(code: Code, number: Value) -> Value:
    """Natural logarithm, within 4e-7 of itself and 1e-7, of numbers from 1e-30 to 1."""
    bits = number.cast("bitcast", code.module.bits)
    power = (bits - _ROOT_HALF_BITS) >> 23
    above = (bits - (power << 23)).cast("bitcast", code.module.floats) - 1.0
    return code.fma(
        power.cast("sitofp", code.module.floats),
        code.floats(_LOG_2),
        above * _polynomial(code, _LOGARITHM, above),
    )


def _random_bits(state: list[Variable]) -> Value:
    """The next 32 bits of each lane's own stream (xoshiro128++, Blackman and Vigna, 2021)."""
    one, two, three, four = (part.value for part in state)
    result = (one + four).rotate(7) + one
    shifted = two << 9
    three, four = three ^ one, four ^ two
    two, one = two ^ three, one ^ four
    for part, new in zip(state, (one, two, three ^ shifted, four.rotate(11)), strict=True):
        part.value = new
    return result


def uniform(code: Code, state: list[Variable]) -> Value:
    """Random numbers in [0, 1): multiples of 2^-24."""
    whole = (_random_bits(state) >> 8).cast("sitofp", code.module.floats)
    return code.fma(whole, code.floats(2**-24), code.floats(0.5))


def normal(code: Code, state: list[Variable]) -> Value:
    """Standard normal random numbers (Box and Muller, 1958)."""
    radius = code.root(_logarithm(code, 1.0 - uniform(code, state)) * -2.0)
    _, wave = _waves(code, uniform(code, state) * (2 * math.pi))
    return radius * wave


def _sine_and_cosine(module: Module) -> ir.Function:
    """Sine in place of the phase, and cosine; `count` is a multiple of the vectors' size."""
    arguments = {"phase": ADDRESS, "cosine": ADDRESS, "count": INT}
    with Code(module, "waves", arguments) as code, code.loop(0, code.count, code.lanes) as place:
        sine, cosine = _waves(code, code.load(code.phase + place))
        code.store(code.phase + place, sine)
        code.store(code.cosine + place, cosine)
    return code.function


# Matrices: as tensors have them, one row after another, and with wide rows.

_COPIED = {
    "out": ADDRESS,
    "out_row": INT,
    "source": ADDRESS,
    "source_row": INT,
    "rows": INT,
    "columns": INT,
}


def _widen(module: Module, *, masked: bool) -> ir.Function:
    """A tensor's matrix in wide rows; if masked, times one like it and plus another.

    Only the last vector of a row that has columns is filled up with zeros.
    """
    masks = {"kept": ADDRESS, "inserted": ADDRESS} if masked else {}
    with (
        Code(module, f"widen_{masked}", _COPIED | masks) as code,
        code.loop(0, code.rows) as row,
        code.loop(0, code.columns, code.lanes) as column,
    ):
        place, count = row * code.source_row + column, code.columns - column
        value = code.load_first(count, code.source + place)
        if masked:
            kept, inserted = (
                code.load_first(count, mask + place) for mask in (code.kept, code.inserted)
            )
            value = code.fma(value, kept, inserted)
        code.store(code.out + row * code.out_row + column, value)
    return code.function


def _narrow(module: Module, *, masked: bool) -> ir.Function:
    """A tensor's matrix of wide rows; if masked, times one like it."""
    masks = {"kept": ADDRESS} if masked else {}
    with (
        Code(module, f"narrow_{masked}", _COPIED | masks) as code,
        code.loop(0, code.rows) as row,
        code.loop(0, code.columns, code.lanes) as column,
    ):
        place, count = row * code.out_row + column, code.columns - column
        value = code.load(code.source + row * code.source_row + column)
        if masked:
            value = value * code.load_first(count, code.kept + place)
        code.store_first(count, code.out + place, value)
    return code.function


def _transpose(module: Module) -> ir.Function:
    """Columns as rows; numbers of both are multiples of the vectors' size.

    Of n vectors, lanes whose number has a bit of n change places with those that have it not, for
    each bit (Eklundh, 1972).
    """
    with Code(module, "transpose", _COPIED) as code:
        lanes = code.lanes
        with code.loop(0, code.rows, lanes) as row, code.loop(0, code.columns, lanes) as column:
            source = code.source + row * code.source_row + column
            vectors = [code.load(source + code.source_row * lane) for lane in range(lanes)]
            for bit in (1, 2, 4, 8)[: lanes.bit_length() - 1]:
                lower = [lane + (lanes - bit if lane & bit else 0) for lane in range(lanes)]
                upper = [lane + (lanes if lane & bit else bit) for lane in range(lanes)]
                for one in (lane for lane in range(lanes) if not lane & bit):
                    pair = vectors[one], vectors[one + bit]
                    vectors[one] = code.shuffle(*pair, lower)
                    vectors[one + bit] = code.shuffle(*pair, upper)
            for lane, vector in enumerate(vectors):
                code.store(code.out + (column + lane) * code.out_row + row, vector)
    return code.function
