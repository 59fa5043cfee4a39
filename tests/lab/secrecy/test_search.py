"""Searches without a key: what they look for, what they change, and that they can succeed."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal

from sirensong.lab.secrecy.knowledge import Insertion, Knowledge
from sirensong.lab.secrecy.objectives import layers_of, search_of, signs, variation, weighted
from sirensong.lab.secrecy.prior import PatchPrior, fit_prior, patches_of
from sirensong.lab.secrecy.search import Budget, climb, learn_objective, right_share, slope
from sirensong.lab.secrecy.supermask import Descent, influence, optimize, true_sets
from sirensong.network.substitution import keyed_counts
from sirensong.pictures.decoys import dead_leaves
from sirensong.pictures.image import from_uint8


def leaves(seed, side=16):
    rng = np.random.default_rng(seed)
    return from_uint8(dead_leaves(np.zeros((side, side, 3), np.uint8), rng))


@pytest.fixture(scope="module")
def prior():
    return fit_prior([leaves(seed, 32) for seed in range(20)])


def negative_distance(changed):
    """An objective that is highest where a tile's render is a given picture, cover taken out."""
    return lambda pictures: -(pictures - changed).square().mean((1, 2, 3))


def left_over(search, layers, tiles):
    """What a search's objective gets to see."""
    seen = []
    replace(search, objective=lambda pictures: seen.append(pictures) or pictures).score(
        layers, tiles
    )
    return seen[0]


def test_likelihood_is_that_of_the_mixture(prior):
    pictures = torch.from_numpy(np.stack([leaves(100), leaves(101)])).double()
    exact = PatchPrior(
        prior.log_weights.double(), prior.means.double(), prior.whitening.double(), 0
    )
    found = exact.log_likelihood(pictures)
    whitening = exact.whitening.numpy()
    covariances = [np.linalg.inv(one @ one.T) for one in whitening]
    sizes = [np.log(np.diag(one)).sum() - 96 * np.log(2 * np.pi) for one in whitening]
    weights = np.exp(exact.log_weights.numpy() - sizes)
    assert weights.sum() == pytest.approx(1, abs=1e-4)
    for patches, value in zip(patches_of(pictures).numpy(), found, strict=True):
        densities = [
            np.log(weight) + multivariate_normal(mean, covariance).logpdf(patches)
            for weight, mean, covariance in zip(
                weights, exact.means.numpy(), covariances, strict=True
            )
        ]
        assert float(value) == pytest.approx(np.logaddexp.reduce(densities).mean(), rel=1e-4)


def test_patches_are_cut_row_by_row_and_free_of_colour_and_contrast():
    picture = torch.from_numpy(leaves(3))[None].double()
    patches = patches_of(picture)
    assert patches.shape == (1, 9, 192)
    own = picture[0, 4:12, 8:16]
    expected = (own - own.mean((0, 1))) / picture.std((1, 2)).mean()
    np.testing.assert_allclose(patches[0, 5], expected.flatten(), atol=1e-12)
    np.testing.assert_allclose(patches_of(0.1 * picture + 0.3), patches, atol=1e-9)


def test_a_picture_is_likelier_than_noise(prior):
    noise = np.random.default_rng(0).random((1, 32, 32, 3)).astype(np.float32)
    pictures = torch.from_numpy(np.concatenate([leaves(200, 32)[None], noise]))
    likely, unlikely = prior.log_likelihood(pictures)
    assert likely > unlikely + 10


def test_variation_counts_steps_in_units_of_contrast():
    step = torch.zeros(1, 2, 4, 3)
    step[:, :, 2:] = 5
    assert float(variation(step)) == pytest.approx(-(5 / 3) / float(step.std((1, 2)).mean()))


def test_signs_are_finite_for_flat_pictures_and_weigh_as_told(prior):
    compute = signs(prior)
    pictures = torch.stack([torch.zeros(16, 16, 3), torch.from_numpy(leaves(5))])
    found = compute(pictures)
    assert found.shape == (2, 9)
    assert torch.isfinite(found).all()
    np.testing.assert_allclose(weighted(compute, torch.eye(9)[4])(pictures), found[:, 4], rtol=1e-6)


def test_what_is_known_of_a_tile_is_taken_out(secret):
    stego = secret.stego
    search = search_of(stego, variation)
    own = layers_of(stego.tiles([1]))
    assert left_over(search, own, [1]).abs().max() < 1e-4
    with_key = layers_of(secret.tiles([1]))
    assert left_over(search, with_key, [1]).abs().max() > 1e-2
    both = search_of(stego, variation, [secret.tiles([0, 1])])
    assert left_over(both, with_key, [1]).abs().max() < 1e-4


