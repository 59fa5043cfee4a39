"""The report: one Markdown file and one HTML page with the tables; curves and pictures as PNG."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from pathlib import Path

from sirensong.errors import MissingDependencyError
from sirensong.files import write_bytes
from sirensong.lab.reproduce.study import Figure, PictureGrid, Shown, Table
from sirensong.pictures.sheet import contact_sheet
from sirensong.pictures.writing import encode_picture

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto}"
    "img{max-width:100%}"
    "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2em .6em}"
)


def write_report(
    folder: Path, heading: str, sections: Sequence[tuple[str, Sequence[Shown]]]
) -> Path:
    """Write report.md, report.html and a PNG for each figure, beside each other.

    Args:
        folder: that they are written to; what is there is replaced.
        heading: title of the report.
        sections: the name of each experiment, and what it shows.

    Returns:
        The path of report.md.

    Raises:
        FileError: a file cannot be written.
        MissingDependencyError: matplotlib is not installed.
    """
    title = html.escape(heading)
    markdown, page = [f"# {heading}"], [f"<h1>{title}</h1>"]
    for name, shown in sections:
        for thing in shown:
            if isinstance(thing, Table):
                markdown.append(f"## {thing.title}\n\n{markdown_table(thing)}")
                page.append(_html_table(thing))
            else:
                image = _write_image(folder, name, thing)
                markdown.append(f"![{thing.title}]({image})\n\n*{thing.title}*")
                page.append(_html_image(image, thing.title))
    head = f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
    write_bytes(folder / "report.html", (head + "\n".join(page)).encode(), overwrite=True)
    write_bytes(folder / "report.md", ("\n\n".join(markdown) + "\n").encode(), overwrite=True)
    return folder / "report.md"


def markdown_table(table: Table) -> str:
    """A table and its notes in Markdown, with columns that are aligned as plain text too."""
    rows = [[cell.replace("|", "/") for cell in cells] for cells in (table.columns, *table.rows)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    lines = ["| " + " | ".join(map(str.ljust, cells, widths)) + " |" for cells in rows]
    return "\n".join([*lines, *(f"\n{note}" for note in table.notes)])


def _html_table(table: Table) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        inner = "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)
        return f"<tr>{inner}</tr>"

    rows = [row(table.columns, "th"), *(row(cells, "td") for cells in table.rows)]
    notes = [f"<p>{html.escape(note)}" for note in table.notes]
    return f"<h2>{html.escape(table.title)}</h2><table>{''.join(rows)}</table>{''.join(notes)}"


def _html_image(image: str, title: str) -> str:
    caption = html.escape(title)
    tag = f'<img src="{html.escape(image)}" alt="{caption}">'
    return f"<figure>{tag}<figcaption>{caption}</figcaption></figure>"


def _write_image(folder: Path, experiment: str, shown: Figure | PictureGrid) -> str:
    """Draw curves or pictures to a file, and return its name."""
    name = f"{experiment}-{re.sub('[^a-z0-9]+', '-', shown.title.lower())}.png"
    data = _draw_curves(shown) if isinstance(shown, Figure) else _draw_grid(shown)
    write_bytes(folder / name, data, overwrite=True)
    return name


def _draw_curves(figure: Figure) -> bytes:
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise MissingDependencyError(
            "figures need matplotlib", hint="pip install 'sirensong[lab]'"
        ) from error
    mpl.use("Agg")
    from matplotlib import pyplot

    drawing, axis = pyplot.subplots(figsize=(7, 4.5), layout="constrained")
    for name, (x, y) in figure.lines.items():
        axis.plot(x, y, "o-", label=name)
    axis.set(title=figure.title, xlabel=figure.x, ylabel=figure.y)
    axis.legend(fontsize="small")
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="png", dpi=110)
    pyplot.close(drawing)
    return buffer.getvalue()


def _draw_grid(grid: PictureGrid) -> bytes:
    return bytes(encode_picture(contact_sheet(grid.columns, grid.rows, grid.cell), "grid.png"))
