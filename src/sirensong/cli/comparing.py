"""Where a carrier falls between two folders of others: for `sirensong attack all`."""

from __future__ import annotations

from pathlib import Path

from sirensong.carrier.stego import StegoFunction
from sirensong.cli.console import counting, print_note
from sirensong.cli.detecting import read_folder
from sirensong.lab.secrecy.audit import Line
from sirensong.lab.secrecy.page import Section
from sirensong.lab.steganalysis.significance import FEWEST
from sirensong.lab.steganalysis.weights import Standing, stand
from sirensong.lab.steganalysis.weights_files import Population, match

_PERMUTATIONS = 20  # the fewest from which a difference can be concluded
_HIGH, _LOW = 0.9, 0.1  # shares of a population that score less


def compared_with(clean: Path, hiding: Path, carrier: Path, stego: StegoFunction) -> Section:
    """Compare a carrier with folders of others, without itself.

    Args:
        clean: folder of carriers that hide nothing.
        hiding: folder of carriers that hide pictures.
        carrier: the carrier's name.
        stego: the carrier.

    Raises:
        FileError: there is no such folder.
        FormatError: there is no carrier in it.
        SettingError: too few carriers, or of another form.
        MissingDependencyError: scikit-learn or torch is not installed.
    """
    own = Population(carrier.parent, {carrier.name: stego}, {})
    first, second = match(_others(clean, stego), _others(hiding, stego))
    match(own, first)
    with counting() as advance:
        standing = stand(
            stego,
            list(first.functions.values()),
            list(second.functions.values()),
            permutations=_PERMUTATIONS,
            advance=advance,
        )
    title = f"Secrets or none: compared with {clean.name} and {hiding.name}"
    return title, [], standing_lines(standing)


def _others(folder: Path, stego: StegoFunction) -> Population:
    """The carriers of a folder without the one that is judged."""
    population = read_folder(folder)
    others: dict[str, StegoFunction] = {}
    for name, other in population.functions.items():
        if other.fingerprint == stego.fingerprint:
            print_note(f"left out {folder / name}: it is the carrier itself")
        else:
            others[name] = other
    return Population(folder, others, population.skipped)


def standing_lines(standing: Standing) -> list[Line]:
    """Say of each detector which population a carrier is like.

    Args:
        standing: of the carrier, between functions without secrets and with some.
    """
    lines = []
    shares = zip(
        standing.comparison.detections, standing.among_clean, standing.among_stego, strict=True
    )
    for detection, clean, hiding in shares:
        verdict, bad = _standing_of(standing, detection.low, clean, hiding)
        found = (
            f"AUC between the folders {detection.auc:.2f} [{detection.low:.2f},"
            f" {detection.high:.2f}] (0.5 is chance); the carrier scores above {clean:.0%} of"
            f" those without secrets and {hiding:.0%} of those with"
        )
        numbers = {"auc": detection.auc, "among clean": clean, "among stego": hiding}
        tried = f"a detector: {detection.name}"
        who = "whoever has carriers of both kinds"
        lines.append(Line(who, tried, found, verdict, bad, numbers))
    return lines


def _standing_of(standing: Standing, low: float, clean: float, hiding: float) -> tuple[str, bool]:
    if not standing.comparison.conclusive:
        return f"fewer than {FEWEST} carriers a folder: nothing can be concluded", False
    if not standing.comparison.told_apart or low <= 0.5:
        return "it is not shown to tell the folders apart: nothing of this carrier", False
    if clean >= _HIGH and hiding > _LOW:
        return "the carrier looks like those that hide pictures", True
    if hiding <= _LOW and clean < _HIGH:
        return "the carrier looks like those that hide nothing", False
    if clean >= _HIGH:
        return "the carrier is unlike both", False
    return "the carrier could be of either kind", False
