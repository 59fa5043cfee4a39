"""Servers for tests: one that they share, and others of their own."""

import pytest
from serving import LONG, SHORT, running


@pytest.fixture(scope="module")
def shared():
    """One server for all tests of a file that leave it as it was.

    Tests of other files set the clock, which its loop would wait by.
    """
    client, end = running(SHORT)
    yield client
    assert end() == []


@pytest.fixture
def client(shared):
    """The shared server after a page has begun."""
    status, shared.session = shared.ask("POST", "/session")
    assert status == 200
    return shared


@pytest.fixture
def start():
    """Begin servers of a test's own."""
    ends = []

    def begin(recipe=LONG, **more):
        client, end = running(recipe, **more)
        ends.append(end)
        return client, end

    yield begin
    for end in ends:
        end()
