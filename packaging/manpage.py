"""Write the manual page of the command: python packaging/manpage.py packaging/sirensong.1

It says what `sirensong COMMAND --help` says, for all commands. The tests compare what is committed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from sirensong.cli import make_app
from sirensong.version import __version__

EXITS = (
    ("0", "It is done."),
    ("1", "There was an error; it was said in one line."),
    ("2", "The command was not understood."),
    ("3", "There is no picture for the key."),
    ("130", "It was interrupted."),
)


def manual() -> str:
    """The page in roff, with the macros of man(7)."""
    command = typer.main.get_command(make_app())
    lines = [
        f'.TH SIRENSONG 1 "" "sirensong {__version__}" "User Commands"',
        ".SH NAME",
        "sirensong \\- hide several pictures in one small neural function",
        ".SH SYNOPSIS",
        ".B sirensong",
        ".I COMMAND",
        "[\\fIOPTION\\fR...]",
        ".SH DESCRIPTION",
        *_text(command.help or ""),
        ".SH COMMANDS",
        *_commands("sirensong", command),
        ".SH EXIT STATUS",
    ]
    for code, meaning in EXITS:
        lines += [".TP", f".B {code}", meaning]
    return "\n".join(lines) + "\n"


def _commands(name: str, group: Any) -> Iterator[str]:
    """Every command below a group, with its arguments and options."""
    for word, command in group.commands.items():
        full = f"{name} {word}"
        if hasattr(command, "commands"):
            yield from _commands(full, command)
            continue
        arguments = [param for param in command.params if param.param_type_name == "argument"]
        options = [param for param in command.params if param.param_type_name == "option"]
        usage = " ".join(["[\\fIOPTION\\fR...]", *map(_usage, arguments)])
        yield from (f".SS {_escaped(full)}", f"{_escaped(full)} {usage}", ".PP")
        yield from _text(command.help or "")
        for argument in arguments:
            if argument.help:
                yield from (".TP", f"\\fI{_escaped(argument.name.upper())}\\fR")
                yield from _text(argument.help)
        for option in options:
            names = ", ".join(f"\\fB{_escaped(one)}\\fR" for one in option.opts)
            yield from (".TP", names)
            yield from _text(option.help or "")


def _usage(argument: Any) -> str:
    shown = f"\\fI{_escaped(argument.name.upper())}\\fR"
    return shown if argument.required else f"[{shown}]"


def _text(text: str) -> list[str]:
    """Paragraphs as lines that roff takes for text."""
    paragraphs = re.split(r"\n\s*\n", text.strip())
    lines: list[str] = []
    for number, paragraph in enumerate(paragraphs):
        line = _escaped(" ".join(paragraph.split()))
        lines += [".IP"] if number else []
        lines.append("\\&" + line if line[:1] in (".", "'") else line)
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\e").replace("-", "\\-")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(manual(), encoding="utf-8")
