"""How well can a steganalyst tell the stego pictures of a scheme from their covers?

The steganalyst has pictures of both kinds to learn from, of the same size and source as those that
are judged: more than most have. The features are a rich model's (`rich_model`), the classifier is
Fisher's linear discriminant, regularised: ridge regression onto the labels. On rich models that
does as well as an ensemble of discriminants (Cogranne, Sedighi, Fridrich and Pevny, "Is ensemble
classifier needed for steganalysis in high-dimensional feature spaces?", IEEE WIFS 2015).

An area near 0.5 tells something only beside controls: embeddings that this detector, with this
many pictures, does find, and covers against covers, which it must not.

This is for schemes whose file is a picture. What a scheme that hides in a function publishes is a
file of weights, and what is rendered from it is no picture to which anything was done: those are
judged by their weights, in `detect_weights`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sirensong.errors import FormatError, SettingError, needing
from sirensong.files import file_errors, read_bytes, write_bytes
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import derive
from sirensong.lab.baselines.method import Method
from sirensong.lab.compare.rich_model import LENGTH, rich_features
from sirensong.lab.steganalysis.significance import (
    FOLDS,
    LEVEL,
    PERMUTATIONS,
    Detector,
    Features,
    Labels,
    area,
    compare,
)
from sirensong.pictures.image import RGB, digest

RESAMPLES = 2000
"""Draws of pairs that an interval is from."""

RIDGE = 0.01
"""Of the regression, where pictures have a mean square of 1: of 1e-4 to 1 the best for HILL."""

_PICTURE = ".png"
_LARGEST_RECORD = 2**20

Advance = Callable[[int, int], None]
"""Called with how many pairs' features are there, and how many pairs there are."""


@dataclass(frozen=True)
class Detectability:
    """How well stego pictures are told from covers.

    Attributes:
        pairs: of a cover and its stego picture, by which the detector learned and was judged.
        auc: area under the ROC curve: how often a stego picture looks more like one than a cover
            does. Each is judged by a detector that has seen neither it nor its twin.
        low: lower end of the area's 95 % interval, by resampling pairs. It is of these trained
            detectors: with what other pictures would have taught counted in, it holds in about 90
            of 100 cases (by simulation, with 40 pairs).
        high: upper end.
        p: how often chance gives as large an area, with all that training adds to chance
            (`significance.compare`). Whether a scheme is found at all, this says.
    """

    pairs: int
    auc: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class Source:
    """A way to make stego pictures.

    Attributes:
        name: of the way with all its settings, under which features are kept.
        secrets: how many pictures are hidden in each.
        make: given a cover and its secrets, and 32 bytes to draw from, the stego picture.
    """

    name: str
    secrets: int
    make: Callable[[Sequence[RGB], bytes], RGB]


COVERS = Source("covers", 0, lambda pictures, _: pictures[0])
"""Does nothing to the covers."""


def scheme_source(method: Method, weights: str = "") -> Source:
    """Stego pictures as a scheme makes them, read back from their files.

    Args:
        method: its file must be a picture.
        weights: what tells its trained weights from others, such as their digest.

    Raises:
        SettingError: the scheme's file is no picture.
    """
    if method.ending != _PICTURE:
        raise SettingError(
            f"this detector is for schemes whose file is a picture, those of {method.name} are "
            f"{method.ending}",
            hint="judge a function by its weights",
        )

    def make(pictures: Sequence[RGB], seed: bytes) -> RGB:
        return method.view(hidden_file(method, pictures, seed))

    name = "-".join([method.name, method.variant, str(method.secrets), weights[:16]])
    return Source(name.rstrip("-"), method.secrets, make)


def hidden_file(method: Method, pictures: Sequence[RGB], seed: bytes) -> bytes:
    """Hide pictures under keys that follow from a seed.

    Args:
        method: the scheme.
        pictures: the cover, then the secrets.
        seed: 32 bytes.

    Raises:
        SettingError: the pictures do not suit the scheme.
    """
    cover, *secrets = pictures
    count = len(secrets) if method.keyed else 0
    keys = [SecretKey(derive(seed, b"", f"detect/{place}")) for place in range(count)]
    return method.hide(cover, secrets, keys)


