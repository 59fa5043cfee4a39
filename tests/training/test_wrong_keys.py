"""The function of a wrong key: what it draws, what it counts, and that no weight stands out."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import sirensong as ss
from sirensong.errors import SettingError
from sirensong.keys.secret import SecretKey
from sirensong.keys.stream import xavier_deviation
from sirensong.network.siren import Architecture, initial_weights
from sirensong.network.substitution import KEYED_GAIN, key_weights, keyed_matrices, keyed_positions
from sirensong.network.tiles import Grid
from sirensong.pictures.image import fill
from sirensong.pictures.photographs import photograph
from sirensong.training.parameters import Parameters
from sirensong.training.problem import Problem, Tile, target_of
from sirensong.training.recipe import Lock

ARCHITECTURE = Architecture(hidden_features=24, hidden_layers=6)
CPU, NONCE, S, TILES = torch.device("cpu"), bytes(32), 0.2, 40
KEYS = [SecretKey(bytes([number]) * 32) for number in (1, 2)]


LOCK = Lock()


@pytest.fixture(params=["compiled", "torch"], autouse=True)
def _engine(request):
    if request.param == "torch":
        request.getfixturevalue("uncompiled")


def problem(lock=LOCK, tiles=TILES):
    rng = np.random.default_rng(1)
    pictures = [rng.integers(0, 256, (4, 4, 3), np.uint8) for _ in range(3)]
    own = []
    for tile in range(tiles):
        substitutions = []
        for key in KEYS:
            (positions,) = keyed_positions(key, NONCE, ARCHITECTURE, S, [tile])
            (values,) = key_weights(key, NONCE, ARCHITECTURE, {tile: positions}, KEYED_GAIN)
            substitutions.append((positions, values))
        own.append(Tile([target_of(0, each, Grid(), CPU) for each in pictures], substitutions))
    return Problem(ARCHITECTURE, own, [0.5, 0.25, 0.25], lock)


def parameters(tiles=TILES):
    rngs = [np.random.default_rng(tile) for tile in range(tiles)]
    return Parameters.from_weights(initial_weights(ARCHITECTURE, rngs, 1.0), CPU)


def hidden_of(whole, shared):
    """The hidden matrices of each function: (L-1, T, F, H, H)."""
    hidden = whole.weights(shared).hidden
    return hidden.view(len(hidden), whole.tiles, -1, *hidden.shape[-2:]).clone()


def drawn(seed=0, progress=0.0):
    whole, shared = problem(), parameters()
    whole.wrong_keys.draw(progress, torch.Generator().manual_seed(seed))
    return whole, shared, hidden_of(whole, shared)


def test_a_wrong_keys_picture_is_the_cover():
    whole = problem(tiles=2)
    assert whole.functions == 8
    assert whole.targets[3] is whole.targets[0]
    assert whole.targets[7] is whole.targets[4]


def test_a_wrong_key_changes_the_matrices_that_keys_change_and_no_other():
    _, shared, hidden = drawn()
    changed = (hidden[:, :, -1] != shared.hidden).float().mean((1, 2, 3))
    assert [index + 1 for index in range(5) if changed[index] > 0] == list(
        keyed_matrices(ARCHITECTURE)
    )
    assert changed[:4].numpy() == pytest.approx(S, abs=0.01)


def shares_of(wrong, shared, own):
    """What a wrong key has of a key: shares of positions, of positions and values, of zeros."""
    key = own != shared
    replaced = wrong != shared
    same = key & (wrong == own)
    others = replaced & ~same
    zero = float((wrong[others] == 0).float().mean())
    total = key.sum()
    return float((replaced & key).sum() / total), float(same.sum() / total), zero


def test_wrong_keys_have_a_share_of_a_key_or_its_positions_or_nothing_of_it():
    found = []
    for seed in range(6):
        _, shared, hidden = drawn(seed)
        for tile in range(TILES):
            here = shared.hidden[:4, tile]
            keys = [hidden[:4, tile, function] for function in (1, 2)]
            found.append(max(shares_of(hidden[:4, tile, -1], here, own) for own in keys))
    known, right, zeros = np.array(found).T
    partly = right > 0
    assert partly.mean() == pytest.approx(0.75, abs=0.08)
    assert right[partly].min() == pytest.approx(0.25, abs=0.08)
    assert right[partly].max() == pytest.approx(0.65, abs=0.08)
    assert (known[partly] >= right[partly]).all()
    assert (known[~partly] == 1).mean() == pytest.approx(0.6, abs=0.15)
    assert known[~partly & (known < 1)].max() < 0.35
    assert set(zeros) == {0, 1}
    assert zeros.mean() == pytest.approx(0.2, abs=0.08)


def test_wrong_values_have_the_law_of_true_ones():
    _, shared, hidden = drawn()
    replaced = hidden[:4, :, -1] != shared.hidden[:4]
    values = hidden[:4, :, -1][replaced]
    values = values[values != 0]
    assert float(values.std()) == pytest.approx(KEYED_GAIN * xavier_deviation(24, 24), rel=0.02)
    assert float(values.mean()) == pytest.approx(0, abs=0.01)


def test_each_step_and_each_tile_has_another_wrong_key_and_one_seed_the_same():
    first, second, again = drawn(1)[2], drawn(2)[2], drawn(1)[2]
    assert torch.equal(first, again)
    assert not torch.equal(first[:, :, -1], second[:, :, -1])
    assert torch.equal(first[:, :, :-1], second[:, :, :-1])


def test_the_weight_falls_geometrically_and_the_others_share_the_rest():
    lock = Lock(weight=0.4, hold=0.2, end=0.1)
    whole = problem(lock, tiles=2)
    for progress, weight in ((0.0, 0.4), (0.2, 0.4), (0.6, 0.2), (1.0, 0.1)):
        whole.wrong_keys.draw(progress, torch.Generator().manual_seed(0))
        expected = [0.5 * (1 - weight), *[0.25 * (1 - weight)] * 2, weight] * 2
        assert whole.loss_weights.tolist() == pytest.approx(expected)


def test_levelled_weights_are_as_large_where_a_key_replaces_them_as_elsewhere():
    whole, shared = problem(tiles=3), parameters(3)
    own = hidden_of(whole, shared)[:, :, 1:3] != shared.hidden.unsqueeze(2)
    shared.hidden[:, own[1, :, 0]] *= 1.15
    before = shared.clone()
    for _ in range(20):
        whole.wrong_keys.level(shared.hidden[whole.keyed])
    for matrix in range(4):
        for tile in range(3):
            squares = shared.hidden[matrix, tile].square()
            for key in range(2):
                mask = own[matrix, tile, key]
                assert float(squares[mask].mean()) == pytest.approx(float(squares[~mask].mean()))
    assert torch.equal(shared.hidden[4], before.hidden[4])


def test_errors_are_the_pictures_own():
    whole = problem(tiles=2)
    assert len(whole.errors(parameters(2))) == 3


@pytest.mark.parametrize("values", [(0.0, 0.3, 0.1), (1.0, 0.3, 0.1), (0.4, 1.0, 0.1), (0.4, 0, 0)])
def test_a_lock_that_cannot_be_is_refused(values):
    with pytest.raises(SettingError, match="must be between 0 and 1, got"):
        Lock(*values)


@pytest.mark.slow
def test_wrong_keys_show_the_cover_and_the_right_one_its_picture():
    cover, secret = (fill(photograph(name), 64, 64) for name in ("astronaut", "coffee"))
    key = SecretKey(bytes(range(32)))
    found = {}
    for name, lock in (("locked", Lock()), ("open", None)):
        recipe = replace(ss.FAST, lock=lock).at("archive")
        stego = ss.hide(cover, {key: secret}, recipe=recipe, options=ss.Options(seed=1)).stego
        others = [SecretKey(bytes([number]) * 32) for number in range(8)]
        renders = [ss.reveal(stego, other, force=True) for other in others]
        mean = np.mean(renders, axis=0, dtype=np.float32)
        found[name] = ss.measure(cover, mean).psnr
        assert found[name] > ss.measure(secret, mean).psnr
        assert ss.measure(secret, ss.reveal(stego, key)).psnr > 40
    assert found["locked"] > found["open"] + 4
