"""StegExpose against slow oracles that loop over pixels, and against the original's output.

And by its quirks, one by one.
"""

import csv
import io
import json
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.special import chdtrc

import sirensong
from sirensong import cli
from sirensong.errors import FileError, FormatError, SettingError
from sirensong.lab.steganalysis.stegexpose import (
    DETECTORS,
    Verdict,
    analyse,
    chi_square,
    from_grey,
    primary_sets,
    rs_analysis,
    sample_pairs,
)
from sirensong.lab.steganalysis.stegexpose_files import (
    analyse_file,
    analyse_files,
    files_in,
    to_csv,
)

GOLDEN = Path(__file__).parents[2] / "golden"
SCORES = ("primary_sets", "chi_square", "sample_pairs", "rs_analysis")  # in the table's order


def noise(seed, size, low=0, high=256):
    return np.random.default_rng(seed).integers(low, high, (*size, 3), dtype=np.uint8)


def photograph(seed, size, contrast=60):
    """Smooth colours with a little noise, which StegExpose finds clean."""
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(*(np.linspace(0, side / 40, side) for side in size), indexing="ij")
    waves = np.stack(
        [np.sin(x * (1 + channel) + seed) + np.cos(y + channel) for channel in range(3)], axis=-1
    )
    return np.clip(128 + contrast * waves + rng.normal(0, 2, waves.shape), 0, 255).astype(np.uint8)


def replaced(colours, share, seed=9):
    """LSB replacement: a share of the samples gets a random last bit."""
    rng = np.random.default_rng(seed)
    chosen, bits = (
        rng.random(colours.shape) < share,
        rng.integers(0, 2, colours.shape, dtype=np.uint8),
    )
    return np.where(chosen, (colours & 254) | bits, colours)


# Each takes a path of its own: no solution, a root of 0 or below, the quotient in its place, an odd
# height or width, no pairs or groups at all, samples that flip beyond 0 or 255, several bands.
PICTURES = {
    **{
        f"few values {size}": noise(size[0], size, 100, 106)
        for size in [(12, 10), (2, 2), (9, 8), (8, 9), (1, 6), (6, 1), (259, 4)]
    },
    **{f"darkest {size}": noise(size[1], size, 0, 3) for size in [(16, 16), (3, 2), (514, 2)]},
    **{f"lightest {size}": noise(size[1] + 1, size, 252, 256) for size in [(16, 16), (2, 2)]},
    "all values": noise(2, (14, 14)),
    "smooth": photograph(2, (20, 24)),
    "replaced": replaced(photograph(3, (20, 24)), 0.6),
    "flat": np.full((10, 10, 3), 77, np.uint8),
}
every_picture = pytest.mark.parametrize("colours", PICTURES.values(), ids=PICTURES.keys())


def close(value):
    return pytest.approx(value, abs=1e-12, nan_ok=True)


def divide(numerator, denominator):
    """As Java's doubles do."""
    if denominator:
        return numerator / denominator
    return math.copysign(math.inf, numerator) if numerator else math.nan


def solve(a, b, c):
    """Real roots of a quadratic; none if it is none."""
    square = b**2 - 4 * a * c
    if a == 0 or square < 0:
        return []
    return [(-b + square**0.5) / (2 * a), (-b - square**0.5) / (2 * a)]


def trend(u, v):
    if u == v:
        return "Z"
    if v % 2 == 0:
        return "X" if u < v else "Y"
    return "X" if u > v else "Y"


