"""What is tried on one's own carrier, what it found, and what that means, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from sirensong.lab.secrecy.busy import Features, correlation, detail
from sirensong.lab.secrecy.knowledge import (
    DRAWS,
    Insertion,
    Knowledge,
    in_order,
    renders_of,
    with_key,
)
from sirensong.lab.secrecy.positions import confirmation
from sirensong.lab.secrecy.traces import Finding, find, left_over
from sirensong.network.rendering import render
from sirensong.pictures.decoys import other_photographs
from sirensong.pictures.image import Pixels, from_uint8, to_uint8
from sirensong.reveal import SecretFunction, sample

CONTROLS = 19
"""Unrelated pictures among which a secret is ranked."""

WRONG_KEYS = 40
"""Keys with which right ones are compared."""

_FAINT, _PLAIN = 0.1, 0.3  # correlations above the controls' mean
_HIGH = 0.94  # more than 17 of 19
_UNUSUAL = 3.0  # standard deviations of the controls

LEAST_TILES = 16
"""Tiles without which no map of busy tiles is looked for."""

KNOWN = {
    ("anybody", f"the mean of {DRAWS} renders with random keys"): Knowledge(0, Insertion.RANDOM),
    ("whoever knows a quarter of the key", "the rest filled with random keys"): Knowledge(
        0.25, Insertion.RIGHT
    ),
    ("whoever knows half of the key", "the rest filled with random keys"): Knowledge(
        0.5, Insertion.RIGHT
    ),
    ("whoever knows which weights the key replaces", "random values there"): Knowledge(
        1, Insertion.RANDOM
    ),
    ("whoever knows which weights the key replaces", "zeros there"): Knowledge(1, Insertion.ZEROS),
}
"""What of a key adversaries are given, by who they are and what they try, in a page's words."""


@dataclass(frozen=True)
class Line:
    """One thing that was tried.

    Args:
        who: tries it.
        tried: what they do.
        found: in numbers.
        verdict: what that means, in words.
        bad: whether it gives something away; None where the reader has to judge.
        numbers: for machines.
        pictures: what was rendered, each with its caption.
    """

    who: str
    tried: str
    found: str
    verdict: str
    bad: bool | None
    numbers: dict[str, float]
    pictures: Sequence[tuple[str, Pixels]] = field(default=(), repr=False)


def controls_for(picture: Pixels, count: int = CONTROLS, seed: int = 0) -> list[Pixels]:
    """Photographs that have nothing to do with a carrier, of a picture's size.

    Args:
        picture: whose size they get.
        count: how many.
        seed: of the choice of parts of scikit-image's photographs.

    Raises:
        MissingDependencyError: scikit-image is not installed.
    """
    rng = np.random.default_rng(seed)
    size = to_uint8(picture)
    return [from_uint8(other_photographs(size, rng)) for _ in range(count)]


def trace_lines(secret: SecretFunction, controls: Sequence[Pixels]) -> list[Line]:
    """Look for a key's picture in the renders of those who know a part of the key, or nothing.

    Args:
        secret: what the key makes of the carrier.
        controls: unrelated pictures of the secret's size.
    """
    size = (secret.height, secret.width)
    published = in_order(secret)
    picture, cover = render(secret, size), render(published, size)
    lines = []
    for (who, tried), knowledge in KNOWN.items():
        renders = renders_of(secret, knowledge, size)
        finding = find(renders, picture, controls, published)
        mean: Pixels = np.mean(renders, axis=0, dtype=np.float32)
        lines.append(line_of(who, tried, finding, mean, cover))
    return lines


