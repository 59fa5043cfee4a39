"""Quantiles of the standard normal distribution, many at a time.

Wichura's algorithm AS 241 (PPND16, Applied Statistics 37, 1988), which the standard library's
`NormalDist.inv_cdf` has for one number at a time (docs/adr/0007-quantiles.md).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_CENTRE_ENDS = 0.425  # |p - 1/2| up to which the first quotient of polynomials serves
_MIDDLE_ENDS = 5.0  # sqrt(-log p) up to which the second does; then the third

# Coefficients above and below each quotient's line, highest power first.
# fmt: off
_CENTRE_ABOVE = (
    2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457,
    13731.693765509461125, 1971.5909503065514427, 133.14166789178437745, 3.387132872796366608,
)
_CENTRE_BELOW = (
    5226.495278852854561, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867,
    5394.1960214247511077, 687.1870074920579083, 42.313330701600911252, 1.0,
)
_MIDDLE_ABOVE = (
    7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177,
    1.27045825245236838258, 3.64784832476320460504, 5.7694972214606914055, 4.6303378461565452959,
    1.42343711074968357734,
)
_MIDDLE_BELOW = (
    1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966,
    0.14810397642748007459, 0.68976733498510000455, 1.6763848301838038494, 2.05319162663775882187,
    1.0,
)
_FAR_ABOVE = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386,
    0.026532189526576123093, 0.29656057182850489123, 1.7848265399172913358, 5.4637849111641143699,
    6.6579046435011037772,
)
_FAR_BELOW = (
    2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5,
    7.868691311456132591e-4, 0.0148753612908506148525, 0.13692988092273580531,
    0.59983220655588793769, 1.0,
)
# fmt: on


def quantiles(shares: Floats) -> Floats:
    """Find where the standard normal distribution has reached some shares of its mass.

    Args:
        shares: (n,), float64, each between 0 and 1, ends excluded.

    Returns:
        (n,), float64.
    """
    distance = shares - 0.5
    square = 0.180625 - distance * distance
    result = _polynomial(_CENTRE_ABOVE, square) / _polynomial(_CENTRE_BELOW, square) * distance
    tails = np.flatnonzero(np.abs(distance) > _CENTRE_ENDS)
    depth = np.sqrt(-np.log(np.minimum(shares[tails], 1 - shares[tails])))
    middle = depth - 1.6
    ends = _polynomial(_MIDDLE_ABOVE, middle) / _polynomial(_MIDDLE_BELOW, middle)
    far = np.flatnonzero(depth > _MIDDLE_ENDS)
    if len(far):
        beyond = depth[far] - _MIDDLE_ENDS
        ends[far] = _polynomial(_FAR_ABOVE, beyond) / _polynomial(_FAR_BELOW, beyond)
    result[tails] = np.copysign(ends, distance[tails])
    return result


def _polynomial(coefficients: Sequence[float], at: Floats) -> Floats:
    value = np.full_like(at, coefficients[0])
    for coefficient in coefficients[1:]:
        value *= at
        value += coefficient
    return value
