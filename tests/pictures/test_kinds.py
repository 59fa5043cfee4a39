"""Guessing a picture's kind: plain cases of each, and pictures of one pixel."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sirensong.pictures.kinds import PICTURE_KINDS, check_kind, guess_kind, look_at
from sirensong.pictures.photographs import photograph


def page(paper, ink):
    image = Image.new("RGB", (300, 300), paper)
    draw = ImageDraw.Draw(image)
    for top in range(10, 290, 14):
        draw.text((10, top), "a line of words on this page, " * 2, fill=ink)
    return np.asarray(image)


def shapes():
    image = Image.new("RGB", (300, 300), "orange")
    draw = ImageDraw.Draw(image)
    draw.ellipse((40, 40, 200, 250), fill="blue")
    draw.rectangle((100, 150, 290, 290), fill="green")
    return np.asarray(image)


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee"])
def test_photographs_are_photographs(name):
    assert guess_kind(photograph(name)) == "photograph"


@pytest.mark.parametrize("colours", [("white", "black"), ("black", "white")])
def test_a_page_is_a_document_and_so_is_its_noisy_scan(colours):
    printed = page(*colours)
    scan = printed + np.random.default_rng(1).normal(0, 3, printed.shape)
    assert guess_kind(printed) == "document"
    assert guess_kind(np.clip(scan, 0, 255).astype(np.uint8)) == "document"


def test_coloured_shapes_are_a_drawing():
    assert guess_kind(shapes()) == "drawing"


def test_independent_bytes_are_noise():
    rng = np.random.default_rng(1)
    assert guess_kind(rng.integers(0, 256, (64, 64, 3), np.uint8)) == "noise"


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1)])
def test_the_smallest_pictures_have_a_kind(size):
    assert guess_kind(np.zeros((*size, 3), np.uint8)) in PICTURE_KINDS


def test_statistics_are_those_of_pixels_counted_by_hand():
    grey = np.zeros((2, 2, 3), np.uint8)
    grey[0, 1], grey[1, 1] = 200, (200, 0, 0)
    look = look_at(grey)
    assert (look.background, look.common, look.grey) == (0.5, 1.0, 0.75)
    assert look.flat == 0.0


def test_kinds_have_names():
    assert [check_kind(kind) for kind in PICTURE_KINDS] == list(PICTURE_KINDS)
