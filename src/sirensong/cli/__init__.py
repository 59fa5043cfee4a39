"""The command `sirensong`: one file a group of commands, and the only part that prints."""

from __future__ import annotations

import os
import sys

import typer
from typer.exceptions import TyperException

from sirensong.cli import attacking, inspecting, keys, measuring, receiving, reproducing, sending
from sirensong.cli.console import print_error
from sirensong.errors import NoPictureError, SirensongError, StoppedError

EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_NO_PICTURE = 3
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="sirensong",
    help="Hide several pictures inside one small neural function, and reveal each with its own key.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(keys.keygen)
app.command()(sending.hide)
app.command()(sending.fit)
app.command()(receiving.sample)
app.command()(receiving.reveal)
app.command(name="inspect")(inspecting.inspect)
app.command()(measuring.measure)
app.command()(sending.demo)
app.command()(reproducing.reproduce)
app.add_typer(attacking.app, name="attack")


def main(arguments: list[str] | None = None) -> None:
    """Run the command and exit: 0 done, 1 an error, 2 wrong usage, 3 no picture for this key, 130 interrupted."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run the command with these arguments. Returns its exit code; a user's mistake is one line on standard error."""
    try:
        code = int(app(arguments or ["--help"], standalone_mode=False) or 0)
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
    except typer.Abort:
        print_error("interrupted", None)
        return EXIT_INTERRUPTED
    except MemoryError:
        print_error("not enough memory", "smaller pictures or fewer hidden features need less")
        return EXIT_ERROR
    except (
        BrokenPipeError
    ):  # whoever read the output has gone; what is left of it must not fail again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ERROR
