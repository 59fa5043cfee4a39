"""What is said of one's own carrier: verdicts in words, and a page of them."""

import re

import numpy as np
import pytest

from sirensong.lab.secrecy.audit import (
    CONTROLS,
    KNOWN,
    Line,
    controls_for,
    line_of,
    size_line,
    trace_lines,
)
from sirensong.lab.secrecy.page import page_of
from sirensong.lab.secrecy.traces import Finding, Trace
from sirensong.network.rendering import render

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
    from dataclasses import replace

    from sirensong.lab.secrecy.supermask import true_sets

    weights = tuple(
        type(layer)(np.where(chosen, 3 * layer.weight, layer.weight), layer.bias)
        for layer, chosen in zip(secret.stego.weights, true_sets(secret), strict=True)
    )
    assert size_line(replace(secret, stego=replace(secret.stego, weights=weights))).bad


def test_the_page_needs_no_other_file_and_names_are_no_markup():
    line = Line("a <b>", "<u>", "1 < 2", "<s>", True, {}, [("<i>", SHOWN)])
    page = page_of("a & b", ["note"], [("<i>", [("cover", SHOWN)], [line])])
    assert "a &amp; b" in page
    assert not re.search("<[bisu]>", page)
    assert "1 &lt; 2" in page
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r'(src|href)="(?!data:)', page)
