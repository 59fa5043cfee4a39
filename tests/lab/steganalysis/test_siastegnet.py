"""SiaStegNet: size, kernels and loss against numbers by hand; training finds plain changes."""

import math

import numpy as np
import pytest
import torch

from sirensong.errors import SettingError
from sirensong.lab.steganalysis import siastegnet
from sirensong.lab.steganalysis.siastegnet import (
    KeNet,
    TrainingSettings,
    accuracy,
    loss,
    srm_kernels,
    train,
)

SHORT = TrainingSettings(3, pairs=2)


def smooth(count, height=12, width=14):
    """Gradients of grey in all directions, without noise."""
    rng = np.random.default_rng(3)
    y, x = np.mgrid[:height, :width]
    return np.stack(
        [np.rint(120 + a * x + b * y) for a, b in rng.uniform(-4, 4, (count, 2))]
    ).astype(np.uint8)


def noisy(greys):
    return (greys + np.random.default_rng(4).integers(-25, 26, greys.shape)).astype(np.uint8)


def weights(network):
    return torch.cat([value.flatten().double() for value in network.state_dict().values()]).numpy()


def test_as_many_parameters_as_the_authors():
    assert sum(parameter.numel() for parameter in KeNet().parameters()) == 706_828


def at(kernel, down, right):
    return kernel[2 + down, 2 + right]


def test_no_kernel_sees_a_flat_picture_and_none_is_there_twice():
    kernels = srm_kernels()
    assert kernels.shape == (30, 5, 5)
    assert not kernels.sum((1, 2)).any()
    assert len({kernel.tobytes() for kernel in kernels}) == 30
    assert [-kernel[2, 2] for kernel in kernels] == [1] * 8 + [2] * 4 + [3] * 8 + [4] * 5 + [12] * 5


def test_kernels_are_in_the_authors_order():
    kernels = srm_kernels()
    compass = [
        (-1, 0),
        (-1, 1),
        (0, 1),
        (1, 1),
        (1, 0),
        (1, -1),
        (0, -1),
        (-1, -1),
    ]  # N, NE, E, SE, S, SW, W, NW
    for first, third, (down, right) in zip(kernels[:8], kernels[12:20], compass, strict=True):
        assert (at(first, down, right), np.abs(first).sum()) == (1, 2)
        values = [at(third, step * down, step * right) for step in (2, 1, 0, -1)]
        assert (values, np.abs(third).sum()) == ([-1, 3, -3, 1], 8)
    for second, (down, right) in zip(
        kernels[8:12], [(-1, 0), (-1, 1), (0, -1), (-1, -1)], strict=True
    ):
        assert (at(second, down, right), at(second, -down, -right), np.abs(second).sum()) == (
            1,
            1,
            4,
        )
    for square, edges in ((kernels[20], kernels[21:25]), (kernels[25], kernels[26:30])):
        assert np.array_equal(square, square.T)
        assert np.array_equal(square, square[::-1])
        upper, right, lower, left = edges
        assert np.array_equal(upper[:3], square[:3])
        assert not upper[3:].any()
        assert np.array_equal(lower, upper[::-1])
        assert np.array_equal(left, upper.T)
        assert np.array_equal(right, left[:, ::-1])
    np.testing.assert_array_equal(kernels[20][1:4, 1:4], [[-1, 2, -1], [2, -4, 2], [-1, 2, -1]])
    np.testing.assert_array_equal(kernels[25][:2], [[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2]])


def test_a_network_starts_at_its_residuals_and_with_idle_blocks():
    torch.manual_seed(1)
    network = KeNet()
    picture = torch.randint(0, 256, (1, 1, 9, 9)).float()
    kernel = torch.from_numpy(srm_kernels())
    slow = [
        (picture[0, 0, row : row + 5, column : column + 5] * kernel).sum((1, 2))
        for row in range(5)
        for column in range(5)
    ]
    torch.testing.assert_close(
        network.residuals(picture)[0].flatten(1), torch.stack(slow, 1), rtol=1e-5, atol=1e-2
    )
    maps = torch.rand(2, 30, 6, 5)
    torch.testing.assert_close(network.tower[2](maps), maps)
    widest = network.tower[-1].second.weight
    assert float(widest.detach().std()) == pytest.approx(math.sqrt(2 / (128 * 9)), rel=0.02)
    assert float(network.last.weight.detach().std()) == pytest.approx(0.01, rel=0.1)


def test_halves_are_compared():
    """Alike, they are a hundred-thousandth apart: 1e-6 in each of 128 features.

    An odd last column is seen by neither.
    """
    network = KeNet().eval()
    half = torch.randint(0, 256, (3, 1, 11, 6)).float()
    logits, left, right = network(torch.cat([half, half, torch.zeros(3, 1, 11, 1)], 3))
    assert torch.equal(left, right)
    fused = torch.cat(
        [torch.full((3, 1), 1e-6 * math.sqrt(128)), left, torch.zeros(3, 128), left, left], 1
    )
    torch.testing.assert_close(logits, network.last(fused))
    _, other_left, other_right = network(torch.cat([half, half.flip(2)], 3))
    torch.testing.assert_close(other_left, left)
    assert not torch.allclose(other_right, right)


