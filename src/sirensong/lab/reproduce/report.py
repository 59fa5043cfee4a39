"""The report: one Markdown file and one HTML page with the tables; curves and pictures as PNG."""

from __future__ import annotations

import html
import io
import re
from collections.abc import Sequence
from pathlib import Path

from sirensong.errors import MissingDependencyError
from sirensong.files import write_bytes
from sirensong.lab.reproduce.study import Figure, Pictures, Shown, Table
from sirensong.pictures.image import encode_picture
from sirensong.pictures.sheet import contact_sheet

_STYLE = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto}"
    "img{max-width:100%}"
    "table{border-collapse:collapse}td,th{border:1px solid #bbb;padding:.2em .6em}"
)


def write_report(folder: Path, heading: str, parts: Sequence[tuple[str, Sequence[Shown]]]) -> Path:
    """Write report.md, report.html and a PNG a figure. parts: (name of the experiment, what it shows). Returns report.md."""
    markdown, page = [f"# {heading}"], [f"<h1>{html.escape(heading)}</h1>"]
    for name, shown in parts:
        for part in shown:
            if isinstance(part, Table):
                markdown.append(_markdown(part))
                page.append(_html(part))
            else:
                image = f"{name}-{re.sub('[^a-z0-9]+', '-', part.title.lower())}.png"
                write_bytes(
                    folder / image,
                    _curves(part) if isinstance(part, Figure) else _pictures(part),
                    overwrite=True,
                )
                markdown.append(f"![{part.title}]({image})\n\n*{part.title}*")
                page.append(_html_image(image, part.title))
    document = (
        f"<!doctype html><meta charset=utf-8><title>{html.escape(heading)}</title><style>{_STYLE}</style>"
        + "\n".join(page)
    )
    write_bytes(folder / "report.html", document.encode(), overwrite=True)
    write_bytes(folder / "report.md", ("\n\n".join(markdown) + "\n").encode(), overwrite=True)
    return folder / "report.md"


def _markdown(table: Table) -> str:
    lines = [
        f"## {table.title}",
        "",
        _line(table.columns),
        _line(["---"] * len(table.columns)),
        *map(_line, table.rows),
    ]
    return "\n".join([*lines, *(f"\n{note}" for note in table.notes)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _html(table: Table) -> str:
    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = [row(table.columns, "th"), *(row(cells, "td") for cells in table.rows)]
    notes = [f"<p>{html.escape(note)}" for note in table.notes]
    return f"<h2>{html.escape(table.title)}</h2><table>{''.join(body)}</table>{''.join(notes)}"


def _html_image(image: str, title: str) -> str:
    caption = html.escape(title)
    return f'<figure><img src="{html.escape(image)}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'


def _curves(figure: Figure) -> bytes:
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


def _pictures(grid: Pictures) -> bytes:
    return bytes(encode_picture(contact_sheet(grid.columns, grid.rows, grid.cell), "grid.png"))
