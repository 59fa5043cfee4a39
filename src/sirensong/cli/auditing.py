"""sirensong attack all: every test of one carrier that its sender can run, on a page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from sirensong.carrier.stego import StegoFunction
from sirensong.cli.arguments import Carrier, Json, MaskFile, Overwrite, Quiet, open_carrier
from sirensong.cli.comparing import compared_with
from sirensong.cli.console import out, print_note, tracked
from sirensong.cli.keys import read_key_file
from sirensong.cli.paths import refuse_same
from sirensong.cli.reporting import print_result
from sirensong.errors import NoPictureError, SettingError
from sirensong.files import refuse_existing, write_output
from sirensong.keys.secret import SecretKey
from sirensong.lab.secrecy.audit import Line, controls_for, map_line, size_line, trace_lines
from sirensong.lab.secrecy.blind import (
    Ended,
    Searcher,
    found_line,
    gradients_line,
    public_lines,
    searcher_of,
)
from sirensong.lab.secrecy.page import Section, page_of
from sirensong.lab.steganalysis.guessing import guess
from sirensong.lab.steganalysis.statistics import joint_statistics, layer_statistics
from sirensong.network.mask import Mask, read_mask
from sirensong.network.rendering import render
from sirensong.reveal import SecretFunction, sample, unlock
from sirensong.training.loading import loading

_GUESSES = 100
_MANY_TILES = 64
_NOTES = (
    "Each row is an attack: who tries it, what they try, and what it means. A red verdict says "
    "that something is given away. The pictures are what they see. Where a key was given, what "
    "they see is compared with its picture: how alike edges and light are, on a scale from 0 "
    "(not at all) to 1, above what parts of unrelated photographs reach. What the cover explains "
    "is taken out first, and each adversary is given the order of the picture's tiles.",
    "Without a key, a hidden picture would show cut into the carrier's tiles, in an order that "
    "only its key tells.",
    "One carrier says little. What holds here may be luck, and what is not tried here is not "
    "tested: others may have more time, other carriers to learn from, or a better idea.",
)
_OWNER_NOTE = "This page shows the secret pictures. Keep it as you keep your keys."


def audit(
    carrier: Carrier,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", help="a key whose picture is looked for; may be repeated"),
    ] = None,
    mask: MaskFile = None,
    clean: Annotated[
        Path | None,
        typer.Option(
            "--clean", help="a folder of carriers that hide nothing, to compare with --stego's"
        ),
    ] = None,
    stego: Annotated[
        Path | None,
        typer.Option("--stego", help="a folder of carriers that hide pictures, made alike"),
    ] = None,
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

    Without a key: what random keys and searches show. For each key: whether its picture shows in
    that, with parts of the key, or to holders of the other keys; whether the weights or its looks
    tell it from other keys. With --clean and --stego: which folder the carrier is like.

    Takes about half a minute, and half a minute more a key, for 16 tiles (128x128) on two cores.
    The time grows with the tiles.
    """
    keys = key or []
    read = [("the carrier", carrier), *(("a key", path) for path in keys)]
    read += [("the mask", path) for path in (mask,) if path is not None]
    if output is not None:
        refuse_same([("the output", output)], read)
        if output.suffix != ".html":
            raise SettingError(f"the page's name must end in .html, got {output.name}")
        refuse_existing(output, overwrite=overwrite)
    if (clean is None) != (stego is None):
        raise SettingError("--clean and --stego are compared with each other, got one of them")
    function = open_carrier(carrier)
    given = None if mask is None else read_mask(mask)
    secrets = _unlock_all(carrier, function, keys, given)
    if function.grid.tiles > _MANY_TILES:
        print_note(f"searches take longer the more tiles there are: {function.grid.tiles} here")
    with loading("attack all"):
        compared = []
        if clean is not None and stego is not None:
            compared.append(compared_with(clean, stego, carrier, function))
        parts = _attack(function, secrets, [path.name for path in keys], given) + compared
    if output is not None:
        notes = [*([_OWNER_NOTE] if keys else []), *_NOTES]
        page = page_of(f"Attacks on {carrier.name}", notes, parts)
        write_output(output, page.encode(), overwrite=overwrite, secret=True)
        if keys:
            print_note(f"{output} shows the secret pictures: its owner alone can read it")
    if json:
        print_result("attack all", {"file": str(carrier), "parts": [_facts(*one) for one in parts]})
        return
    for title, _, lines in parts:
        out.print(f"{title}:", highlight=False, markup=False)
        for line in lines:
            out.print(f"  {line.who}, {line.tried}: {line.verdict}", highlight=False, markup=False)


