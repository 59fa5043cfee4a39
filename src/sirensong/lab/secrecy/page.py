"""A page for people: what was tried on a carrier, what it found, with the renders to look at."""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from pathlib import Path

from sirensong.lab.secrecy.audit import Line
from sirensong.pictures.image import Pixels
from sirensong.pictures.writing import encode_picture

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse;width:100%}"
    "td,th{border-bottom:1px solid #bbb;padding:.4em .6em;text-align:left;vertical-align:top}"
    "img{width:9em;image-rendering:pixelated;display:block}"
    "figure{display:inline-block;margin:0 1em 1em 0}figcaption{font-size:.85em;color:#555}"
    ".bad{color:#a00;font-weight:bold}.good{color:#060}.open{color:#444}"
    "small{color:#555}"
)

Section = tuple[str, Sequence[tuple[str, Pixels]], Sequence[Line]]
"""A heading, pictures with their captions, and what was tried."""


def page_of(title: str, notes: Sequence[str], sections: Sequence[Section]) -> str:
    """Write the page, as HTML that needs no other file.

    Args:
        title: of the page.
        notes: paragraphs that stand first.
        sections: what follows.
    """
    heading = html.escape(title)
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{heading}</title>",
        f"<style>{_STYLE}</style><h1>{heading}</h1>",
        *(f"<p>{html.escape(note)}</p>" for note in notes),
    ]
    for name, pictures, lines in sections:
        parts.append(f"<h2>{html.escape(name)}</h2>")
        parts += [_figure(caption, picture) for caption, picture in pictures]
        parts.append("<table><tr><th>who<th>what they try<th>what it means<th>what they see")
        parts += [_row(line) for line in lines]
        parts.append("</table>")
    return "\n".join(parts) + "\n"


def _figure(caption: str, picture: Pixels) -> str:
    text = html.escape(caption)
    return f"<figure>{_image(picture, caption)}<figcaption>{text}</figcaption></figure>"


def _row(line: Line) -> str:
    kind = {True: "bad", False: "good", None: "open"}[line.bad]
    seen = "".join(_figure(caption, picture) for caption, picture in line.pictures)
    return (
        f"<tr><td>{html.escape(line.who)}<td>{html.escape(line.tried)}"
        f"<td><span class={kind}>{html.escape(line.verdict)}</span>"
        f"<br><small>{html.escape(line.found)}</small><td>{seen}"
    )


def _image(picture: Pixels, text: str) -> str:
    data = base64.b64encode(encode_picture(picture, Path("page.png"))).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(text)}">'
