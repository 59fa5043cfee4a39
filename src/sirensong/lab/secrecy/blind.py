"""What is tried without a carrier's key, by anybody or by holders of other keys, a line each.

Where there is no key to compare with, the line shows what a search ended with and leaves the
judgement to the reader. The searches need torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sirensong.carrier.stego import StegoFunction
from sirensong.lab.secrecy.audit import Line, controls_for, line_of, without
from sirensong.lab.secrecy.insiders import Holder, view
from sirensong.lab.secrecy.knowledge import (
    DRAWS,
    Insertion,
    Knowledge,
    in_carriers_order,
    in_order,
    renders_of,
)
from sirensong.lab.secrecy.positions import area, replaced_weights
from sirensong.lab.secrecy.traces import find
from sirensong.network.rendering import render
from sirensong.pictures.image import Pixels, from_uint8, to_uint8
from sirensong.reveal import SecretFunction, sample

if TYPE_CHECKING:
    from sirensong.lab.secrecy.objectives import Search
    from sirensong.lab.secrecy.search import Climbed

PHOTOGRAPHS = 45
"""Parts of photographs from which searchers learn what is natural."""

MASK_STEPS = 100
"""Steps of Adam of a search that optimizes a mask."""

CLIMBS, CANDIDATES = 10, 32
"""How often a climber takes a step in each tile, and among how many sets of positions."""

_POSITIONS = 0.52  # area under the ROC curve above which positions are taken to be told


@dataclass(frozen=True, eq=False)
class Ended:
    """The end of a search without a key.

    Args:
        who: searched.
        tried: what they did.
        found: what the search ended with.
        likeness: mean log likelihood of its patches, the cover taken out.
    """

    who: str
    tried: str
    found: Climbed
    likeness: float


@dataclass(frozen=True, eq=False)
class Searcher:
    """Somebody who has learned what photographs look like, and searches a carrier for one.

    Args:
        stego: the carrier.
        search: in the carrier, for patches like those of photographs.
        typical: mean log likelihood of photographs' patches.
    """

    stego: StegoFunction
    search: Search
    typical: float

    def seek(self, ratio: float) -> list[Ended]:
        """Search positions by gradients, and by exchanging them.

        Args:
            ratio: S, the share of each matrix that keys replace, where they do.
        """
        from sirensong.lab.secrecy.search import Budget, climb
        from sirensong.lab.secrecy.supermask import Descent, optimize

        masked = optimize(self.stego, self.search, ratio, Descent(MASK_STEPS))
        climbed = climb(self.stego, self.search, ratio, Budget(CLIMBS, CANDIDATES, zeros=True))
        return [
            self._ended("anybody", f"{MASK_STEPS} steps of gradient descent on a mask", masked),
            self._ended(
                "anybody",
                f"a climber: in each tile {CLIMBS} times the best of {CANDIDATES} sets of weights, "
                "set to zero",
                climbed,
            ),
        ]

    def seek_from(self, own: SecretFunction, name: str, ratio: float) -> Ended:
        """Search from a picture on that is known, as a holder of another key can.

        Args:
            own: the holder's secret function.
            name: of the holder.
            ratio: S.
        """
        from sirensong.lab.secrecy.objectives import search_of
        from sirensong.lab.secrecy.supermask import Descent, optimize

        start = in_carriers_order(own)
        search = search_of(self.stego, self.search.objective, [start])
        end = optimize(self.stego, search, ratio, Descent(MASK_STEPS), start=start)
        tried = f"{MASK_STEPS} steps of gradient descent on a mask, from their own picture on"
        return self._ended(name, tried, end)

    def _ended(self, who: str, tried: str, end: Climbed) -> Ended:
        from sirensong.lab.secrecy.objectives import layers_of

        tiles = range(self.stego.grid.tiles)
        scores = self.search.score(layers_of(end.weights), tiles)
        return Ended(who, tried, end, float(scores.mean()))


def searcher_of(stego: StegoFunction) -> Searcher:
    """Learn from scikit-image's photographs what to search a carrier for.

    Args:
        stego: the carrier.

    Raises:
        MissingDependencyError: scikit-image or scikit-learn is not installed.
    """
    from sirensong.lab.secrecy.objectives import likeness, search_of, variation
    from sirensong.lab.secrecy.prior import fit_prior

    search = search_of(stego, variation)
    tile = np.zeros((search.side, search.side, 3), np.float32)
    prior = fit_prior(controls_for(tile, PHOTOGRAPHS, seed=1))
    return Searcher(stego, replace(search, objective=likeness(prior)), prior.typical)


def public_lines(searcher: Searcher, probe: SecretFunction, ends: Sequence[Ended]) -> list[Line]:
    """Show what is seen without any key, as the carrier's tiles lie.

    Args:
        searcher: who has searched.
        probe: what a random key makes of the carrier.
        ends: of their searches.
    """
    size = (probe.stego.height, probe.stego.width)
    renders = renders_of(probe, Knowledge(0, Insertion.RANDOM), size)
    mean: Pixels = np.mean(renders, axis=0, dtype=np.float32)
    tried = f"the mean of {DRAWS} renders with random keys"
    cover = sample(probe.stego)
    lines = [_shown("anybody", tried, mean, cover, [], {})]
    for end in ends:
        found = (
            f"what is left of it without the cover has a log likelihood of {end.likeness:.0f},"
            f" where photographs have {searcher.typical:.0f} (searches may fool this measure)"
        )
        picture = render(end.found, size)
        numbers = {"likeness": end.likeness, "photographs": searcher.typical}
        lines.append(_shown(end.who, end.tried, picture, cover, [found], numbers))
    return lines


def _shown(
    who: str,
    tried: str,
    picture: Pixels,
    cover: Pixels,
    found: Sequence[str],
    numbers: dict[str, float],
) -> Line:
    verdict = "nothing to compare with here: look whether you see more than the cover"
    rmse = 255 * float(np.sqrt(np.mean((picture - cover) ** 2, dtype=np.float64)))
    told = "; ".join([f"{rmse:.1f} of 255 levels from the cover (RMSE)", *found])
    pictures = [("their render", picture), without(picture, cover)]
    return Line(who, tried, told, verdict, None, {"rmse": rmse, **numbers}, pictures)


def found_line(secret: SecretFunction, end: Ended, controls: Sequence[Pixels]) -> Line:
    """Look for a key's picture in the end of a search, its tiles put into the key's order.

    Args:
        secret: what the key makes of the carrier.
        end: of the search.
        controls: unrelated pictures of the secret's size.
    """
    size, published = (secret.height, secret.width), in_order(secret)
    picture = render(replace(end.found, order=published.order), size)
    finding = find([picture], render(secret, size), controls, published)
    return line_of(end.who, end.tried, finding, picture, render(published, size))


def gradients_line(secret: SecretFunction, others: Sequence[SecretFunction], name: str) -> Line:
    """See whether holders of other keys find a key's positions by gradients.

    Their pictures and the cover are taken from renders, in 8 bits.

    Args:
        secret: what the key makes of the carrier.
        others: what the holders' keys make of it, one at least.
        name: of the holders.
    """
    stego = secret.stego
    holders = [Holder(own, _rounded(render(own, (own.height, own.width)))) for own in others]
    seen = view(stego, _rounded(sample(stego)), holders)
    found = area(seen.rest, replaced_weights([secret])[seen.open])
    bad = found > _POSITIONS
    verdict = "gradients do not tell which weights this key replaces"
    if bad:
        verdict = "gradients tell something of which weights this key replaces"
    tried = "which weights are left alone by the cover's gradient and their own pictures'"
    told = f"area under the ROC curve {found:.3f} (0.5 is chance, 1 finds every weight)"
    return Line(name, tried, told, verdict, bad, {"area": found})


def _rounded(picture: Pixels) -> Pixels:
    return from_uint8(to_uint8(picture))
