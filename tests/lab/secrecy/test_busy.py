"""Statistics of a carrier's tiles against the local detail of its secrets."""

from dataclasses import replace

import numpy as np
import pytest

import sirensong as ss
from sirensong.lab.secrecy.busy import (
    Scene,
    correlation,
    detail,
    estimates,
    learned,
    sight,
    strongest,
    with_neighbours,
    without_cover,
)
from sirensong.lab.secrecy.knowledge import replacements
from sirensong.lab.secrecy.neighbours import borders, distances, pairs_of, strongest_distance
from sirensong.lab.steganalysis.statistics import layer_statistics
from sirensong.reveal import unlock

TILES = 144


def scene(seed, *, sign=1, column=2, shuffled=True):
    """A carrier of two secrets, one of whose features is what lies in its tiles, and noise."""
    rng = np.random.default_rng(seed)
    cover, details = rng.random((TILES, 1)), rng.random((2, TILES))
    order = rng.permutation if shuffled else np.arange
    places = np.stack([order(TILES) for _ in range(2)])
    features = rng.random((TILES, 5))
    features[:, column] = 2 * cover[:, 0] + 0.1 * features[:, column]
    for own, at in zip(details, places, strict=True):
        features[at, column] += sign * own
    return Scene(np.exp(features), cover, details, places)


def spearman(first, second):
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    return np.corrcoef(*ranks)[0, 1]


def test_detail_is_the_mean_gradient_of_each_tile():
    picture = np.zeros((8, 16, 3), np.float32)
    picture[:, 8:] = 0.1 * np.arange(8)[:, None]
    np.testing.assert_allclose(detail(picture, ss.Grid(1, 2)), [0, 0.1], atol=1e-7)
    np.testing.assert_allclose(detail(picture, ss.Grid(2, 2)), [0, 0.1, 0, 0.1], atol=1e-7)


def test_a_correlation_is_spearmans_partial_one():
    rng = np.random.default_rng(1)
    cover = rng.random(50)
    held = np.exp(cover + rng.random(50))
    seen = cover + rng.random(50) + held / 4
    both, one, other = spearman(seen, held), spearman(seen, cover), spearman(held, cover)
    expected = (both - one * other) / np.sqrt((1 - one**2) * (1 - other**2))
    found = correlation(np.stack([seen, -seen], axis=1), held, cover[:, None])
    np.testing.assert_allclose(found, [expected, -expected])
    assert abs(expected) > 0.1


def test_what_the_cover_explains_is_no_sight_of_a_secret():
    rng = np.random.default_rng(2)
    cover = rng.random((30, 2))
    seen = np.stack([cover[:, 0], rng.random(30)], axis=1)
    np.testing.assert_array_equal(correlation(seen, cover[:, 0], cover), [0, 0])
    assert correlation(seen, rng.random(30), cover)[0] == 0
    left = without_cover(seen, cover)
    np.testing.assert_allclose(left.T @ np.argsort(np.argsort(cover, axis=0), axis=0), 0, atol=1e-9)


def adversaries():
    linear_model = pytest.importorskip("sklearn.linear_model")
    ensemble = pytest.importorskip("sklearn.ensemble")
    trees = ensemble.HistGradientBoostingRegressor(max_iter=20, random_state=0)
    return [strongest, learned(linear_model.Ridge(1.0)), learned(trees)]


@pytest.mark.parametrize("index", range(3))
def test_busy_tiles_are_seen_in_the_carriers_order_and_not_in_the_pictures(index):
    scenes = [scene(seed) for seed in range(6)]
    found = sight(scenes, estimates(scenes, adversaries()[index]))
    carrier, picture, unrelated = (
        np.mean([getattr(own, order) for own in found])
        for order in ("carrier", "picture", "unrelated")
    )
    assert carrier > 0.55
    assert abs(picture) < 0.1
    assert abs(unrelated) < 0.1


