"""What was asked for beside what came out."""

import dataclasses
import math

import numpy as np
import pytest

import sirensong as ss
from sirensong.carrier.slots import Slot
from sirensong.network.substitution import Selection
from sirensong.pictures.metrics import Quality
from sirensong.pictures.pool import Pool
from sirensong.verify import (
    Expected,
    ExpectedFile,
    Measured,
    expect,
    measure_all,
    shortfalls,
    unlike_decoys,
)


def of(psnr, name="a.png"):
    return Measured(name, Quality(psnr, 1.0, 0.0, 0.0))


@pytest.mark.parametrize(
    ("measured", "reported", "short"),
    [
        (37.1, 40.0, False),
        (36.9, 40.0, True),
        (45.0, 40.0, False),
        (48.2, 60.0, False),  # within one level of 255: what rounding to 8 bits can do
        (48.0, 60.0, True),
        (math.inf, 60.0, False),
        (20.0, math.inf, True),
    ],
)
def test_a_picture_may_be_3_db_below_what_training_reported_and_no_more(measured, reported, short):
    assert bool(shortfalls([of(measured)], [reported])) == short


def test_each_picture_that_is_short_is_named_with_both_numbers():
    pictures = [of(40.0, "a.png"), of(18.51, "b.png"), of(21.0, "c.png")]
    assert shortfalls(pictures, [41.0, 49.33, 48.0]) == [
        "b.png has 18.5 dB where training reported 49.3",
        "c.png has 21.0 dB where training reported 48.0",
    ]


def test_a_picture_is_made_smaller_keeping_its_shape_and_that_is_noted():
    wide = np.zeros((20, 60, 3), np.uint8)
    picture = expect(wide, "wide.png", within=(16, 30))
    assert picture.rgb.shape == (10, 30, 3)
    assert picture.original.shape == (20, 60, 3)
    assert picture.notes == ("wide.png: made smaller from 60x20 to 30x10",)
    whole = expect(wide, "wide.png", within=(200, 300))
    assert whole.rgb is whole.original
    assert whole.notes == ()


def test_what_was_made_smaller_is_measured_against_the_original_too(stego):
    """By hand: the render at the carrier's size, and its enlargement by Pillow."""
    rng = np.random.default_rng(1)
    original = rng.integers(0, 256, (18, 27, 3), np.uint8)
    own = (stego.height, stego.width)
    (measured,) = measure_all(stego, [expect(original, "a", within=own)])
    render = ss.to_pil(ss.sample(stego))
    small = ss.to_pil(original).resize(own[::-1], 1)
    large = render.resize((27, 18), 1)
    assert measured.quality.psnr == pytest.approx(psnr(small, render))
    assert measured.original.psnr == pytest.approx(psnr(original, large))
    (same,) = measure_all(stego, [expect(np.asarray(small), "a")])
    assert same.quality == measured.quality
    assert same.original is None


def psnr(one, other):
    difference = np.asarray(one, float) - np.asarray(other, float)
    return -10 * np.log10(np.mean(difference**2) / 255**2)


def test_a_secret_is_measured_as_its_key_reveals_it(make_stego, key):
    stego = make_stego([(key, Slot(Selection.KEYED, 0.05, 12, 14, bytes(8)))])
    revealed = np.asarray(ss.to_pil(ss.reveal(stego, key)))
    (measured,) = measure_all(stego, [expect(revealed, "a", key=key)])
    assert measured.quality.psnr == math.inf
    wrong = expect(revealed, "a", key=dataclasses.replace(key, secret=bytes(32)))
    with pytest.raises(ss.NoPictureError):
        measure_all(stego, [wrong])


# Secrets among decoys.

NOISE = np.random.default_rng(1).integers(0, 256, (20, 20, 3), np.uint8)
SECRETS = [
    ExpectedFile("a.pdf", ss.HiddenFile("a.pdf", b""), None),
    Expected("b.png", NOISE, NOISE),
    ExpectedFile("c.txt", ss.HiddenFile("c.txt", b"noon"), None),
]


@pytest.mark.parametrize(
    ("kinds", "told"),
    [
        (("payload", "noise"), []),
        (("payload",), ["b.png"]),
        (("noise",), ["a.pdf", "c.txt"]),
        (("photograph",), ["a.pdf", "b.png", "c.txt"]),
    ],
)
def test_secrets_of_kinds_that_a_pool_lacks_are_told_by_name(tmp_path, kinds, told):
    pool = Pool(tmp_path, {}, dict.fromkeys(kinds, 1 / len(kinds)))
    assert [note.split()[0] for note in unlike_decoys(SECRETS, pool)] == told


@pytest.mark.parametrize("decoys", [(), ("one.png", "two.png")])
def test_where_there_is_no_pool_files_alone_are_told(decoys):
    assert [note.split()[0] for note in unlike_decoys(SECRETS, decoys)] == ["a.pdf", "c.txt"]
