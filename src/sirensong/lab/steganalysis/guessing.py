"""Can a key be guessed by looking at what it renders (section 4.10)?

Blind, that is: without the slots, which tell at once. A guesser renders the function with one key
after another and asks which picture looks natural. Four statistics that photographs share judge
that. And if a key that is partly right looked a little more natural than a wrong one, the guesser
could find the key piece by piece: there would be a hill to climb.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sirensong.carrier.stego import StegoFunction
from sirensong.keys.secret import Passphrase, SecretKey
from sirensong.network.rendering import Function, render
from sirensong.network.siren import Weights
from sirensong.network.tiles import Grid
from sirensong.pictures.image import Pixels
from sirensong.reveal import SecretFunction, unlock

Scores = npt.NDArray[np.float64]

CLIMBERS = 20
"""Wrong keys that are mixed with the right one: enough for a mean."""

SHARES = (0.0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
"""Shares of a key that are right: dense where a climber begins."""

STATISTICS = ("total variation", "channel correlation", "saturation", "spectral slope")
_SLOPE = -2.0  # of a photograph's power against frequency
_SIZE = (64, 64)
_YEAR = 365.25 * 86400


@dataclass(frozen=True)
class Guess:
    """How the right key fared among wrong ones, and what guessing costs on this machine.

    Args:
        wrong_keys: how many there were.
        ranks: the right key's, by each statistic and by their sum; 1 is the most natural of all,
            and a tie counts against the right key.
        seconds_a_key: to render and judge with one key.
        seconds_a_passphrase: to make a key of a passphrase (Argon2id), after which a slot tells
            whether it is right.
    """

    wrong_keys: int
    ranks: dict[str, int]
    seconds_a_key: float
    seconds_a_passphrase: float

    @property
    def years_for_all_keys(self) -> float:
        """Years to try 2^256 keys at this rate."""
        return 2.0**256 * self.seconds_a_key / _YEAR

    def years_for_passphrases(self, bits: float) -> float:
        """Years to try all passphrases of so many bits of entropy at this rate."""
        return float(2.0**bits) * self.seconds_a_passphrase / _YEAR


def naturalness(picture: Pixels) -> Scores:
    """Four statistics of a picture, each turned so that more is more natural.

    Less variation between neighbours, more correlation between colour channels, fewer samples at an
    end of the range, and a power spectrum whose slope is nearer to -2.

    Args:
        picture: (height, width, 3) in [0, 1].

    Returns:
        The statistics in the order of STATISTICS, (4,).
    """
    grey = picture.astype(np.float64).mean(2)
    variation = np.abs(np.diff(grey, axis=0)).mean() + np.abs(np.diff(grey, axis=1)).mean()
    channels = picture.reshape(-1, 3).T.astype(np.float64)
    # A flat channel correlates with none: a little noise makes that 0 instead of 0 / 0.
    channels += np.random.default_rng(0).normal(0, 1e-6, channels.shape)
    correlation = np.asarray(np.corrcoef(channels))[np.triu_indices(3, 1)].mean()
    saturation = ((picture <= 0) | (picture >= 1)).mean()
    return np.array([-variation, correlation, -saturation, -abs(_slope(grey) - _SLOPE)])


def _slope(grey: Scores) -> float:
    height, width = grey.shape
    power = np.abs(np.fft.rfft2(grey - grey.mean())) ** 2
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :])
    inside = (frequency > 0) & (frequency < 0.5)
    return float(np.polyfit(np.log(frequency[inside]), np.log(power[inside] + 1e-12), 1)[0])


def guess(stego: StegoFunction, key: SecretKey, wrong: Iterable[SecretKey]) -> Guess:
    """Rank the right key's render among those of wrong keys, blind.

    Args:
        stego: the function.
        key: the right key.
        wrong: at least two other keys.

    Raises:
        NoPictureError: the key is not right.
    """
    begun = time.perf_counter()
    others = np.stack([_naturalness_of(unlock(stego, other, force=True)) for other in wrong])
    seconds = (time.perf_counter() - begun) / len(others)
    right = _naturalness_of(unlock(stego, key))
    begun = time.perf_counter()
    Passphrase("a guess").bind(stego.nonce)
    argon2id = time.perf_counter() - begun
    every = np.vstack([right, others])
    total = _standardise(every, others).sum(1)
    ranks = {}
    for name, values in zip((*STATISTICS, "sum of all"), [*every.T, total], strict=True):
        ranks[name] = 1 + int((values[1:] >= values[0]).sum())
    return Guess(len(others), ranks, seconds, argon2id)


def hill(
    stego: StegoFunction, key: SecretKey, wrong: Sequence[SecretKey], shares: Sequence[float]
) -> dict[str, Scores]:
    """How natural a partly right key looks.

    A share of the matrices, or of the selected weights in each matrix, is the right key's, and the
    rest a wrong key's.

    Args:
        stego: the function.
        key: the right key.
        wrong: other keys.
        shares: those of the key that are right, in [0, 1].

    Returns:
        For "matrices" and "weights" a number for each share: the sum of the four statistics in
        standard deviations of the wrong keys' renders, mean over the wrong keys.

    Raises:
        NoPictureError: the key is not right.
    """
    right = unlock(stego, key)
    others = [unlock(stego, other, force=True) for other in wrong]
    base = np.stack([_naturalness_of(other) for other in others])
    curves = {}
    for part in ("matrices", "weights"):
        means = []
        for share in shares:
            mixed = [
                _naturalness_of(_Mixed(right, other, share, part, seed))
                for seed, other in enumerate(others)
            ]
            means.append(_standardise(np.array(mixed), base).sum(1).mean())
        curves[part] = np.array(means)
    return curves


def _naturalness_of(function: Function) -> Scores:
    return naturalness(render(function, _SIZE))


def _standardise(values: Scores, base: Scores) -> Scores:
    """Values in standard deviations of `base` from its mean, a statistic at a time."""
    standard: Scores = (values - base.mean(0)) / np.maximum(base.std(0), 1e-12)
    return standard


@dataclass
class _Mixed:
    """A function whose key weights are partly those of one key and partly those of another.

    Its tiles are in the right key's order, so that both keys are put into the same tile of the
    carrier. The wrong key has no picture there, and so no order of its own.
    """

    right: SecretFunction
    wrong: SecretFunction
    share: float
    part: str
    seed: int

    @property
    def grid(self) -> Grid:
        """Where the tiles are."""
        return self.right.grid

    def tiles(self, indices: Sequence[int]) -> Weights:
        """The mixture's SIRENs of some tiles, layer by layer."""
        right = self.right.tiles(indices)
        wrong = self.wrong.tiles([int(self.right.places[index]) for index in indices])
        for place, index in enumerate(indices):
            rng = np.random.default_rng([self.seed, index])
            whole = rng.permutation(len(right)) < round(self.share * len(right))
            for layer, (mine, other) in enumerate(zip(right, wrong, strict=True)):
                taken = whole[layer]
                if self.part == "weights":
                    taken = rng.random(mine.weight[place].shape) < self.share
                mine.weight[place] = np.where(taken, mine.weight[place], other.weight[place])
        return right
