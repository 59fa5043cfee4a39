"""What the documentation says exists: options, files, names; and the examples in docstrings run."""

import doctest
import pkgutil
import re
import shlex
from pathlib import Path

import pytest
import typer

import sirensong as ss
from sirensong.cli import make_app

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    path.relative_to(ROOT).as_posix() for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
)
COMMAND = typer.main.get_command(make_app())


def code(page):
    """The lines of a page's code blocks."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.M | re.S)
    return [line for block in blocks for line in block.splitlines()]


COMMAND_LINES = [
    line
    for page in ("README.md", "docs/guide.md", "docs/tour.md")
    for line in code(page)
    if line.startswith("sirensong ")
]


def parse(line):
    """Parse a command line as the command does, without doing what it says."""
    typed, _, _ = line.partition(" <")  # what follows is for the shell
    command, arguments = COMMAND, shlex.split(typed, comments=True)[1:]
    while hasattr(command, "commands"):
        command = command.commands[arguments.pop(0)]
    return command.make_context("sirensong", arguments)


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_command_lines_in_the_documentation_parse(line):
    parse(line)


@pytest.mark.parametrize("line", ["sirensong hide --no-such-option 1", "sirensong keygen"])
def test_wrong_command_lines_do_not_parse(line):
    with pytest.raises(typer.exceptions.TyperException):
        parse(line)


def test_every_page_is_looked_at():
    assert {"README.md", "SECURITY.md", "docs/tour.md", "docs/api/keys.md"} <= set(PAGES)
    assert len(COMMAND_LINES) >= 10


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_point_to_files(page):
    path = ROOT / page
    links = re.findall(r"\]\((?!\w+:|#)([^)#\s]+)", path.read_text("utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("name", ss.__all__)
def test_every_public_name_has_an_entry(name):
    """Where a name is also a module's, as hide is, the entry is sirensong.hide.hide."""
    entries = [
        line.removeprefix("::: ")
        for page in ROOT.glob("docs/api/*.md")
        for line in page.read_text("utf-8").splitlines()
        if line.startswith("::: ")
    ]
    assert len({f"sirensong.{name}", f"sirensong.{name}.{name}"} & set(entries)) == 1


@pytest.mark.parametrize("name", ss.__all__)
def test_examples_in_docstrings_run(name, tmp_path, monkeypatch):
    """Names without an example pass: what is there must be right."""
    monkeypatch.chdir(tmp_path)
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    finder = doctest.DocTestFinder()
    for example in finder.find(getattr(ss, name), name, extraglobs={"ss": ss}):
        told = []
        assert runner.run(example, out=told.append).failed == 0, "".join(told)


def names_of(page):
    """The dotted names of this package's modules in a page's code spans, without arguments."""
    parts = "carrier|hide|keys|lab|network|pictures|reveal|training"
    return sorted(set(re.findall(rf"`((?:{parts})\.[\w.]+)`", (ROOT / page).read_text("utf-8"))))


@pytest.mark.parametrize("name", names_of("docs/paper-to-code.md"))
def test_names_in_paper_to_code_exist(name):
    pkgutil.resolve_name(f"sirensong.{name}")


def test_every_equation_of_the_paper_is_in_the_table():
    table = re.findall(
        r"^\| [\d.]+, Eq\. (\d+)", (ROOT / "docs/paper-to-code.md").read_text(), re.M
    )
    assert [int(number) for number in table] == list(range(1, 18))
