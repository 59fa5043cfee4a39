"""The page on which a song is seen, and revealed with a key: one file that makes no request."""

from __future__ import annotations

import base64
import html
from importlib import resources

from sirensong.errors import SettingError

LARGEST_SONG = 100 * 2**20
"""Bytes of the largest carrier that a page takes: browsers keep a page's text several times."""

_LARGEST_FRAME = 8 * 2**20  # bytes of a carrier in a notebook, which keeps all that it shows

# What the viewer may reach, to open songs from addresses; a page that has its song needs nothing.
_REACH = "; connect-src 'self' https:"
_PLACE = "<script>"


def viewer() -> str:
    """The page without a song, which takes one by drop, from a file or from an address.

    Returns:
        HTML, the same for everybody.

    Example:
        >>> import sirensong as ss
        >>> ss.viewer().startswith("<!doctype html>")
        True
    """
    return resources.files("sirensong.web").joinpath("viewer.html").read_text("utf-8")


def page_of(data: bytes) -> str:
    """Put a carrier's bytes into the viewer.

    Nothing else goes in, no name and no date: pages differ by their carriers alone.

    Args:
        data: a carrier's file, which was checked.

    Returns:
        HTML, about 86 kB and 4/3 of the carrier.

    Raises:
        SettingError: the carrier is too large for a page.
    """
    if len(data) > LARGEST_SONG:
        raise SettingError(
            f"a page holds a carrier of {LARGEST_SONG} bytes at most, got {len(data)}",
            hint="publish the carrier beside the viewer, which opens files and addresses",
        )
    head, reach, rest = viewer().partition(_REACH)
    before, place, after = (head + rest).rpartition(_PLACE)
    if not reach or not place:
        raise AssertionError("the built page has no place for a song")
    song = base64.b64encode(data).decode()
    return (
        f'{before}<script id="song" type="application/octet-stream">{song}</script>\n{place}{after}'
    )


def frame_of(data: bytes) -> str | None:
    """The page in a frame, as notebooks show it: it can reach nothing of theirs.

    Args:
        data: a carrier's file, which was checked.

    Returns:
        HTML, or None for a carrier of more than 8 MiB, which would swell the notebook.
    """
    if len(data) > _LARGEST_FRAME:
        return None
    return (
        '<iframe title="Sirensong" sandbox="allow-scripts allow-forms allow-downloads" width="100%"'
        f' height="560" style="border: 0" srcdoc="{html.escape(page_of(data))}"></iframe>'
    )
