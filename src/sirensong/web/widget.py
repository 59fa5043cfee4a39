"""The viewer as a widget of notebooks, which shows another song when it is told to."""

from __future__ import annotations

from sirensong.errors import needing
from sirensong.web.page import page_of

with needing("the widget needs anywidget", "notebook"):
    import anywidget
    import traitlets

_HEIGHT = 560  # screen pixels

# The frame can run its own script and nothing else: the notebook is out of its reach.
_MODULE = """
export default {
  render({ model, el }) {
    const frame = document.createElement("iframe");
    frame.title = "Sirensong";
    frame.setAttribute("sandbox", "allow-scripts allow-forms allow-downloads");
    frame.style.cssText = `border: 0; width: 100%; height: ${model.get("height")}px`;
    const show = () => { frame.srcdoc = model.get("page"); };
    model.on("change:page", show);
    show();
    el.append(frame);
    return () => model.off("change:page", show);
  },
};
"""


class Viewer(anywidget.AnyWidget):  # type: ignore[misc]  # its package has no types
    """A song in a notebook: in Jupyter, VS Code, Colab and marimo.

    `StegoFunction` shows itself in a notebook too; a widget is for what changes.

    Args:
        data: a carrier's file, which was checked, as `sirensong.dumps` gives it.
        height: of the frame, in screen pixels.

    Raises:
        MissingDependencyError: anywidget is not installed.
        SettingError: the carrier is too large for a page.
    """

    _esm = _MODULE
    page = traitlets.Unicode().tag(sync=True)
    height = traitlets.Int(_HEIGHT).tag(sync=True)

    def __init__(self, data: bytes, *, height: int = _HEIGHT) -> None:
        super().__init__(page=page_of(data), height=height)

    def show(self, data: bytes) -> None:
        """Show another song.

        Args:
            data: a carrier's file, which was checked.
        """
        self.page = page_of(data)