def set_of(pictures: Sequence[RGB], index: int, secrets: int) -> list[RGB]:
    """A cover and its secrets: the pictures that follow it, the first ones after the last.

    Args:
        pictures: covers, and in turn secrets.
        index: of the cover.
        secrets: how many.
    """
    return [pictures[place % len(pictures)] for place in range(index, index + 1 + secrets)]


CONTROLS = ("lsb-replacement", "lsb-matching", "hill")
"""Embeddings that a detector is to find: replaced and matched low bits, and Li et al.'s HILL (ICIP
2014), which embeds where a picture is busy."""


def control_source(name: str, rate: float) -> Source:
    """Stego pictures as a textbook embedding would make them, of random messages.

    Args:
        name: one of `CONTROLS`.
        rate: bits hidden in each sample, above 0 and at most 1.

    Raises:
        SettingError: there is no such control, or the rate is out of its range.
        MissingDependencyError: conseal is not installed.
    """
    if name not in CONTROLS:
        raise SettingError(f"controls are {', '.join(CONTROLS)}, got {name!r}")
    if not 0 < rate <= 1:
        raise SettingError(f"rate must be above 0 and at most 1, got {rate}")
    with needing("controls need conseal", extra="compare"):
        from conseal import LSB_MATCHING, LSB_REPLACEMENT, hill, lsb

    def make(pictures: Sequence[RGB], seed: bytes) -> RGB:
        [cover], own = pictures, int.from_bytes(seed[:8])
        if name == "hill":
            planes = [
                hill.simulate_single_channel(cover[..., colour], rate, seed=own + colour)
                for colour in range(3)
            ]
            return np.stack(planes, axis=-1)
        modify = LSB_MATCHING if name == "lsb-matching" else LSB_REPLACEMENT
        return np.asarray(lsb.simulate(cover, rate, modify=modify, seed=own))

    return Source(f"{name}-{rate:g}", 0, make)


def features_of(
    source: Source, pictures: Sequence[RGB], index: int, *, kept: Path | None = None, seed: int = 0
) -> Features:
    """Compute the features of one stego picture, or look them up.

    Args:
        source: what makes it.
        pictures: covers; each one's secrets are the pictures that follow it, the first ones after
            the last.
        index: of the cover.
        kept: folder of features, which are looked up and written there; None for none. They are
            kept by what they are of: the same folder is good for any pictures and sources.
        seed: of keys and messages.

    Returns:
        The picture's rich model, (`LENGTH`,), in the precision of float32.

    Raises:
        SettingError: the pictures do not suit the scheme or the detector.
        FormatError: kept features are damaged.
        FileError: features cannot be read or written.
    """
    used = set_of(pictures, index, source.secrets)
    identity = digest(used, (source.name, seed))
    path = None if kept is None else kept / source.name / f"{identity.hex()[:32]}.npz"
    if path is not None and path.exists():
        return _read(path)
    found = rich_features(source.make(used, identity)).astype(np.float32)
    features = found.astype(np.float64)  # as it will be read
    if path is not None:
        _write(path, features)
    return features


