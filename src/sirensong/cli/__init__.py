"""The command `sirensong`: one file a group of commands, and the only part that prints."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated

import typer
from typer.exceptions import TyperException

from sirensong.cli import inspecting, keys, measuring, paging, publishing, receiving
from sirensong.cli.console import out, print_error, set_quiet
from sirensong.cli.reporting import JSON_SHAPE
from sirensong.errors import NoPictureError, SirensongError, StoppedError
from sirensong.version import __version__

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_NO_PICTURE = 3
EXIT_INTERRUPTED = 130

RECEIVERS = ("keygen", "sample", "reveal", "page", "inspect", "measure", "publish")
"""Commands that need nothing of training and of the lab."""


def make_app(first: str | None = None) -> typer.Typer:
    """Put the command together.

    Args:
        first: the command that is to run. For a receiver's the others are left out, since a fifth
            of a reveal's time would be spent on importing them.
    """
    app = typer.Typer(
        name="sirensong",
        help="Hide several pictures in one small neural function, reveal each with its own key.",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_of_all)
    app.command()(keys.keygen)
    app.command()(receiving.sample)
    app.command()(receiving.reveal)
    app.command()(paging.page)
    app.command(name="inspect", epilog=JSON_SHAPE)(inspecting.inspect)
    app.command(epilog=JSON_SHAPE)(measuring.measure)
    app.command()(publishing.publish)
    if first in RECEIVERS:
        return app
    from sirensong.cli import (
        attacking,
        baselines,
        comparison,
        decoys,
        reproducing,
        sending,
        serving,
    )

    app.command(epilog=JSON_SHAPE)(sending.hide)
    app.command(epilog=JSON_SHAPE)(sending.fit)
    app.command()(sending.capacity)
    app.command()(serving.serve)
    app.command(epilog=JSON_SHAPE)(sending.demo)
    app.command()(reproducing.reproduce)
    app.command()(comparison.compare)
    app.add_typer(attacking.app, name="attack")
    app.add_typer(decoys.app, name="decoys")
    app.add_typer(baselines.app, name="baseline")
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        out.print(f"sirensong {__version__}")
        raise typer.Exit


def _of_all(
    version: Annotated[
        bool,
        typer.Option("--version", help="print the version", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit.

    The exit code is 0 if it is done, 1 after an error, 2 after wrong usage, 3 if there is no
    picture for the key, and 130 if it was interrupted, by Ctrl-C or SIGTERM.

    Args:
        arguments: without the program's name; those of the process if None.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command. A user's mistake is one line on standard error.

    Args:
        arguments: without the program's name.

    Returns:
        The exit code, as `main` has it.
    """
    set_quiet(False)
    try:
        app = make_app(arguments[0] if arguments else None)
        code = int(app(arguments or ["--help"], prog_name="sirensong", standalone_mode=False) or 0)
        if code == EXIT_INTERRUPTED:  # typer's way to tell of Ctrl-C
            print_error("interrupted", None)
        return code
    except StoppedError as error:
        print_error(error.message, error.hint)
        return EXIT_INTERRUPTED
    except NoPictureError as error:
        print_error(error.message, error.hint)
        return EXIT_NO_PICTURE
    except SirensongError as error:
        print_error(error.message, error.hint)
        return EXIT_ERROR
    except TyperException as error:
        message = str(error.format_message() if hasattr(error, "format_message") else error)
        print_error(
            " ".join(message.split()).rstrip(".") or "wrong usage",
            "sirensong --help lists the commands, COMMAND --help its options",
        )
        return EXIT_USAGE
    except (typer.Abort, KeyboardInterrupt):
        print_error("interrupted", None)
        return EXIT_INTERRUPTED
    except MemoryError:
        print_error("not enough memory", "smaller pictures or fewer hidden features need less")
        return EXIT_ERROR
    except BrokenPipeError:
        # Whoever read the output has gone; what is left of it must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