def slow_primary_sets(colours):
    height, width, _ = colours.shape
    sizes = dict.fromkeys("XYZW", 0)
    for row in range(height):
        for column in range(0, width - 1, 2):
            u, v = int(colours[row, column, 0]), int(colours[row, column + 1, 0])
            sizes[trend(u, v)] += 1
            if trend(u, v) == "Y" and ((u % 2 == 0 and v % 2 == 1) or u % 2 == 1):
                sizes["W"] += 1
    pairs = height * (width // 2)
    roots = solve((sizes["W"] + sizes["Z"]) / 2, 2 * sizes["X"] - pairs, sizes["Y"] - sizes["X"])
    return min(roots, default=math.nan)


def slow_sample_pairs(colours):
    height, width, _ = colours.shape
    if height % 2 or width % 2:
        return None
    total = 0
    for channel in range(3):
        plane = colours[..., channel].tolist()
        pairs = [(row[column], row[column + 1]) for row in plane for column in range(0, width, 2)]
        pairs += [
            (plane[row][column], plane[row + 1][column])
            for row in range(0, height, 2)
            for column in range(width)
        ]
        kinds = [trend(u, v) for u, v in pairs]
        w = sum(u // 2 == v // 2 and u % 2 != v % 2 for u, v in pairs)
        a = (w + kinds.count("Z")) / 2
        b = 2 * kinds.count("X") - len(pairs)
        c = kinds.count("Y") - kinds.count("X")
        roots = sorted(solve(a, b, c), key=abs)
        total += roots[0] if roots and roots[0] != 0 else divide(c, b)
    return total / 3


def slow_chi_square(colours):
    samples = [int(sample) for row in colours for pixel in row for sample in pixel]
    blocks = math.floor(len(samples) / 1024) - 1
    if blocks < 256:
        return None
    histogram, chances = [1] * 256, []
    for index, sample in enumerate(samples[: blocks * 1024], start=1):
        histogram[sample] += 1
        if index % 1024:
            continue
        observed = histogram[0::2]
        expected = [(histogram[2 * k] + histogram[2 * k + 1]) // 2 for k in range(128)]
        ratio = sum(observed) / sum(expected)
        statistic = sum(
            (o - ratio * e) ** 2 / (ratio * e) for o, e in zip(observed, expected, strict=True)
        )
        chances.append(chdtrc(127, statistic))
    return sum(chances) / len(chances)


def slow_rs_analysis(colours):
    estimates = [
        slow_rs_estimate(colours[..., channel].tolist(), step)
        for step in (1, 2)
        for channel in range(3)
    ]
    return sum(estimates) / 6


def slow_rs_estimate(plane, step):
    still, flipped = (slow_groups(plane, step, flipped=way) for way in (False, True))
    r, s, r_minus, s_minus = still
    r1, s1, r1_minus, s1_minus = flipped
    roots = sorted(solve(*rs_quadratic(still, flipped)), key=abs)
    if roots:
        x = roots[0]
    else:
        x = (
            divide(r_minus - r, r1 - r + r_minus - r1_minus)
            + divide(s_minus - s, s1 - s + s_minus - s1_minus)
        ) / 2
    return abs(divide(x, x - 0.5))


def rs_quadratic(still, flipped):
    d0, dm0 = still[0] - still[1], still[2] - still[3]
    d1, dm1 = flipped[0] - flipped[1], flipped[2] - flipped[3]
    return 2 * (d1 + d0), dm0 - dm1 - d1 - 3 * d0, d0 - dm0


def slow_groups(plane, step, *, flipped):
    def rough(a, b, c, d):
        return abs(a - b) + abs(b - d) + abs(d - c) + abs(c - a)

    def change(values, mask, shift):
        return [
            ((value + shift) ^ 1) - shift if chosen else value
            for value, chosen in zip(values, mask, strict=True)
        ]

    counts = [0, 0, 0, 0]
    for y in range(0, len(plane) - 1, step):
        for x in range(0, len(plane[0]) - 1, step):
            group = [plane[y][x], plane[y][x + 1], plane[y + 1][x], plane[y + 1][x + 1]]
            if flipped:
                group = [value ^ 1 for value in group]
            for mask in ([1, 0, 0, 1], [0, 1, 1, 0]):
                for shift in (0, 1):
                    after, before = rough(*change(group, mask, shift)), rough(*group)
                    counts[2 * shift] += after > before
                    counts[2 * shift + 1] += after < before
    return counts


@every_picture
def test_primary_sets(colours):
    assert primary_sets(colours) == close(slow_primary_sets(colours))


@every_picture
def test_sample_pairs(colours):
    assert sample_pairs(colours) == close(slow_sample_pairs(colours))


@every_picture
def test_rs_analysis(colours):
    assert rs_analysis(colours) == close(slow_rs_analysis(colours))


@pytest.mark.parametrize("share", [0, 0.5, 1])
def test_chi_square(share):
    colours = replaced(photograph(3, (171, 513)), share)
    assert chi_square(colours) == close(slow_chi_square(colours))


def test_the_pictures_reach_every_branch():
    """Without that the oracles would agree on nothing."""
    primary = [slow_primary_sets(colours) for colours in PICTURES.values()]
    assert any(math.isnan(value) for value in primary)
    assert any(value < 0 for value in primary)
    assert any(value > 0 for value in primary)
    pairs = [slow_sample_pairs(colours) for colours in PICTURES.values()]
    assert {None, 0.0} < set(pairs)
    assert any(value is not None and math.isnan(value) for value in pairs)
    assert any(value is not None and value < 0 for value in pairs)
    rs = [slow_rs_analysis(colours) for colours in PICTURES.values()]
    assert any(math.isnan(value) for value in rs)
    assert math.inf in rs
    kinds = set()
    for colours in PICTURES.values():
        for plane in (colours[..., channel].tolist() for channel in range(3)):
            still, flipped = (slow_groups(plane, 2, flipped=way) for way in (False, True))
            a, b, c = rs_quadratic(still, flipped)
            kinds.add((a == 0, bool(solve(a, b, c))))
    assert kinds == {(True, False), (False, False), (False, True)}


def test_odd_sides_have_no_sample_pairs():
    results = {
        size: analyse(photograph(1, size)).sample_pairs is None
        for size in [(30, 40), (31, 40), (30, 41), (31, 41)]
    }
    assert list(results.values()) == [False, True, True, True]


def test_fewer_than_256_blocks_have_no_chi_square():
    """257 * 1024 samples are 87 722 pixels and two thirds."""
    assert chi_square(np.zeros((1, 87_722, 3), np.uint8)) is None
    assert chi_square(np.zeros((1, 87_723, 3), np.uint8)) is not None


def test_chi_square_at_its_ends():
    """All values in turn leave every pair even after each block.

    Even values below 128 and odd ones above leave none even.
    """
    values = np.arange(256, dtype=np.uint8)
    assert chi_square(np.resize(values, (300, 300, 3))) == pytest.approx(1, abs=1e-15)
    assert chi_square(np.resize(values & 254 | values >> 7, (300, 300, 3))) < 1e-6


def test_chi_square_does_not_see_flat_pictures():
    """Nothing is less even than one value alone.

    But scaling all pairs' expected counts to the total hides it.
    """
    assert chi_square(np.zeros((300, 300, 3), np.uint8)) > 0.999


def test_the_last_whole_block_is_left_out():
    colours = noise(6, (300, 300))
    samples = colours.reshape(-1)
    last = (samples.size // 1024 - 1) * 1024
    before = chi_square(colours)
    samples[last:] = 0
    assert chi_square(colours) == before
    samples[last - 1] ^= 1
    assert chi_square(colours) != before


def test_primary_sets_look_at_red_alone():
    colours = photograph(2, (20, 20))
    other = np.dstack([colours[..., :1], noise(1, (20, 20))[..., 1:]])
    assert primary_sets(colours) == primary_sets(other)
    assert primary_sets(colours) != primary_sets(other[..., ::-1])


def test_channels_cancel_before_the_absolute_value():
    """One channel's negative estimate takes from another's: the mean is of signed numbers."""
    colours = next(
        colours for colours in PICTURES.values() if min(signs(colours)) < 0 < max(signs(colours))
    )
    assert abs(sample_pairs(colours)) < sum(map(abs, signs(colours))) / 3


def signs(colours):
    """Sample pairs' estimate of each channel, from pictures that have it thrice."""
    return [sample_pairs(colours[..., [channel] * 3]) or 0 for channel in range(3)]


def test_replaced_bits_are_found():
    """The positive control, by every detector."""
    clean = photograph(1, (320, 300), contrast=40)
    before, after = analyse(clean), analyse(replaced(clean, 1))
    assert not before.is_stego
    assert after.is_stego
    assert all(
        getattr(after, name) > getattr(before, name)
        for name in ("sample_pairs", "chi_square", "rs_analysis")
    )
    assert after.fusion > 0.5


def test_rising_shares_raise_the_estimates():
    clean = photograph(4, (200, 200))
    verdicts = [analyse(replaced(clean, share)) for share in (0, 0.25, 0.5, 0.75)]
    for share, verdict in zip((0, 0.25, 0.5, 0.75), verdicts, strict=True):
        assert verdict.sample_pairs == pytest.approx(share, abs=0.15)
        assert verdict.rs_analysis == pytest.approx(share, abs=0.15)


@pytest.fixture
def rig(monkeypatch):
    """Give the detectors results, in the order in which they run; returns the list that did run."""

    def arrange(*results):
        ran = []

        def fake(name, result):
            def detect(_):
                ran.append(name)
                return result

            return detect

        for name, result in zip(list(DETECTORS), results, strict=True):
            monkeypatch.setitem(DETECTORS, name, fake(name, result))
        return ran

    return arrange


NAN = math.nan


@pytest.mark.parametrize(
    ("results", "count", "fusion"),
    [
        ((0.19, 0.9, 0.9, 0.9), 1, 0.19),
        ((0.2, 0.9, 0.9, 0.9), 4, 0.725),  # equal is not below
        ((0.3, 0.05, 0.9, 0.9), 2, 0.175),
        ((0.3, 0.15, 0.12, 0.9), 3, 0.19),
        ((0.3, 0.15, 0.3, 0.0), 4, 0.1875),  # nothing is left to skip
        ((NAN, 0.1, 0.9, 0.9), 2, 0.1),
        ((NAN, None, 0.1, 0.9), 3, 0.1),
        ((NAN, None, NAN, 0.1), 4, 0.1),
        ((NAN, None, None, NAN), 4, NAN),
        ((-0.1, 0.9, 0.9, 0.9), 1, 0.1),
        ((-0.4, None, math.inf, NAN), 4, 0.7),
        ((-math.inf, 7.0, 0.4, NAN), 4, 0.8),
    ],
)
def test_fast_mode(rig, results, count, fusion):
    ran = rig(*results)
    verdict = analyse(noise(1, (4, 4)), fast=True)
    assert (
        ran
        == list(DETECTORS)[:count]
        == ["primary_sets", "sample_pairs", "chi_square", "rs_analysis"][:count]
    )
    assert verdict.fusion == pytest.approx(fusion, nan_ok=True)
    assert verdict.fast
    for name, result in zip(list(DETECTORS), results, strict=True):
        expected = (
            None
            if name not in ran or result is None
            else NAN
            if math.isnan(result)
            else min(abs(result), 1)
        )
        assert getattr(verdict, name) == (
            None if expected is None else pytest.approx(expected, nan_ok=True)
        )


@pytest.mark.parametrize("threshold", [0.2, 1])
def test_default_mode_runs_all(rig, threshold):
    ran = rig(0.1, None, 0.2, 0.6)
    verdict = analyse(noise(1, (4, 4)), threshold=threshold)
    assert ran == list(DETECTORS)
    assert verdict.fusion == pytest.approx(0.3)
    assert verdict.is_stego == (threshold < 0.3)


def test_fast_mode_on_a_picture():
    """What fast mode does find is what the default finds."""
    clean = photograph(1, (300, 300))
    for colours in (clean, replaced(clean, 0.4)):
        default = analyse(colours)
        for threshold in (0, 0.05, 0.2, 0.4, 1):
            fast = analyse(colours, fast=True, threshold=threshold)
            found = {
                name: getattr(fast, name) for name in SCORES if getattr(fast, name) is not None
            }
            assert found == {name: close(getattr(default, name)) for name in found}
            stopped = len(found) < 4
            assert not (stopped and fast.is_stego)
            assert stopped or fast.fusion == default.fusion


def test_a_fusion_equal_to_the_threshold_is_clean(rig):
    rig(0.5, 0.5, None, NAN)
    assert not analyse(noise(1, (4, 4)), threshold=0.5).is_stego
    assert analyse(noise(1, (4, 4)), threshold=0.499).is_stego


def test_without_any_number_there_is_no_verdict(rig):
    rig(NAN, None, None, NAN)
    verdict = analyse(noise(1, (4, 4)), threshold=0)
    assert math.isnan(verdict.fusion)
    assert not verdict.is_stego


def srgb(value):
    """Java's table from its definition."""
    light = value / 255
    return round(
        255 * (12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055)
    )


def test_the_table_of_greys():
    grey = np.arange(256, dtype=np.uint8).reshape(8, 32)
    colours = from_grey(grey)
    assert colours.tolist() == [[[srgb(value)] * 3 for value in row] for row in grey.tolist()]
    assert colours.dtype == np.uint8
    assert (srgb(0), srgb(1), srgb(128), srgb(255)) == (0, 13, 188, 255)


def encoded(image, form="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png(width, depth, kind, rows):
    """A PNG of a kind that Pillow does not write.

    depth: bits a sample. kind: 0 grey, 2 RGB. rows: a line's bytes each.
    """

    def chunk(name, content):
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", width, len(rows), depth, kind, 0, 0, 0)
    lines = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", lines) + chunk(b"IEND", b"")
    )


@pytest.fixture
def judge(tmp_path):
    """Write a picture's bytes to a file and analyse it."""

    def judge_file(data, name="a.png", **options):
        (tmp_path / name).write_bytes(data)
        return analyse_file(tmp_path / name, **options)

    return judge_file


def scores(verdict):
    """The four numbers, as text: nan is not equal to itself."""
    return [str(getattr(verdict, name)) for name in SCORES]


def test_grey_files_pass_the_table(judge):
    grey = photograph(5, (40, 30))[..., 0]
    tabled = np.array([[[srgb(value)] * 3 for value in row] for row in grey.tolist()], np.uint8)
    expected = scores(analyse(tabled))
    assert scores(judge(encoded(Image.fromarray(grey)))) == expected
    assert scores(analyse(grey)) == expected
    assert scores(judge(encoded(Image.fromarray(grey), "BMP"), "a.bmp")) == expected
    assert (
        scores(
            judge(encoded(Image.merge("LA", [Image.fromarray(grey), Image.new("L", (30, 40), 99)])))
        )
        == expected
    )
    assert expected != scores(analyse(np.dstack([grey] * 3)))


def test_colours_do_not_pass_it(judge):
    colours = photograph(5, (40, 30))
    expected = scores(analyse(colours))
    assert scores(judge(encoded(Image.fromarray(colours)))) == expected
    equal = np.dstack([colours[..., 0]] * 3)
    assert scores(judge(encoded(Image.fromarray(equal)))) == scores(analyse(equal))
    alpha = np.dstack([colours, noise(3, (40, 30))[..., 0]])
    assert scores(judge(encoded(Image.fromarray(alpha)))) == expected


def test_palettes_do_not_pass_it(judge):
    grey = np.resize(np.arange(256, dtype=np.uint8) ** 2, (20, 32))
    grey[:8] = np.arange(256).reshape(
        8, 32
    )  # of a palette of all greys in order, Pillow makes grey
    expected = scores(analyse(np.dstack([grey] * 3)))
    assert expected != scores(analyse(grey))
    assert scores(judge(encoded(Image.fromarray(grey).convert("P")))) == expected
    assert scores(judge(encoded(Image.fromarray(grey), "GIF"), "a.gif")) == expected


def test_grey_of_4_bits_does_not_pass_it(judge):
    """16 greys, two a byte, of which Java makes a palette."""
    rows = noise(8, (20, 10))[..., 0]
    nibbles = np.stack([rows >> 4, rows & 15], axis=-1).reshape(20, 20) * np.uint8(17)
    verdict = judge(png(20, 4, 0, rows))
    assert scores(verdict) == scores(analyse(np.dstack([nibbles] * 3)))
    assert scores(verdict) != scores(analyse(nibbles))


def test_a_file(judge):
    data = encoded(Image.fromarray(replaced(photograph(1, (40, 30)), 1)))
    verdict = judge(data, "some name.png", threshold=0.3)
    assert (verdict.name, verdict.size, verdict.threshold, verdict.fast) == (
        "some name.png",
        len(data),
        0.3,
        False,
    )
    assert verdict.hidden_bytes == round(verdict.fusion * len(data) / 3)
    assert judge(data, fast=True).fast


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "empty"),
        (b"no picture", "not an image that can be read"),
        (encoded(Image.fromarray(noise(1, (20, 20))))[:400], "not an image that can be read"),
        (
            encoded(Image.fromarray(np.arange(400, dtype=np.uint16).reshape(20, 20))),
            "more than 8 bits",
        ),
        (
            encoded(Image.fromarray(noise(1, (20, 20))[..., 0].astype(np.float32)), "TIFF"),
            "more than 8 bits",
        ),
        (png(10, 16, 2, noise(1, (20, 20)).reshape(20, 60)), "more than 8 bits"),
    ],
)
def test_files_that_are_no_pictures(judge, data, message):
    with pytest.raises(FormatError, match=message) as caught:
        judge(data)
    assert "a.png" in caught.value.message


def test_a_folder(tmp_path):
    for name in ("c.png", "a.png", "b.bmp"):
        Image.fromarray(photograph(len(name), (20, 20))).save(tmp_path / name)
    (tmp_path / "a.txt").write_text("notes")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    verdicts = analyse_files(files_in(tmp_path), fast=True, threshold=0.1)
    assert [verdict.name for verdict in verdicts] == ["a.png", "b.bmp", "c.png"]
    alone = [
        analyse_file(tmp_path / verdict.name, fast=True, threshold=0.1) for verdict in verdicts
    ]
    assert to_csv(verdicts) == to_csv(alone)
    assert {verdict.threshold for verdict in verdicts} == {0.1}
    assert analyse_files(files_in(tmp_path / "folder.png")) == []


def test_what_is_not_there(tmp_path):
    with pytest.raises(FileError, match="cannot read"):
        files_in(tmp_path / "nowhere")
    with pytest.raises(FileError, match="cannot read"):
        analyse_file(tmp_path / "nothing.png")


@pytest.mark.parametrize("threshold", [-0.01, 1.01, NAN])
def test_thresholds_outside_0_to_1(threshold):
    with pytest.raises(SettingError, match="threshold"):
        analyse(noise(1, (4, 4)), threshold=threshold)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((4, 4, 3), np.float32),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 0, 3), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((1, 4, 4, 3), np.uint8),
        [[1, 2], [3, 4]],
    ],
    ids=lambda pixels: str(np.shape(pixels)),
)
def test_other_arrays(pixels):
    with pytest.raises(SettingError, match="StegExpose looks at"):
        analyse(pixels)


