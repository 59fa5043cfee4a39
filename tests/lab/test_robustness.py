"""Pruning against torch.nn.utils.prune; quantisation and noise against what they promise."""

import numpy as np
import pytest
import torch
from torch.nn.utils import prune as oracle

from functions import initial
from sirensong.carrier.slots import Slot
from sirensong.errors import SettingError
from sirensong.keys.secret import SecretKey
from sirensong.lab.robustness import perturb, prune, quantise
from sirensong.network.substitution import Selection
from sirensong.network.tiles import Grid
from sirensong.reveal import sample, unlock


@pytest.fixture
def song(make_stego, architecture, key):
    functions = [initial(architecture, np.random.default_rng(seed)) for seed in range(2)]
    return make_stego(
        [(key, Slot(Selection.KEYED, 0.1, 6, 9, bytes(6)))], weights=functions, grid=Grid(1, 2)
    )


def pruned_by_torch(matrix, rate, structured):
    module = torch.nn.Linear(*matrix.shape[::-1])
    module.weight.data = torch.from_numpy(matrix.copy())
    if structured:
        oracle.ln_structured(module, "weight", amount=rate, n=2, dim=0)
    else:
        oracle.l1_unstructured(module, "weight", amount=rate)
    return module.weight.detach().numpy()


@pytest.mark.parametrize("structured", [False, True])
@pytest.mark.parametrize("rate", [0.0, 0.05, 0.1, 0.3, 0.5])
def test_pruning_is_torchs(song, rate, structured):
    pruned = prune(song, rate, structured=structured)
    for layer, (before, after) in enumerate(zip(song.weights, pruned.weights, strict=True)):
        for tile in range(2):
            keeps_rows = structured and layer == len(song.weights) - 1
            expected = (
                before.weight[tile]
                if keeps_rows
                else pruned_by_torch(before.weight[tile], rate, structured)
            )
            np.testing.assert_array_equal(after.weight[tile], expected)
        np.testing.assert_array_equal(after.bias, before.bias)


def test_everything_can_be_pruned(song):
    assert not any(layer.weight.any() for layer in prune(song, 1.0).weights)


@pytest.mark.parametrize("bits", [2, 6, 8, 12])
def test_quantised_weights_lie_on_equal_steps(song, bits):
    for before, after in zip(song.weights, quantise(song, bits).weights, strict=True):
        for tile in range(2):
            step = np.abs(before.weight[tile]).max() / (2 ** (bits - 1) - 1)
            steps = after.weight[tile] / step
            np.testing.assert_allclose(steps, np.rint(steps), atol=1e-3)
            assert np.abs(after.weight[tile] - before.weight[tile]).max() <= step / 2 * 1.001
            assert len(np.unique(after.weight[tile])) <= 2**bits - 1


def test_16_bits_are_half_precision(song):
    for before, after in zip(song.weights, quantise(song, 16).weights, strict=True):
        np.testing.assert_array_equal(
            after.weight, before.weight.astype(np.float16).astype(np.float32)
        )


def test_zero_weights_stay_zero_when_quantised(song):
    assert not any(layer.weight.any() for layer in quantise(prune(song, 1.0), 8).weights)


def test_noise_has_its_strength(song):
    noisy = perturb(song, 0.1, np.random.default_rng(1))
    hidden = 1
    for tile in range(2):
        before, after = (function.weights[hidden].weight[tile] for function in (song, noisy))
        assert (after - before).std() == pytest.approx(0.1 * before.std(), rel=0.2)
    assert perturb(song, 0, np.random.default_rng(1)).digest == song.digest


def test_keys_still_open_and_are_told(song, key):
    for changed in (
        prune(song, 0.05),
        quantise(song, 8),
        perturb(song, 0.01, np.random.default_rng(1)),
    ):
        secret = unlock(changed, key)
        assert (secret.found, secret.intact, secret.height) == (True, False, 6)
        assert np.abs(sample(changed) - sample(song)).mean() < 0.2


@pytest.mark.parametrize(
    "call",
    [
        lambda song: prune(song, -0.1),
        lambda song: prune(song, 1.1),
        lambda song: prune(song, float("nan")),
        lambda song: quantise(song, 1),
        lambda song: quantise(song, 13),
        lambda song: perturb(song, -1, np.random.default_rng(1)),
        lambda song: perturb(song, float("nan"), np.random.default_rng(1)),
    ],
)
def test_what_cannot_be_is_refused(song, call):
    with pytest.raises(SettingError):
        call(song)


def test_an_unknown_key_is_no_better_off(song):
    assert not unlock(prune(song, 0.1), SecretKey(bytes(32)), force=True).found