def line_of(who: str, tried: str, finding: Finding, picture: Pixels, cover: Pixels) -> Line:
    """Put into words what of a secret was found in renders.

    Args:
        who: tries it.
        tried: what they do.
        finding: against control pictures.
        picture: what was rendered, in the key's order.
        cover: in that order.
    """
    excess, rank = finding.excess, finding.rank
    unusual = max(
        _deviations(finding.true.edges, [control.edges for control in finding.controls]),
        _deviations(finding.true.light, [control.light for control in finding.controls]),
    )
    strongest = max(excess.edges, excess.light)
    verdict = "nothing of the picture is seen"
    if max(rank.edges, rank.light) > _HIGH:
        verdict += ", but it ranks high among candidates, as one in five does by chance"
    where = "in its outlines" if excess.edges > excess.light else "in its light and dark"
    if strongest > _FAINT and unusual > _UNUSUAL:
        verdict = f"the picture leaves a trace, {where}"
    if strongest > _PLAIN and unusual > _UNUSUAL:
        verdict = f"the picture shows, {where}"
    found = (
        f"edges {excess.edges:+.2f} and light {excess.light:+.2f} above {len(finding.controls)}"
        f" unrelated pictures; rank {rank.edges:.2f} and {rank.light:.2f} (0.5 is chance)"
    )
    numbers = {
        "edges": excess.edges,
        "light": excess.light,
        "edges rank": rank.edges,
        "light rank": rank.light,
        "deviations": unusual,
    }
    bad = strongest > _FAINT and unusual > _UNUSUAL
    pictures = [("their render, tiles in the key's order", picture), without(picture, cover)]
    return Line(who, tried, found, verdict, bad, numbers, pictures)


def without(picture: Pixels, cover: Pixels) -> tuple[str, Pixels]:
    """A picture without its cover, for the eye, with its caption.

    Args:
        picture: (height, width, 3).
        cover: of that shape.
    """
    return "the same without the cover, contrast raised", left_over(picture, cover)


def _deviations(true: float, controls: Sequence[float]) -> float:
    return float((true - np.mean(controls)) / max(float(np.std(controls)), 1e-9))


def size_line(secret: SecretFunction, seed: int = 0) -> Line:
    """See whether the sizes of weights alone confirm a key.

    Args:
        secret: what the key makes of the carrier.
        seed: of the wrong keys.
    """
    right = confirmation(secret)
    wrong = [confirmation(with_key(secret, seed + place)) for place in range(WRONG_KEYS)]
    most = max(wrong)
    bad = right > max(_UNUSUAL, most)
    verdict = "weights do not tell whether the key is right"
    if bad:
        verdict = "weights confirm a key that is right: it cannot be denied"
    found = (
        f"in standard deviations above chance: the right key's {right:+.1f},"
        f" those of {WRONG_KEYS} other keys at most {most:+.1f}"
    )
    numbers = {"z": right, "largest of other keys": most}
    tried = "whether the weights that a key replaces are larger than others"
    return Line("whoever guesses keys", tried, found, verdict, bad, numbers)


def map_line(
    secret: SecretFunction, statistics: Features, controls: Sequence[Pixels]
) -> Line | None:
    """See whether statistics of the carrier's tiles draw a map of where the picture is busy.

    Args:
        secret: what the key makes of the carrier.
        statistics: of each of the carrier's tiles, (tiles, numbers).
        controls: unrelated pictures of the secret's size.

    Returns:
        None for a carrier of fewer than 16 tiles, or for tiles of a pixel.
    """
    grid, size = secret.grid, (secret.height, secret.width)
    if grid.tiles < LEAST_TILES or min(size[0] / grid.rows, size[1] / grid.columns) < 2:
        return None
    cover = detail(sample(secret.stego), grid)[:, None]

    def strongest(busy: Features) -> float:
        return float(np.abs(correlation(statistics, busy, cover)).max())

    own = detail(render(secret, size), grid)
    placed = np.empty_like(own)
    placed[secret.places] = own
    seen, chance = strongest(own), [strongest(detail(control, grid)) for control in controls]
    bad = _deviations(seen, chance) > _UNUSUAL
    verdict = "no map of the picture is seen"
    if bad:
        verdict = "the carrier shows where the picture has much detail"
    found = (
        f"strongest rank correlation with the picture's detail {seen:.2f}; with that of"
        f" {len(controls)} unrelated pictures {np.mean(chance):.2f} on average, {max(chance):.2f}"
        f" at most; if the key did not shuffle the tiles {strongest(placed):.2f}"
    )
    numbers = {"map": seen, "by chance": float(np.mean(chance)), "in order": strongest(placed)}
    tried = f"a map of busy tiles, by {statistics.shape[1]} statistics of the weights"
    return Line("anybody", tried, found, verdict, bad, numbers)