def test_views_and_read_only_arrays():
    colours = photograph(1, (30, 30))
    colours.flags.writeable = False
    assert scores(analyse(colours)) == scores(analyse(colours[:, ::-1][:, ::-1]))


HEADER = (
    "File name,Above stego threshold?,Secret message size in bytes (ignore for clean files),"
    "Primary Sets,Chi Square,Sample Pairs,RS analysis,Fusion (mean)"
)


def test_the_table():
    verdicts = [
        Verdict(
            "a b.png",
            228650,
            0.07330206436492333,
            8.569594619348558e-4,
            None,
            0.06965819797476018,
            0.04793907393387279,
        ),
        Verdict("c.png", 900, NAN, 3.741100013179327e-11, 1.0, 0.0, 0.5),
        Verdict("d.png", 30, None, 0.001, 1e-4, 2e-300, 0.25, threshold=0.25),
        Verdict("e.png", 3, NAN, None, None, NAN, NAN),
        Verdict("", None, np.float64(0.5), None, 0.0009999, 0.1, 0.3),
    ]
    assert to_csv(verdicts) == (
        f"\n{HEADER}\n"
        "a b.png,false,3654,0.07330206436492333,8.569594619348558E-4,null,"
        "0.06965819797476018,0.04793907393387279\n"
        "c.png,true,150,NaN,3.741100013179327E-11,1.0,0.0,0.5\n"
        "d.png,false,3,null,0.001,1.0E-4,2.0E-300,0.25\n"  # 2.5 bytes, and halves are rounded up
        "e.png,false,0,NaN,null,null,NaN,NaN\n"
        ",true,null,0.5,null,9.999E-4,0.1,0.3\n"
    )


