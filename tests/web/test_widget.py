"""The widget for notebooks: what it tells the browser, and what it does without its package."""

import sys

import pytest

import sirensong as ss
from sirensong.web.widget import Viewer
from web.receiver import song


def test_it_shows_a_song_and_then_another():
    first, second = (ss.dumps(song((8, 3), (1, 2), (20, 30), seed)) for seed in (1, 2))
    viewer = Viewer(first, height=300)
    state = viewer.get_state()
    assert (state["page"], state["height"]) == (ss.page(ss.loads(first)), 300)
    told = []
    viewer.observe(lambda change: told.append(change["new"]), "page")
    viewer.show(second)
    assert told == [ss.page(ss.loads(second))]


def test_without_its_package_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "sirensong.web.widget")
    with pytest.raises(ss.MissingDependencyError, match="the widget needs anywidget") as found:
        __import__("sirensong.web.widget")
    assert found.value.hint == "pip install 'sirensong[notebook]'"
