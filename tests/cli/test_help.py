"""Help, version, completion: what the command says of itself."""

import os
import re
import subprocess
import sys
from importlib import resources

import pytest
import typer

import sirensong as ss
from sirensong import cli

COMMANDS = ["keygen", "hide", "fit", "capacity", "serve", "sample", "reveal", "page", "inspect"]
COMMANDS += ["measure", "publish", "demo"]
NO_DEFAULT = {
    "--output",
    "--secret",
    "--passphrase",
    "--passphrase-file",
    "--as-file",
    "--text",
    "--to",
    "--batch",
    "--key",
    "--identity",
}


def parameters(name):
    return typer.main.get_command(cli.make_app()).commands[name].params


def help_of(name, monkeypatch, capsys):
    """The help on so wide a terminal that each option has one line, frames taken off."""
    monkeypatch.setenv("COLUMNS", "400")
    assert cli.run([name, "--help"]) == 0
    printed = capsys.readouterr().out
    return [" ".join(line.strip("│ ").split()) for line in printed.splitlines()]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_text_survives_rendering(name, monkeypatch, capsys):
    lines = help_of(name, monkeypatch, capsys)
    for parameter in parameters(name):
        text = " ".join(parameter.help.split())
        assert any(text in line for line in lines), text
        assert "[" not in text  # which would be taken for markup


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_with_a_value_shows_its_default(name, monkeypatch, capsys):
    lines = help_of(name, monkeypatch, capsys)
    for parameter in parameters(name):
        option = parameter.opts[0]
        if option.startswith("--") and not parameter.is_flag and option not in NO_DEFAULT:
            (line,) = [line for line in lines if option in line.split()]
            if option != "--cover":
                assert "[default: " in line, line


def test_the_defaults_that_are_shown_are_those_of_the_recipes(monkeypatch, capsys):
    text = "\n".join(help_of("hide", monkeypatch, capsys))
    fast, paper = ss.FAST, ss.PAPER
    for shown in (
        f"fast: {fast.hidden_layers}, paper: {paper.hidden_layers}",
        f"fast: {fast.joint.steps}, paper: {paper.joint.steps}",
        "fast: by the quality, paper: the whole picture",
        f"fast: {fast.functions}, paper: {paper.functions}",
        f"fast: {fast.selection}, paper: {paper.selection}",
        f"fast: {fast.share:g}, paper: {paper.share:g}",
    ):
        assert f"[default: ({shown.strip('()')})]" in text, shown
    assert "[default: (your pool (sirensong decoys), else photographs that are made)]" in text


def test_the_help_of_hide_is_in_groups(monkeypatch, capsys):
    lines = help_of("hide", monkeypatch, capsys)
    titles = [line[1:-1].strip("─ ") for line in lines if line.startswith("╭")]
    assert titles == [
        "Arguments",
        "Options",
        "What to hide",
        "Size and quality",
        "Secrecy",
        "Running",
    ]
    where = {"--secret": 2, "--size": 3, "--ratio": 4, "--seed": 4, "--checkpoint": 5, "--yes": 5}
    starts = [index for index, line in enumerate(lines) if line.startswith("╭")]
    for option, group in where.items():
        (at,) = [index for index, line in enumerate(lines) if option in line.split()]
        assert sum(start < at for start in starts) - 1 == group, option


@pytest.mark.parametrize("name", [[], ["attack"], ["reproduce"], *([one] for one in COMMANDS)])
def test_help_is_there(name, capsys):
    assert cli.run([*name, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out


def test_no_command_at_all_is_a_call_for_help(capsys):
    assert cli.run([]) == 0
    printed = capsys.readouterr()
    assert "Commands" in printed.out
    assert printed.err == ""


def test_the_version(capsys):
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out == f"sirensong {ss.__version__}\n"


def test_a_shell_completes_commands_and_options():
    def completed(words):
        environment = {
            **os.environ,
            "_SIRENSONG_COMPLETE": "complete_bash",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
        command = [sys.executable, "-m", "sirensong"]
        result = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=60
        )
        return result.stdout.split()

    assert completed("sirensong re") == ["reveal", "reproduce"]
    assert completed("sirensong hide --secr") == ["--secret", "--secret-size"]


def test_the_types_of_the_library_are_for_its_users_too():
    assert (resources.files("sirensong") / "py.typed").is_file()


def test_the_shape_of_json_is_documented_where_it_is_printed(capsys):
    for name in ("hide", "fit", "inspect", "measure", "demo"):
        assert cli.run([name, "--help"]) == 0
        printed = re.sub(r"\s+", " ", capsys.readouterr().out)
        assert "--json prints an object with name" in printed