def _write(path: Path, features: Features) -> None:
    file = io.BytesIO()
    np.savez_compressed(file, features=features.astype(np.float32))
    with file_errors("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, file.getvalue(), overwrite=True)


def _read(path: Path) -> Features:
    data = read_bytes(path, cap=_LARGEST_RECORD, what="features")
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as record:
            features: Features = record["features"].astype(np.float64)
    except Exception:
        features = np.empty(0)
    if features.shape != (LENGTH,) or not np.isfinite(features).all():
        raise FormatError(f"{path} is damaged: no features", hint="delete it to begin anew")
    return features


def detectability(
    source: Source,
    pictures: Sequence[RGB],
    *,
    kept: Path | None = None,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
    advance: Advance | None = None,
) -> Detectability:
    """Measure how well stego pictures are told from their covers.

    Args:
        source: what makes the stego pictures.
        pictures: covers and secrets, as in `features_of`.
        kept: as in `features_of`; what an earlier run has computed is not computed again.
        seed: of keys, messages, folds, intervals and permutations.
        permutations: as in `significance.compare`.
        advance: called after each pair.

    Raises:
        SettingError: there are too few pictures or permutations, or the pictures do not suit the
            scheme or the detector.
        FormatError: kept features are damaged.
        FileError: features cannot be read or written.
        MissingDependencyError: scikit-learn is not installed.
    """
    check_pictures(len(pictures), max(FOLDS, source.secrets + 1))
    covers, stego = [], []
    for index, _ in enumerate(pictures):
        covers.append(features_of(COVERS, pictures, index, kept=kept, seed=seed))
        stego.append(features_of(source, pictures, index, kept=kept, seed=seed))
        if advance is not None:
            advance(index + 1, len(pictures))
    return judge_pairs(np.stack(covers), np.stack(stego), seed=seed, permutations=permutations)


def false_alarms(
    pictures: Sequence[RGB],
    *,
    kept: Path | None = None,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> Detectability:
    """Measure how well covers are told from covers: every other one from the one before it.

    They have no more in common than any two pictures, so the area scatters more than with twins,
    and its interval is too short: here it holds in about 80 of 100 cases. `p` is right.

    Args:
        pictures: the covers, at least twice `FOLDS`. The last of an odd number is left out.
        kept: as in `features_of`.
        seed: of folds, intervals and permutations.
        permutations: as in `significance.compare`.

    Raises:
        SettingError: there are too few pictures or permutations, or a picture is too small.
        FormatError: kept features are damaged.
        FileError: features cannot be read or written.
        MissingDependencyError: scikit-learn is not installed.
    """
    check_pictures(len(pictures), 2 * FOLDS)
    count = len(pictures) // 2 * 2
    covers = np.stack(
        [features_of(COVERS, pictures, index, kept=kept, seed=seed) for index in range(count)]
    )
    return judge_pairs(covers[::2], covers[1::2], seed=seed, permutations=permutations)


def check_pictures(pictures: int, least: int) -> None:
    """Refuse too few pictures.

    Raises:
        SettingError: there are fewer than the least number.
    """
    if pictures < least:
        raise SettingError(f"a detector needs at least {least} pictures here, got {pictures}")


def judge_pairs(
    covers: Features,
    stego: Features,
    *,
    seed: int = 0,
    permutations: int = PERMUTATIONS,
) -> Detectability:
    """Learn from some pairs and judge the others, in turns.

    Args:
        covers: features, (pairs, any number).
        stego: features of the stego pictures of these covers, in their order.
        seed: of folds, intervals and permutations.
        permutations: as in `significance.compare`.

    Raises:
        SettingError: there are too few pairs or permutations, or not as many of one kind.
        MissingDependencyError: scikit-learn is not installed.
    """
    pairs = len(covers)
    if covers.shape != stego.shape:
        raise SettingError(f"expected {covers.shape} features of stego pictures, got {stego.shape}")
    with needing("detectors need scikit-learn", extra="lab"):
        from sklearn.linear_model import Ridge

    def judge(known: Features, labels: Labels, unseen: Features) -> Features:
        regression = Ridge(RIDGE, solver="cholesky").fit(known, labels)
        scores: Features = regression.predict(unseen)
        return scores

    detector = Detector("rich model", _coordinates(np.concatenate([covers, stego])), judge)
    comparison = compare([detector], (pairs, pairs), seed=seed, permutations=permutations)
    [found] = comparison.detections
    low, high = _interval(np.reshape(found.scores, (2, pairs)), seed)
    return Detectability(pairs, found.auc, low, high, found.p)


def _coordinates(features: Features) -> Features:
    """Pictures in the space that they span: fewer numbers, the same distances.

    Features are standardised first, by the pictures of both kinds together: no label is looked at,
    and a linear classifier that shrinks all directions alike finds the same in these coordinates.
    The mean square of a picture's coordinates, summed, is 1.
    """
    centred = features - features.mean(0)
    scale = centred.std(0)
    standard = centred[:, scale > 0] / scale[scale > 0]
    lengths, axes = np.linalg.eigh(standard @ standard.T / standard.shape[1])
    coordinates: Features = axes * np.sqrt(np.maximum(lengths, 0))
    return coordinates


def _interval(scores: Features, seed: int) -> tuple[float, float]:
    """A 95 % interval of the area, by resampling pairs: (2, pairs) scores, the covers' first."""
    pairs = scores.shape[1]
    drawn = np.random.default_rng([seed, 2]).integers(0, pairs, (RESAMPLES, pairs))
    areas = [area(scores[0, own], scores[1, own]) for own in drawn]
    low, high = np.quantile(areas, (LEVEL / 2, 1 - LEVEL / 2))
    return float(low), float(high)
