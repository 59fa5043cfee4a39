"""Carriers as sets of tiles: freed of what their covers explain, pooled, or judged by votes.

A carrier of 16 tiles is 16 samples. What differs from tile to tile is first of all the cover, which
everybody sees; so what it explains is taken away before anything is learned.
"""

from __future__ import annotations

import numpy as np

from sirensong.lab.steganalysis.significance import Features, Judge, Labels

_SPREAD = (0.1, 0.5, 0.9)  # quantiles over a carrier's tiles
_RIDGE = 1e-3
_TINY = 1e-12


def without_cover(tiles: Features, facts: Features) -> Features:
    """Take from the statistics of tiles what their renders explain, by ridge regression.

    The regression is on the facts and their squares, over all carriers of both populations. It
    knows no labels, so a permutation test stays exact.

    Args:
        tiles: statistics, (carriers, tiles, numbers).
        facts: what the tiles show, (carriers, tiles, facts).

    Returns:
        What is left, of the shape of `tiles`.
    """
    flat = facts.reshape(-1, facts.shape[-1])
    scaled = (flat - flat.mean(0)) / np.maximum(flat.std(0), _TINY)
    known = np.concatenate([np.ones((len(flat), 1)), scaled, scaled**2], axis=1)
    values = tiles.reshape(-1, tiles.shape[-1])
    gram = known.T @ known + _RIDGE * len(known) * np.eye(known.shape[1])
    explained = known @ np.linalg.solve(gram, known.T @ values)
    return np.asarray((values - explained).reshape(tiles.shape), np.float64)


def pooled(tiles: Features) -> Features:
    """Sum up each carrier's tiles: mean, standard deviation and three quantiles of each statistic.

    Args:
        tiles: (carriers, tiles, numbers).

    Returns:
        (carriers, 5 x numbers).
    """
    quantiles = np.quantile(tiles, _SPREAD, axis=1)
    return np.concatenate([tiles.mean(1), tiles.std(1), *quantiles], axis=1)


def by_votes(judge: Judge) -> Judge:
    """A judge of carriers that learns from single tiles and takes the mean of their scores.

    Args:
        judge: of tiles, each of which has its carrier's label.

    Returns:
        A judge whose members are carriers, (carriers, tiles, numbers).
    """

    def judge_carriers(known: Features, labels: Labels, unseen: Features) -> Features:
        count, tiles, numbers = known.shape
        samples = known.reshape(count * tiles, numbers)
        scores = judge(samples, np.repeat(labels, tiles), unseen.reshape(-1, numbers))
        return np.asarray(scores.reshape(len(unseen), tiles).mean(1), np.float64)

    return judge_carriers
