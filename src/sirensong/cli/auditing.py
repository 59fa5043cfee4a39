"""sirensong attack all: every test of one carrier that its sender can run, on a page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sirensong.carrier.stego import StegoFunction
from sirensong.cli.arguments import Carrier, Json, Overwrite, Quiet, open_carrier
from sirensong.cli.console import out, print_note, tracked
from sirensong.cli.paths import refuse_same
from sirensong.cli.reporting import print_result
from sirensong.errors import SettingError
from sirensong.files import refuse_existing, write_output
from sirensong.keys.secret import SecretKey, read_key
from sirensong.lab.secrecy.audit import Line, controls_for, mask_line, size_line, trace_lines
from sirensong.lab.secrecy.knowledge import DRAWS
from sirensong.lab.secrecy.page import Section, page_of
from sirensong.lab.steganalysis.guessing import guess
from sirensong.network.rendering import render
from sirensong.reveal import SecretFunction, sample, unlock
from sirensong.training.loading import loading

_GUESSES = 100
_NOTES = (
    "This page shows the secret pictures. Keep it as you keep your keys.",
    "Each adversary is given what stands in the first column, and the shuffle of the tiles. The "
    f"mean of {DRAWS} renders is compared with the secret, the cover taken out of both, and with "
    "parts of unrelated photographs. One carrier says little: what holds here may be luck, and "
    "what is not tried here is not tested. Whether a carrier has secrets is another question: "
    "sirensong attack weights compares folders of carriers.",
)


def audit(
    carrier: Carrier,
    key: Annotated[
        list[Path],
        typer.Option("--key", help="a key whose picture is looked for; may be repeated"),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="page to write, in HTML", show_default="prints lines only"
        ),
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,  # noqa: ARG001
    json: Json = False,
) -> None:
    """Try on your own carrier what others may try without its keys.

    For each key: whether its picture shows with other keys, with parts of the key, and in what a
    search without keys finds; whether it is guessed by looks; whether the weights confirm it.
    """
    read = [("the carrier", carrier), *(("a key", path) for path in key)]
    if output is not None:
        refuse_same([("the output", output)], read)
        if output.suffix != ".html":
            raise SettingError(f"the page's name must end in .html, got {output.name}")
        refuse_existing(output, overwrite=overwrite)
    stego = open_carrier(carrier)
    secrets = [unlock(stego, read_key(path)) for path in key]
    lines = [
        _lines(stego, secret) for secret in tracked(secrets, what="keys, each for a minute or so")
    ]
    if output is not None:
        names = [path.name for path in key]
        page = page_of(
            f"Attacks on {carrier.name}", _NOTES, _sections(stego, secrets, names, lines)
        )
        write_output(output, page.encode(), overwrite=overwrite, secret=True)
        print_note(f"{output} shows the secret pictures: its owner alone can read it")
    if json:
        facts = {"file": str(carrier), "keys": [[_facts(line) for line in own] for own in lines]}
        print_result("attack all", facts)
        return
    for path, own in zip(key, lines, strict=True):
        out.print(f"{path}:", highlight=False, markup=False)
        for line in own:
            out.print(f"  {line.tried}: {line.verdict}", highlight=False, markup=False)


def _lines(stego: StegoFunction, secret: SecretFunction) -> list[Line]:
    controls = controls_for(render(secret, (secret.height, secret.width)))
    with loading("searching without a key"):
        searched = mask_line(stego, secret, controls)
    return [*trace_lines(secret, controls), searched, size_line(secret), _guess_line(stego, secret)]


def _guess_line(stego: StegoFunction, secret: SecretFunction) -> Line:
    wrong = [SecretKey.generate() for _ in range(_GUESSES)]
    found = guess(stego, secret.key, wrong)
    rank = found.ranks["sum of all"]
    years = f"{found.years_for_all_keys:.0e} years to try all keys"
    verdict = "whoever tries the right key knows it by its looks, as by its slot"
    if rank > 1:
        verdict = "the right key's render is not the most natural one"
    numbers = {"rank": float(rank), "of": float(_GUESSES + 1)}
    told = f"rank {rank} of {_GUESSES + 1} by how natural it looks; {years}"
    return Line("Guessing keys by looks", told, verdict, False, numbers)


def _sections(
    stego: StegoFunction,
    secrets: list[SecretFunction],
    names: list[str],
    lines: list[list[Line]],
) -> list[Section]:
    sections: list[Section] = []
    for secret, name, own in zip(secrets, names, lines, strict=True):
        picture = render(secret, (secret.height, secret.width))
        pictures = [("the cover, for everybody", sample(stego)), (f"with {name}", picture)]
        sections.append((f"The picture of {name}", pictures, own))
    return sections


def _facts(line: Line) -> dict[str, Any]:
    return {"tried": line.tried, "verdict": line.verdict, "bad": line.bad, **line.numbers}