def test_without_a_shuffle_busy_tiles_are_seen_in_the_pictures_order_too():
    scenes = [scene(seed, shuffled=False) for seed in range(3)]
    for own in sight(scenes, estimates(scenes, strongest)):
        assert own.picture == own.carrier > 0.55


def test_unrelated_secrets_are_those_of_the_other_carriers():
    scenes = [scene(seed) for seed in range(2)]
    seen = [other.details[0] for other in reversed(scenes)]
    for index, own in enumerate(sight(scenes, seen)):
        cover, others = scenes[index].cover, scenes[1 - index].details
        expected = [correlation(seen[index][:, None], held, cover)[0] for held in others]
        assert own.unrelated == pytest.approx(np.mean(expected))
        assert own.unrelated > 0.4 > abs(own.picture)


def test_a_carrier_is_judged_by_what_all_others_teach_and_not_by_itself():
    scenes, calls = [scene(seed) for seed in range(3)], []

    def estimate(known, judged):
        calls.append((known, judged))
        return judged.cover[:, 0]

    estimates(scenes, estimate)
    for index, (known, judged) in enumerate(calls):
        assert judged is scenes[index]
        assert known == [own for own in scenes if own is not judged]


def test_the_strongest_feature_and_its_sign_are_those_of_known_carriers():
    known, judged = [scene(seed, sign=-1) for seed in range(2)], scene(5, column=1)
    np.testing.assert_array_equal(strongest(known, judged), -judged.features[:, 2])


def test_a_tiles_neighbours_are_the_four_about_it():
    features = np.arange(6.0)[:, None] ** 2
    both = with_neighbours(features, ss.Grid(2, 3))
    np.testing.assert_array_equal(both[:, 0], features[:, 0])
    # 0  1  4
    # 9 16 25
    expected = [(0 + 9 + 0 + 1) / 4, (1 + 16 + 0 + 4) / 4, (4 + 25 + 1 + 4) / 4]
    np.testing.assert_array_equal(both[:3, 1], expected)


@pytest.fixture(scope="module")
def carriers():
    """Two real carriers of 16 tiles, with covers and secrets that change slowly."""
    small = {"tile": 8, "hidden_features": 16, "hidden_layers": 3, "bits": None}
    recipe = replace(ss.FAST, **small).with_steps(40)
    across, down = np.meshgrid(np.linspace(0, 1, 32), np.linspace(0, 1, 32))
    pictures = [across * down, (across - down) ** 2, np.abs(np.sin(9 * across * down))]
    made = []
    for seed in range(2):
        key = ss.SecretKey(bytes([seed] * 32))
        options = ss.Options(threads=1, seed=seed)
        hidden = ss.hide(pictures[seed], {key: pictures[seed + 1]}, recipe=recipe, options=options)
        made.append((unlock(hidden.stego, key), ss.sample(hidden.stego), pictures[seed + 1]))
    return made


def test_real_carriers_hold_detail_where_their_keys_say(carriers):
    scenes = []
    for secret, cover, picture in carriers:
        shown = np.repeat(picture[:, :, None], 3, axis=2)
        facts = detail(cover, secret.grid)[:, None]
        details = detail(shown, secret.grid)[None]
        features = layer_statistics(secret.stego.weights)
        scenes.append(Scene(features, facts, details, secret.places[None]))
        for index, own in enumerate(replacements(secret)):
            assert scenes[-1].held[0, own.tile] == details[0, index]
    for own in sight(scenes, estimates(scenes, strongest)):
        assert 0 < abs(own.carrier) <= 1
        assert own.carrier != own.picture


def test_neighbours_of_real_covers_are_recognised_by_their_borders(carriers):
    tables, labels = [], []
    for secret, _, _ in carriers:
        pairs = pairs_of(np.arange(16), secret.grid)
        tables.append(distances(np.empty((16, 0)), [borders(secret.stego.weights)], pairs))
        labels.append(pairs.near)
    assert min(strongest_distance(tables, labels)) > 0.75