def test_fused_features_are_mean_variance_least_and_largest():
    network = KeNet().eval()
    pictures = torch.randint(0, 256, (2, 1, 11, 12)).float()
    logits, left, right = network(pictures)
    distance = ((left - right + 1e-6) ** 2).sum(1, keepdim=True).sqrt()
    mean, variance = (left + right) / 2, (left - right) ** 2 / 2
    fused = torch.cat(
        [distance, mean, variance, torch.minimum(left, right), torch.maximum(left, right)], 1
    )
    torch.testing.assert_close(logits, network.last(fused), rtol=1e-4, atol=1e-5)


def test_the_loss_by_hand():
    logits = torch.tensor([[0.0, 0.0], [math.log(3), 0.0], [0.0, 0.0]])
    left, right = torch.zeros(3, 2), torch.tensor([[3.0, 4.0], [0.6, 0.0], [5.0, 0.0]])
    labels = torch.tensor([0, 1, 1])
    entropy = (
        math.log(2) + math.log(4) + math.log(2)
    ) / 3  # shares of the right label: 1/2, 1/4, 1/2
    contrast = (5**2 + 0.4**2 + 0) / 3  # a cover's halves 5 apart, a stego's 0.6 and 5
    assert float(loss(logits, left, right, labels)) == pytest.approx(
        entropy + 0.1 * contrast, abs=1e-5
    )


def test_training_finds_plain_noise_in_pictures_it_has_not_seen():
    greys = smooth(24)
    network = train(greys[:16], noisy(greys)[:16], TrainingSettings(24, pairs=8))
    assert accuracy(network, greys[16:], noisy(greys)[16:]) > 0.9
    assert accuracy(network, noisy(greys)[16:], greys[16:]) < 0.1
    assert accuracy(network, greys[16:], greys[16:]) == 0.5


def test_training_repeats_by_its_seed_and_leaves_the_global_generator():
    greys = smooth(4)
    torch.manual_seed(7)
    state = torch.get_rng_state()
    first, again, other = (
        weights(train(greys, noisy(greys), SHORT, seed=seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def batches(settings, height=12, width=14, count=5):
    """Batches of pictures whose samples say which picture they are of, and where in it."""
    places = np.arange(height * width).reshape(height, width) % 40
    covers = np.stack([places + 40 * index for index in range(count)]).astype(np.uint8)
    found = siastegnet._batches(covers, covers + 1, settings, np.random.default_rng(0))
    return covers, [next(found).numpy()[:, 0] for _ in range(20)]


def test_pairs_are_turned_and_cut_alike_and_all_are_seen():
    covers, found = batches(TrainingSettings(1, pairs=5, crop=10))
    for batch in found:
        np.testing.assert_array_equal(batch[5:], batch[:5] + 1)
        assert sorted({int(part.mean()) // 40 for part in batch[:5]}) == [0, 1, 2, 3, 4]
    views = {np.rot90(cut, turns)[:, ::step].astype(np.float32).tobytes()
             for top in range(3) for left in range(5) for turns in range(4) for step in (1, -1)
             for cut in [covers[0, top : top + 10, left : left + 10]]}  # fmt: skip
    seen = {part.tobytes() for batch in found for part in batch[:5] if part.mean() < 40}
    assert seen <= views
    assert len(seen) > 5


def test_without_pairs_covers_and_stegos_are_drawn_apart():
    _, found = batches(TrainingSettings(1, pairs=3, paired=False))
    assert any((batch[3:] != batch[:3] + 1).any() for batch in found)
    assert found[0].shape == (6, 12, 14)


@pytest.mark.parametrize(
    ("size", "crop", "told"),
    [
        ((12, 9), None, "9x12 pixels are too small for SiaStegNet: expected at least 10x5"),
        ((4, 20), None, "20x4 pixels are too small"),
        ((20, 20), 9, "9x9 pixels are too small"),
        ((20, 12), 13, "parts of 13x13 pixels are larger than pictures of 12x20"),
    ],
)
def test_what_is_too_small_is_refused(size, crop, told):
    greys = smooth(2, *size)
    with pytest.raises(SettingError, match=told):
        train(greys, greys, TrainingSettings(1, crop=crop))


def test_the_smallest_picture_is_taken():
    greys = smooth(2, 5, 10)
    assert 0 <= accuracy(train(greys, greys, SHORT), greys, greys) <= 1


@pytest.mark.parametrize(("covers", "stegos"), [(2, 3), (0, 0)])
def test_pictures_come_in_pairs(covers, stegos):
    with pytest.raises(SettingError, match="as many covers as stegos"):
        accuracy(KeNet(), smooth(2)[:covers], smooth(3)[:stegos])


@pytest.mark.parametrize("given", [{"steps": 0}, {"steps": 1, "pairs": 0}])
def test_settings_of_nothing_is_refused(given):
    with pytest.raises(SettingError, match="at least 1"):
        TrainingSettings(**given)