@pytest.mark.parametrize("zeros", [True, False])
def test_a_climber_replaces_as_many_weights_as_a_key_and_gains(secret, zeros):
    stego = secret.stego
    search = search_of(stego, variation)
    found = climb(stego, search, 0.1, Budget(8, 4, zeros=zeros), seed=1)
    assert found.gain > 0
    counts = keyed_counts(stego.architecture, 0.1)
    assert sum(counts) > 0
    layers = zip(found.weights, stego.weights, found.sets, counts, strict=True)
    for layer, before, chosen, count in layers:
        changed = layer.weight != before.weight
        np.testing.assert_array_equal(changed, chosen)
        assert chosen.sum((1, 2)).tolist() == [count] * len(chosen)
        if count:
            assert (layer.weight[chosen] == 0).all() == zeros
    shuffled = replace(found, order=[1, 0])
    np.testing.assert_array_equal(shuffled.tiles([0])[0].weight, found.tiles([1])[0].weight)


def test_an_objective_that_knows_the_secret_leads_to_it(secret):
    """A search must be able to succeed, or its failing says nothing."""
    stego = secret.stego
    zeroed = true_sets(secret)
    wanted = [
        (torch.from_numpy(np.where(chosen[:1], 0, layer.weight[:1])), torch.from_numpy(bias[:1]))
        for chosen, layer, bias in zip(
            zeroed, stego.weights, [layer.bias for layer in stego.weights], strict=True
        )
    ]
    target = left_over(search_of(stego, variation), wanted, [0])
    search = search_of(stego, negative_distance(target))
    found = climb(stego, search, 0.1, Budget(100, 32, zeros=True), seed=2)
    first = [chosen[:1] for chosen in found.sets]
    right = sum(int((mine & true[:1]).sum()) for mine, true in zip(first, zeroed, strict=True))
    total = sum(int(true[:1].sum()) for true in zeroed)
    assert right / total > 0.25  # chance is 0.1
    assert found.gain > 2


def test_a_keys_own_sets_are_all_right(secret):
    assert right_share(true_sets(secret), secret) == 1
    none = [np.ones_like(chosen) & ~chosen for chosen in true_sets(secret)]
    assert right_share(none, secret) == 0


def test_a_slope_begins_at_nothing(secret):
    known = [Knowledge(share, Insertion.ZEROS) for share in (0.0, 1.0)]
    nothing, whole = slope(search_of(secret.stego, variation), secret, known, 6, 0)
    assert nothing == pytest.approx(0, abs=1e-9)
    assert abs(whole) > 0.01


def test_an_objective_is_learned_that_rises_with_the_share_that_is_right(secret, prior):
    learned = learn_objective(prior, [secret], Insertion.ZEROS, draws=10)
    known = [Knowledge(share, Insertion.ZEROS) for share in (0.0, 0.1, 0.2, 0.3)]
    rising = slope(search_of(secret.stego, learned), secret, known, 10, 0)
    assert rising[-1] > 0.3


def test_a_mask_is_optimized_and_keeps_its_size(secret):
    stego = secret.stego
    search = search_of(stego, variation)
    found = optimize(stego, search, 0.1, Descent(steps=10), seed=1)
    assert found.gain > 0
    counts = keyed_counts(stego.architecture, 0.1)
    layers = zip(found.sets, found.weights, stego.weights, counts, strict=True)
    for chosen, layer, before, count in layers:
        assert chosen[0].sum() == count
        changed = (layer.weight != before.weight)[0].sum()
        assert changed == chosen[0].sum()


def test_an_oracles_positions_are_the_only_ones_that_change(secret):
    stego, given = secret.stego, true_sets(secret)
    found = optimize(stego, search_of(stego, variation), 0.1, Descent(steps=5), given=given)
    for chosen, layer, before in zip(given, found.weights, stego.weights, strict=True):
        np.testing.assert_array_equal(layer.weight != before.weight, chosen)


def test_influence_is_the_slope_of_a_weights_membership(secret):
    """With an objective that is linear in one weight, that weight's influence stands out."""
    stego = secret.stego
    probe = replace(search_of(stego, variation), objective=lambda pictures: pictures[:, 0, 0, 0])
    found = influence(stego, probe, 0.1, draws=3)
    assert found.shape == (sum(layer.weight.size for layer in stego.weights),)
    last = found.reshape(2, -1)[:, -36:].reshape(2, 3, 12)
    assert (last[:, 0] != 0).any()
    np.testing.assert_allclose(last[:, 1:], 0, atol=1e-6)  # red's objective: other rows do nothing
