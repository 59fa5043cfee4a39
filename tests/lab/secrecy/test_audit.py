"""What is said of one's own carrier: verdicts in words, and a page of them."""

import re
from dataclasses import replace

import numpy as np
import pytest

from functions import initial
from sirensong.carrier.slots import Slot
from sirensong.lab.secrecy.audit import (
    CONTROLS,
    KNOWN,
    Line,
    controls_for,
    line_of,
    map_line,
    size_line,
    trace_lines,
)
from sirensong.lab.secrecy.busy import detail
from sirensong.lab.secrecy.page import page_of
from sirensong.lab.secrecy.traces import Finding, Trace
from sirensong.network.rendering import render
from sirensong.network.substitution import Selection
from sirensong.network.tiles import Grid
from sirensong.reveal import unlock

SHOWN = np.full((4, 4, 3), 0.5, np.float32)


def finding(value, spread=0.02):
    controls = np.linspace(-spread, spread, 19)
    return Finding(Trace(value, 0.0), tuple(Trace(float(own), float(own)) for own in controls))


@pytest.mark.parametrize(
    ("value", "words", "bad"),
    [
        (0.0, "nothing of the picture is seen", False),
        (0.05, "it ranks high among candidates", False),
        (0.2, "leaves a trace, in its outlines", True),
        (0.6, "the picture shows, in its outlines", True),
    ],
)
def test_verdicts_follow_what_is_above_the_controls(value, words, bad):
    line = line_of("anybody", "nothing", finding(value), SHOWN, SHOWN)
    assert words in line.verdict
    assert line.bad == bad
    assert line.numbers["edges"] == pytest.approx(value)


def test_a_trace_that_controls_have_too_is_none():
    assert not line_of("anybody", "nothing", finding(0.2, spread=0.5), SHOWN, SHOWN).bad


def test_each_kind_of_knowledge_is_tried_on_a_carrier(secret):
    controls = controls_for(render(secret, (6, 9)))
    assert [control.shape for control in controls] == [(6, 9, 3)] * CONTROLS
    lines = trace_lines(secret, controls)
    assert [(line.who, line.tried) for line in lines] == list(KNOWN)
    assert all(line.pictures[0][1].shape == (6, 9, 3) for line in lines)


def test_weights_that_were_never_trained_do_not_confirm_a_key(secret):
    line = size_line(secret)
    assert not line.bad
    assert abs(line.numbers["z"]) < 4


def test_larger_weights_at_a_keys_positions_confirm_it(secret):
    from sirensong.lab.secrecy.supermask import true_sets

    weights = tuple(
        type(layer)(np.where(chosen, 3 * layer.weight, layer.weight), layer.bias)
        for layer, chosen in zip(secret.stego.weights, true_sets(secret), strict=True)
    )
    assert size_line(replace(secret, stego=replace(secret.stego, weights=weights))).bad


@pytest.fixture
def busy(make_stego, architecture, key):
    """A carrier of 25 tiles and one key, pictures of 40x40."""
    functions = [initial(architecture, np.random.default_rng(tile)) for tile in range(25)]
    entries = [(key, Slot(Selection.KEYED, 0.1, 40, 40, bytes(6)))]
    stego = make_stego(entries, weights=functions, grid=Grid(5, 5))
    return unlock(replace(stego, height=40, width=40), key)


@pytest.mark.parametrize(("shuffled", "bad"), [(True, False), (False, True)])
def test_a_map_is_seen_where_statistics_follow_the_picture_in_its_own_order(busy, shuffled, bad):
    rng = np.random.default_rng(1)
    own = detail(render(busy, (40, 40)), busy.grid)
    if shuffled:
        own[busy.places] = own.copy()
    statistics = np.column_stack([rng.random((25, 3)), own])
    line = map_line(busy, statistics, controls_for(np.zeros((40, 40, 3), np.float32)))
    assert line.bad == bad
    assert line.numbers["in order" if shuffled else "map"] == pytest.approx(1)


def test_few_tiles_draw_no_map(secret):
    assert map_line(secret, np.zeros((2, 3)), [render(secret, (6, 9))]) is None


def test_what_the_reader_has_to_judge_is_neither_good_nor_bad():
    line = Line("anybody", "looks", "1", "look", None, {})
    assert "<span class=open>look</span>" in page_of("a", [], [("b", [], [line])])


def test_the_page_needs_no_other_file_and_names_are_no_markup():
    line = Line("a <b>", "<u>", "1 < 2", "<s>", True, {}, [("<i>", SHOWN)])
    page = page_of("a & b", ["note"], [("<i>", [("cover", SHOWN)], [line])])
    assert "a &amp; b" in page
    assert not re.search("<[bisu]>", page)
    assert "1 &lt; 2" in page
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r'(src|href)="(?!data:)', page)
