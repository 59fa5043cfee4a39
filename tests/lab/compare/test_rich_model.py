"""The colour rich model, held to a count of its own with plain loops."""

from collections import Counter

import numpy as np
import pytest

from sirensong.errors import SettingError
from sirensong.lab.compare.rich_model import LENGTH, rich_features

ROWS, COLOURS = 12 + 7 + 12 + 7 + 7, 8 + 5 + 8 + 5 + 5  # groups of the five families
ROW_LENGTHS = {1: 169, 2: 325}  # of one direction, of several
COLOUR_LENGTHS = {1: 100, 2: 196}


def picture(seed, height=17, width=16, spread=8):
    """Noise around one colour, so that levels of all sizes are met."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(-spread, spread + 1, (height, width, 3))
    return (rng.integers(40, 200, 3) + noise).astype(np.uint8)


def away_from_zero(value, step, most):
    level = int(abs(value) / step + 0.5)
    return int(np.sign(value)) * min(level, most)


def first(seen, y, x, direction):
    return seen[y + direction[0], x + direction[1]] - seen[y, x]


def second(seen, y, x, direction):
    return first(seen, y, x, direction) + first(seen, y, x, (-direction[0], -direction[1]))


def third(seen, y, x, direction):
    (down, right), ahead = direction, (y + direction[0], x + direction[1])
    return second(seen, y, x, direction) - second(seen, *ahead, (down, right))


def upper_half_of_5x5(seen, y, x, direction):
    weights = ((-1, 2, -2, 2, -1), (2, -6, 8, -6, 2), (-2, 8, -12, 8, -2))
    return sum(
        weights[down][right] * seen[y + down - 2, x + right - 2]
        for down in range(3)
        for right in range(5)
    )


NORTH, NORTH_EAST, EAST, SOUTH_EAST = (-1, 0), (-1, 1), (0, 1), (1, 1)
NORTH_WEST = (-1, -1)


def shares(seen_by, residual, directions, step, margin, across):
    """Count a group in a picture turned and reflected in all ways, with loops."""
    counts = Counter()
    most, signs = (3 if across else 2), (1, -1)
    for turns in range(4):
        for seen in (np.rot90(seen_by, turns), np.rot90(seen_by, turns)[::-1]):
            ys = range(margin, seen.shape[0] - margin)
            xs = range(margin, seen.shape[1] - margin)
            for end, sign in zip((min, max), signs, strict=True):
                levels = {
                    (y, x, c): sign
                    * end(
                        away_from_zero(residual(seen[..., c], y, x, one), step, most)
                        for one in directions
                    )
                    for y in ys
                    for x in xs
                    for c in range(3)
                }
                if across:
                    met = [tuple(levels[y, x, c] for c in range(3)) for y in ys for x in xs]
                else:
                    met = [
                        tuple(levels[y, x + k, c] for k in range(4))
                        for y in ys
                        for x in xs[:-3]
                        for c in range(3)
                    ]
                for one in met:
                    alike = [one, one[::-1]]
                    if len(directions) == 1:
                        alike += [tuple(-level for level in other) for other in alike]
                    counts[min(alike)] += 1
    return sorted(count / counts.total() for count in counts.values())


@pytest.mark.parametrize(
    ("place", "residual", "directions", "step", "margin", "across"),
    [
        ((0, 0, 0, 0), first, [EAST], 1, 1, False),
        ((2, 7, 0, 0), first, [NORTH_WEST, NORTH, NORTH_EAST, EAST], 1, 1, False),
        ((4, 15, 2, 9), second, [EAST, NORTH, NORTH_EAST], 2, 1, True),
        ((6, 23, 2, 11), third, [NORTH_EAST, EAST, NORTH, SOUTH_EAST], 3, 2, False),
        ((10, 29, 5, 21), upper_half_of_5x5, [NORTH], 12, 2, False),
    ],
    ids=["row of one", "row of four", "colours of lines", "third order", "half a square"],
)
def test_shares_are_those_of_a_count_with_loops(place, residual, directions, step, margin, across):
    """place: how many groups of one and of several directions come before, by rows and colours."""
    own_lengths = (COLOUR_LENGTHS if across else ROW_LENGTHS)[min(len(directions), 2)]
    begin = sum(
        count * length
        for count, length in zip(
            place, (*ROW_LENGTHS.values(), *COLOUR_LENGTHS.values()), strict=True
        )
    )
    shown = picture(3, spread=12 if step == 12 else 4)
    found = rich_features(shown)[begin : begin + own_lengths]
    expected = shares(shown.astype(int), residual, directions, step, margin, across)
    assert np.sort(found[found > 0]) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(3))
def test_a_turned_or_reflected_picture_has_the_same_features(seed):
    shown = picture(seed)
    features = rich_features(shown)
    assert features.shape == (LENGTH,)
    assert features.sum() == pytest.approx(ROWS + COLOURS)
    for other in (np.rot90(shown), shown[::-1], shown[:, ::-1], np.swapaxes(shown, 0, 1)):
        assert np.array_equal(rich_features(other), features)


def test_in_a_plain_picture_only_zeros_meet():
    features = rich_features(np.full((20, 16, 3), 255, np.uint8))
    assert np.array_equal(np.unique(features, return_counts=True)[1], [LENGTH - 76, 76])
    assert features.max() == 1


def test_levels_end_where_they_must_for_the_strongest_contrast():
    board = np.indices((20, 20)).sum(0) % 2 * 255
    features = rich_features(np.stack([board] * 3, axis=-1).astype(np.uint8))
    assert np.isfinite(features).all()
    assert features.sum() == pytest.approx(ROWS + COLOURS)


def test_colours_are_told_apart():
    shown = picture(5)
    assert not np.allclose(rich_features(shown), rich_features(shown[..., [1, 0, 2]]))


def test_a_picture_that_is_too_small_is_refused():
    with pytest.raises(SettingError, match=r"^detectors need sides of at least 16 .*, got 20x15$"):
        rich_features(np.zeros((15, 20, 3), np.uint8))