def _unlock_all(
    carrier: Path, stego: StegoFunction, keys: Sequence[Path], mask: Mask | None
) -> list[SecretFunction]:
    secrets: dict[bytes, SecretFunction] = {}
    for path in keys:
        key = read_key_file(path)
        if key.secret in secrets:
            raise SettingError(f"a key was given twice: {path}")
        try:
            secrets[key.secret] = unlock(stego, key, mask=mask)
        except NoPictureError as error:
            raise NoPictureError(f"{error.message} in {carrier}: {path}") from None
    return list(secrets.values())


def _attack(
    stego: StegoFunction, secrets: Sequence[SecretFunction], names: Sequence[str], mask: Mask | None
) -> list[Section]:
    """Try everything that needs no other carriers: without a key, then for each key."""
    searcher: Searcher = searcher_of(stego)
    probe = unlock(stego, SecretKey.generate(), mask=mask, force=True)
    statistics = np.concatenate(
        [layer_statistics(stego.weights), joint_statistics(stego.weights)], axis=1
    )
    ends: dict[float, list[Ended]] = {}
    ratios = [secret.rule.ratio for secret in secrets] or [probe.rule.ratio]
    for ratio in tracked(list(dict.fromkeys(ratios)), what="searches without a key"):
        ends[ratio] = searcher.seek(ratio)
    every = [end for found in ends.values() for end in found]
    cover = ("the cover, for everybody", sample(stego))
    parts: list[Section] = [
        ("Without a key", [cover], public_lines(searcher, probe, every)),
    ]
    for place, secret in enumerate(tracked(secrets, what="keys")):
        controls = controls_for(render(secret, (secret.height, secret.width)))
        lines = trace_lines(secret, controls)
        lines += [found_line(secret, end, controls) for end in ends[secret.rule.ratio]]
        lines += [size_line(secret), *_guess_lines(stego, secret)]
        busy = map_line(secret, statistics, controls)
        lines += [] if busy is None else [busy]
        others = {names[at]: own for at, own in enumerate(secrets) if at != place}
        if others:
            start = next(iter(others.values()))
            name = f"whoever holds {' and '.join(others)}"
            end = searcher.seek_from(start, name, secret.rule.ratio)
            lines += [
                found_line(secret, end, controls),
                gradients_line(secret, list(others.values()), name),
            ]
        picture = (f"with {names[place]}", render(secret, (secret.height, secret.width)))
        parts.append((f"The picture of {names[place]}", [cover, picture], lines))
    return parts


def _guess_lines(stego: StegoFunction, secret: SecretFunction) -> list[Line]:
    """Where keys choose positions, the right one is ranked among others by its looks."""
    if secret.mask is not None:
        return []
    wrong = [SecretKey.generate() for _ in range(_GUESSES)]
    found = guess(stego, secret.key, wrong)
    rank = found.ranks["sum of all"]
    verdict = "whoever tries the right key knows it by its looks, as by its slot"
    if rank > 1:
        verdict = "the right key's render is not the most natural one"
    told = (
        f"rank {rank} of {_GUESSES + 1} by how natural it looks;"
        f" {found.years_for_all_keys:.0e} years to try all keys"
    )
    numbers = {"rank": float(rank), "of": float(_GUESSES + 1)}
    return [
        Line("whoever guesses keys", "which render looks natural", told, verdict, False, numbers)
    ]


def _facts(title: str, _: Any, lines: Sequence[Line]) -> dict[str, Any]:
    told = [
        {"who": own.who, "tried": own.tried, "verdict": own.verdict, "bad": own.bad, **own.numbers}
        for own in lines
    ]
    return {"title": title, "lines": told}