def test_the_fast_table():
    verdict = Verdict("a.png", 3000, 0.1, None, None, None, 0.1, fast=True)
    assert to_csv([verdict]) == f"\n{HEADER[:-1]} & fast)\na.png,false,100,0.1,null,null,null,0.1\n"
    assert to_csv([]) == f"\n{HEADER}\n"
    with pytest.raises(SettingError, match="fast"):
        to_csv([verdict, Verdict("b.png", 1, None, None, None, None, NAN)])


def rows(text):
    """A table's rows by file name, its first two lines apart."""
    blank, header, *lines = text.splitlines()
    return (blank, header), {row[0]: row[1:] for row in csv.reader(lines)}


@pytest.mark.parametrize("mode", ["default", "fast"])
def test_against_the_original(mode):
    """Its own numbers, on the pictures that it comes with."""
    data = os.environ.get("SIRENSONG_DATA")
    if not data:
        pytest.skip("SIRENSONG_DATA, the folder of the benchmarks' pictures, is not set")
    folder = Path(data) / "stegexpose-test"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    top, expected = rows((GOLDEN / f"stegexpose_{mode}.csv").read_text(encoding="utf-8"))
    our_top, ours = rows(to_csv(analyse_files(files_in(folder), fast=mode == "fast")))
    assert our_top == top
    assert ours.keys() == expected.keys()
    for name, row in expected.items():
        assert ours[name][:2] == row[:2], name
        for score, golden in zip(ours[name][2:], row[2:], strict=True):
            if golden == "null" or score == "null":
                assert score == golden, name
            else:
                assert float(score) == pytest.approx(float(golden), abs=1e-9, rel=0, nan_ok=True), (
                    name
                )


def test_the_command_prints_the_csv(tmp_path, capsys):
    picture = np.random.default_rng(3).integers(0, 256, (20, 31, 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("no picture")
    assert cli.run(["attack", "stegexpose", str(tmp_path)]) == 0
    assert capsys.readouterr().out == to_csv(analyse_files(files_in(tmp_path)))
    assert cli.run(["attack", "stegexpose", str(tmp_path), "--fast", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["version"]) == ("attack stegexpose", sirensong.__version__)
    (row,) = told["pictures"]
    assert row["name"] == "a.png"
    assert row["sample_pairs"] is None  # an odd side
    assert cli.run(["attack", "stegexpose", str(tmp_path / "nowhere")]) == 1
    assert "nowhere" in capsys.readouterr().err
