"""sirensong serve: the page for senders, on this machine alone."""

from __future__ import annotations

import threading
import webbrowser
from typing import Annotated

import typer

from sirensong.cli.arguments import Quiet
from sirensong.cli.console import out, print_note
from sirensong.cli.decoys import PoolFolder, find_pool
from sirensong.errors import needing
from sirensong.training.recipe import find_recipe


def serve(
    port: Annotated[
        int, typer.Option("--port", help="of this machine", show_default="any that is free")
    ] = 0,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="open the page in your browser")
    ] = True,
    pool: PoolFolder = None,
    quiet: Quiet = False,  # noqa: ARG001
) -> None:
    """Hide pictures in a page of your browser, which this machine alone answers.

    Pictures, keys and songs are in memory, and gone when it ends: with Ctrl-C.
    """
    with needing("the page for senders needs starlette and uvicorn", "hide,web"):
        from sirensong.serve.orders import Workbench
        from sirensong.serve.server import Server
        from sirensong.serve.uploads import Shelf
    decoys, note = find_pool(pool)
    workbench = Workbench(Shelf(), find_recipe("fast"), decoys or ())
    server = Server(workbench, port=port, notes=[note] if note else [])
    out.print(server.address(server.tokens.run), markup=False)
    print_note("Ctrl-C ends it, and with it everything that was not downloaded")
    if browser:
        address = server.address(server.tokens.once)
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()
    server.serve_until_stopped()
