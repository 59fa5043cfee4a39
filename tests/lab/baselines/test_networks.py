"""The trained schemes: their blocks, their sizes, one training loop, files of weights, pictures."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load, save
from torch import nn

from command import photograph
from sirensong.errors import (
    FileError,
    FormatError,
    SettingError,
    StoppedError,
    TrainingDivergedError,
)
from sirensong.keys.secret import SecretKey
from sirensong.lab.baselines.catalogue import NAMES, find_class, open_method
from sirensong.lab.baselines.method import decode_png
from sirensong.lab.baselines.networks import training
from sirensong.lab.baselines.networks.blocks import Stego
from sirensong.lab.baselines.networks.crops import Crops
from sirensong.lab.baselines.networks.invertible import (
    Coupling,
    InvertibleNetwork,
    haar,
    inverse_haar,
)
from sirensong.lab.baselines.networks.method import NetworkMethod
from sirensong.lab.baselines.networks.network import HidingNetwork, as_file, as_tensor
from sirensong.lab.baselines.networks.training import Budget, Progress, train
from sirensong.lab.baselines.networks.weights import read_facts, read_weights, write_weights

TRAINED = [name for name in NAMES if find_class(name).trained]
INVERTIBLE = ["isn", "hinet", "deepmih"]


def parameters(module):
    return sum(parameter.numel() for parameter in module.parameters())


def scrambled(network, scale=0.04, seed=0):
    """With weights that are nowhere zero, as after training."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    return network


def pictures(count, side=32, seed=0):
    rng = np.random.default_rng(seed)
    return [np.asarray(photograph(int(rng.integers(1000)), side, side)) for _ in range(count)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("photographs")
    for place in range(4):
        photograph(place, 260, 210).save(made / f"{place}.png")
    return made


@pytest.fixture(scope="module")
def crops(folder):
    return Crops([folder], 32)


# ----- blocks


def test_haar_bands_of_one_square_are_those_of_the_definition():
    a, b, c, d = 1.0, 2.0, 4.0, 8.0  # columns of HiNet's: a above b, c above d
    square = torch.tensor([[[[a, c], [b, d]]]])
    expected = [a + b + c + d, -a - b + c + d, -a + b - c + d, a - b - c + d]
    assert haar(square).flatten().tolist() == [value / 2 for value in expected]


@given(st.integers(0, 2**31), st.integers(1, 4), st.integers(1, 6), st.integers(1, 6))
def test_the_haar_transform_is_orthonormal_and_undone(seed, channels, rows, columns):
    generator = torch.Generator().manual_seed(seed)
    picture = torch.randn(2, channels, 2 * rows, 2 * columns, generator=generator)
    bands = haar(picture)
    assert bands.shape == (2, 4 * channels, rows, columns)
    torch.testing.assert_close(bands.square().sum(), picture.square().sum())
    torch.testing.assert_close(inverse_haar(bands), picture)


@pytest.mark.parametrize("affine", [False, True])
def test_couplings_invert(affine):
    network = scrambled(InvertibleNetwork(12, 24, blocks=4, growth=8, affine=affine))
    host, guest = torch.rand(2, 12, 16, 16), torch.rand(2, 24, 16, 16)
    made = network(host, guest)
    assert (made[0] - host).abs().mean() > 0.05
    back = network.inverse(*made)
    assert max((back[0] - host).abs().max(), (back[1] - guest).abs().max()) < 1e-4


def test_a_coupling_is_its_formula():
    coupling = scrambled(Coupling(3, 6, 4, affine=True))
    host, guest = torch.rand(1, 3, 8, 8), torch.rand(1, 6, 8, 8)
    scale = lambda x: torch.exp(2 * (2 * torch.sigmoid(x) - 1))  # noqa: E731
    new = host * scale(coupling.psi(guest)) + coupling.phi(guest)
    torch.testing.assert_close(coupling(host, guest)[0], new)
    expected = guest * scale(coupling.rho(new)) + coupling.eta(new)
    torch.testing.assert_close(coupling(host, guest)[1], expected)


@pytest.mark.parametrize("name", INVERTIBLE)
def test_before_training_the_stego_picture_of_an_invertible_network_is_the_cover(name):
    method = find_class(name)("small", 1)
    cover, secret = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(method.network.hide(cover, secret), cover)


def test_rounding_is_the_files_and_lets_gradients_pass():
    picture = torch.tensor([-0.2, 0.1001, 0.5, 0.9999, 1.3], requires_grad=True)
    rounded = as_file(picture)
    expected = np.rint(np.clip(picture.detach().numpy(), 0, 1) * 255) / 255
    np.testing.assert_allclose(rounded.detach().numpy(), expected, atol=1e-7)
    rounded.sum().backward()
    assert picture.grad.tolist() == [1.0] * 5


def test_a_stego_layer_adds_to_the_cover_only_if_it_is_told_to():
    features, cover = torch.rand(1, 8, 6, 6), torch.rand(1, 3, 6, 6)
    for from_cover in (True, False):
        layer = Stego(8, 3, from_cover=from_cover)
        expected = layer.layer(features) + from_cover * cover
        torch.testing.assert_close(layer(features, cover), expected)
        assert layer.layer.weight.abs().min() > 0


# ----- sizes: what the authors' networks have


@pytest.mark.parametrize(
    ("name", "secrets", "expected"),
    [("hinet", 1, 4_050_240), ("baluja", 1, 488_661), ("deepmih", 1, 5_400_320)],
)
def test_full_networks_have_as_many_parameters_as_the_published_ones(name, secrets, expected):
    assert parameters(find_class(name)("full", secrets).network) == expected


def test_the_second_network_of_deepmih_has_as_many_parameters_as_the_published_one():
    network = find_class("deepmih")("full", 2).network
    assert [parameters(part) for part in network.hiding] == [5_400_320, 6_368_384]


@pytest.mark.parametrize("name", TRAINED)
def test_what_a_receiver_holds_is_what_revealing_uses(name):
    """Parameters that the receiver is not said to hold must not matter to it."""
    method = find_class(name)("small", 1)
    network = scrambled(method.network)
    network.eval()
    stego = torch.rand(1, 3, 32, 32)
    held = {id(parameter) for parameter in network.decoder()}
    assert method.decoder_bytes == 2 * sum(p.numel() for p in network.decoder())
    with torch.no_grad():
        before = network.reveal(stego)
        for parameter in network.parameters():
            if id(parameter) not in held:
                parameter.zero_()
        torch.testing.assert_close(network.reveal(stego), before)
        for parameter in network.decoder():
            parameter.zero_()
        assert not torch.allclose(network.reveal(stego), before)


# ----- the loss, and training


class Recorder(HidingNetwork):
    """Hides by a factor, reveals by another: its loss can be worked out by hand."""

    def __init__(self):
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(0.8))

    def hide(self, cover, secrets):
        return cover * self.factor

    def reveal(self, stego):
        return torch.cat([stego * 0, stego * 0], 1)

    def decoder(self):
        return self.parameters()


def test_the_loss_adds_each_secrets_error():
    network = Recorder()
    cover, secrets = torch.full((1, 3, 4, 4), 0.5), torch.full((1, 6, 4, 4), 0.4)
    expected = (0.5 * 0.2) ** 2 + 2 * 0.75 * 0.4**2
    assert float(network.loss(cover, secrets).detach()) == pytest.approx(expected, rel=1e-5)


def test_secrets_may_weigh_more_in_the_first_half_of_a_training(crops, monkeypatch):
    class Hours:
        minutes = property(lambda self: next(self.times))

        def __init__(self, device, before):
            self.times = iter((0.0, 0.0, 1.9, 2.0, 3.9, 4.0, 4.0))

    monkeypatch.setattr(training, "_Clock", Hours)
    network, early = Recorder(), []

    def step(run, batch, rate):
        early.append(network.early)
        run.progress.steps += 1

    monkeypatch.setattr(training._Run, "step", step)
    train(network, crops, 1, Budget(4.0))
    assert early == [True, True, False, False]
    assert not network.early


def test_the_secret_that_is_worse_weighs_more_in_mis_dnn_and_both_do_at_first():
    network = find_class("misdnn")("small", 2).network
    secrets = torch.full((1, 6, 4, 4), 0.25)
    revealed = torch.cat([secrets[:, :3] + 0.1, secrets[:, 3:] - 0.3], 1).requires_grad_()
    error = network.secrets_error(revealed, secrets)
    assert float(error.detach()) == pytest.approx(2 * (0.1 * 0.01 + 0.9 * 0.09), rel=1e-5)
    (gradient,) = torch.autograd.grad(error, revealed)
    first, second = (float(part.sum()) for part in gradient.chunk(2, 1))
    assert first == pytest.approx(2 * 0.1 * 2 * 0.1, rel=1e-4)  # shares are no function of errors
    assert second == pytest.approx(-2 * 0.9 * 2 * 0.3, rel=1e-4)
    network.early = True
    early = network.secrets_error(revealed.detach(), secrets)
    assert float(early) == pytest.approx(4 * float(error.detach()), rel=1e-5)


def test_colours_that_no_file_can_hold_cost():
    cover = torch.full((1, 3, 4, 4), 0.5)
    assert float(Recorder().penalty(cover, cover + 0.7)) == pytest.approx(0.2**2, rel=1e-5)
    assert float(Recorder().penalty(cover, cover)) == 0


LONG = ("isn", "deepmih")  # as long as all others together, and of the blocks of HiNet


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * (name in LONG)) for name in TRAINED]
)
def test_twenty_steps_lower_the_loss(name, crops):
    torch.manual_seed(0)
    secrets = min(2, find_class(name).most)
    network = find_class(name)("small", secrets).network
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    cover, secret = training._batch(crops, secrets, Budget(1, batch=2), 0)
    batch = cover[..., :16, :16], secret[..., :16, :16]
    losses, reached = [], set()
    for _ in range(21):
        optimizer.zero_grad()
        loss = network.loss(*batch)
        losses.append(float(loss.detach()))
        loss.backward()
        optimizer.step()
        named = network.named_parameters()
        reached |= {name for name, value in named if value.grad.abs().sum() > 0}
    assert losses[-1] < 0.8 * losses[0]
    assert reached == {name for name, _ in network.named_parameters()}


class StopError(Exception):
    """Raised by a test in the middle of a training."""


def stop_after(steps):
    def tell(progress):
        if progress.steps == steps:
            raise StopError

    return tell


def test_a_stopped_run_goes_on_from_its_snapshot(crops, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_SNAPSHOT", 0.0)
    snapshot = tmp_path / "part"
    torch.manual_seed(0)
    network = find_class("hinet")("small", 1).network
    with pytest.raises(StopError):
        train(network, crops, 1, Budget(1), snapshot=snapshot, tell=stop_after(4))
    kept = load(snapshot.read_bytes())
    steps, minutes, _, scale = kept["progress"].tolist()
    assert (steps, scale) == (3, 1.0)  # the step in which it was stopped is not in it
    assert minutes > 0
    other = find_class("hinet")("small", 1).network
    seen = []

    def look(progress):
        seen.append(dataclasses.replace(progress))
        raise StopError

    monkeypatch.setattr(training._Run, "step", lambda self, batch, rate: seen.append(rate))
    with pytest.raises(StopError):
        train(other, crops, 1, Budget(1), snapshot=snapshot, tell=look)
    for name, value in other.state_dict().items():
        torch.testing.assert_close(value, kept[f"network.{name}"])
    rate, progress = seen
    assert progress.minutes >= minutes
    assert 0 < rate < 0.05  # the fourth of a hundred steps of warm-up


def test_a_run_that_is_told_to_stop_keeps_its_last_step(crops, tmp_path):
    snapshot, network = tmp_path / "part", find_class("hinet")("small", 1).network

    def tell(progress):
        if progress.steps == 2:
            raise StoppedError("enough")

    with pytest.raises(StoppedError):
        train(network, crops, 1, Budget(1), snapshot=snapshot, tell=tell)
    kept = load(snapshot.read_bytes())
    assert kept["progress"][0] == 2
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, kept[f"network.{name}"])


def test_a_run_that_is_stopped_among_spikes_keeps_what_was_before_them(tmp_path):
    network = torch.nn.Linear(1, 1)
    network.rate = 1e-3
    before = network.weight.detach().clone()
    optimizer = torch.optim.Adam(network.parameters())
    run = training._Run(network, optimizer, Progress(spikes=1), tmp_path / "part")
    torch.nn.init.ones_(network.weight)
    run.keep()
    assert torch.equal(load((tmp_path / "part").read_bytes())["network.weight"], before)
    run.progress.spikes = 0
    run.keep()
    assert load((tmp_path / "part").read_bytes())["network.weight"] == 1


def test_a_resumed_run_sees_the_crops_that_it_would_have_seen(crops):
    one = training._batch(crops, 2, Budget(1, batch=2, seed=5), 7)
    same = training._batch(crops, 2, Budget(9, batch=2, seed=5), 7)
    torch.testing.assert_close(one, same)
    assert one[0].shape == (2, 3, 32, 32)
    assert one[1].shape == (2, 6, 32, 32)
    for other in (Budget(1, batch=2, seed=6), Budget(1, batch=2, seed=5)):
        step = 7 if other.seed == 6 else 8
        assert not torch.equal(one[0], training._batch(crops, 2, other, step)[0])


@pytest.mark.parametrize("progress", [{}, {"progress": torch.full((4,), torch.nan)}])
def test_a_snapshot_of_another_training_is_refused(crops, tmp_path, progress):
    snapshot = tmp_path / "part"
    snapshot.write_bytes(save({"a": torch.zeros(1)} | progress))
    network = find_class("hinet")("small", 1).network
    with pytest.raises(FormatError, match="no snapshot of this training"):
        train(network, crops, 1, Budget(1), snapshot=snapshot)


def test_the_step_size_rises_and_falls():
    assert training._rate(Progress(steps=49), 0.0) == pytest.approx(0.5)
    assert training._rate(Progress(steps=500), 0.5) == pytest.approx(0.5)
    assert training._rate(Progress(steps=500, scale=0.25), 0.0) == pytest.approx(0.25)
    assert training._rate(Progress(steps=500), 1.2) == 0


def test_a_loss_that_explodes_changes_nothing_and_then_training_goes_back(crops):
    network = Recorder()
    run = training._Run(network, torch.optim.Adam(network.parameters()), Progress(), None)
    batch = (torch.full((1, 3, 4, 4), 0.5), torch.full((1, 6, 4, 4), 0.4))
    run.step(batch, 1.0)
    run.keep()
    good = float(network.factor.detach())
    with torch.no_grad():
        network.factor.fill_(float("nan"))
    for _ in range(training._PATIENCE - 1):
        run.step(batch, 1.0)
    assert np.isnan(float(network.factor.detach()))
    run.step(batch, 1.0)
    assert float(network.factor.detach()) == good
    assert run.progress.scale == 0.5
    run.progress.scale = 1e-3
    with torch.no_grad():
        network.factor.fill_(float("inf"))
    for _ in range(training._PATIENCE - 1):
        run.step(batch, 1.0)
    with pytest.raises(TrainingDivergedError):
        run.step(batch, 1.0)


# ----- crops


def test_crops_come_from_the_photographs_at_two_sizes(folder, crops):
    drawn = crops.draw(50, np.random.default_rng(0))
    assert drawn.shape == (50, 3, 32, 32)
    assert 0 <= drawn.min() < drawn.max() <= 1
    assert len(crops._levels) == 4  # half of 260 x 210 is too small
    assert crops.names == ["0.png", "1.png", "2.png", "3.png"]
    assert crops.digest == Crops([folder], 64).digest


def test_a_large_photograph_is_halved_first(tmp_path):
    photograph(0, 1200, 900).save(tmp_path / "large.png")
    levels = Crops([tmp_path])._levels
    assert [level.shape for level in levels] == [(450, 600, 3), (225, 300, 3)]


def test_a_crop_is_a_part_of_the_picture(tmp_path):
    grid = np.zeros((300, 300, 3), np.uint8)
    grid[..., 0], grid[..., 1] = np.arange(300) // 2, (np.arange(300) // 2)[:, None]
    from PIL import Image

    Image.fromarray(grid).save(tmp_path / "grid.png")
    (crop,) = Crops([tmp_path], 32).draw(1, np.random.default_rng(3)) * 255
    spread = [crop[channel].max() - crop[channel].min() for channel in (0, 1)]
    assert spread == pytest.approx([15, 15], abs=1.1)  # 32 pixels, two of each value


@pytest.mark.parametrize("make", [lambda path: path / "none", lambda path: path])
def test_folders_without_pictures_are_refused(tmp_path, make):
    (tmp_path / "text.txt").write_text("no picture")
    with pytest.raises(FileError, match=r"no folder|no pictures"):
        Crops([make(tmp_path)])


def test_photographs_that_are_too_small_are_refused(tmp_path):
    photograph(0, 100, 100).save(tmp_path / "small.png")
    with pytest.raises(SettingError, match="64 pixels"):
        Crops([tmp_path])


# ----- files of weights


@pytest.fixture(scope="module")
def trained(crops, tmp_path_factory):
    """Weights of a few steps: nothing is hidden well, but all is as after an hour."""
    path = tmp_path_factory.mktemp("weights") / "isn.safetensors"
    method = open_method("isn", "small", 2)
    with torch.random.fork_rng():
        method.train(crops, Budget(1e-3, batch=1, seed=3), path, overwrite=False, tell=None)
    return path


def test_weights_are_read_as_they_were_trained(trained):
    facts = read_facts(trained)
    assert (facts["method"], facts["variant"], facts["secrets"]) == ("isn", "small", "2")
    assert (facts["seed"], facts["batch"]) == ("3", "1")
    assert int(facts["steps"]) >= 1
    method = open_method("isn", weights=trained)
    assert (method.variant, method.secrets) == ("small", 2)
    for name, value in load(trained.read_bytes()).items():
        assert value.dtype == torch.float16
        torch.testing.assert_close(method.network.state_dict()[name], value.float())


def test_batch_normalisation_travels_with_the_weights(tmp_path):
    network = find_class("hidden")("small", 1).network
    network.train()
    network.loss(torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16))
    write_weights(tmp_path / "w", network, {"method": "hidden"})
    other = find_class("hidden")("small", 1).network
    read_weights(tmp_path / "w", other, {"method": "hidden"})
    means = network.look[1].running_mean
    assert means.abs().sum() > 0
    torch.testing.assert_close(other.look[1].running_mean, means.half().float())


def test_weights_of_another_network_are_refused(trained):
    with pytest.raises(FormatError, match="another method: expected hinet, got isn"):
        open_method("hinet", "small", 1, trained)
    with pytest.raises(FormatError, match="another number of secrets: expected 3, got 2"):
        open_method("isn", "small", 3, trained)
    with pytest.raises(FormatError, match="another variant"):
        open_method("isn", "full", 2, trained)


@pytest.mark.parametrize("told", ["", "two", "6", "-1", "1" * 5000])
def test_a_number_of_secrets_that_cannot_be_is_refused(trained, tmp_path, told):
    facts = read_facts(trained) | {"secrets": told}
    (tmp_path / "other").write_bytes(save(load(trained.read_bytes()), facts))
    with pytest.raises(FormatError, match="another number of secrets: expected 2, got "):
        open_method("isn", weights=tmp_path / "other")


def damage_truncated(tensors, facts):
    return save(tensors, facts)[:-10]


def damage_renamed(tensors, facts):
    tensors["other"] = tensors.pop(next(iter(tensors)))
    return save(tensors, facts)


def damage_infinite(tensors, facts):
    next(iter(tensors.values())).view(-1)[0] = float("inf")
    return save(tensors, facts)


def damage_nameless(tensors, facts):
    return save(tensors)


@pytest.mark.parametrize(
    "damage", [damage_truncated, damage_renamed, damage_infinite, damage_nameless]
)
def test_damaged_weights_are_one_line_of_error(trained, tmp_path, damage):
    data = damage(load(trained.read_bytes()), read_facts(trained))
    (tmp_path / "damaged").write_bytes(data)
    with pytest.raises(FormatError) as caught:
        open_method("isn", "small", 2, tmp_path / "damaged")
    assert "\n" not in caught.value.message


# ----- pictures


def test_what_is_read_from_the_file_is_what_the_network_made(trained):
    method = open_method("isn", weights=trained)
    cover, *secrets = pictures(3)
    file = method.hide(cover, secrets)
    stego = decode_png(file)
    with torch.no_grad():
        made = method.network.hide(as_tensor([cover]), as_tensor(secrets))[0]
        revealed = method.network.reveal(as_tensor([stego]))[0]
    expected = np.rint(np.clip(made.permute(1, 2, 0).numpy(), 0, 1) * 255)
    np.testing.assert_array_equal(method.view(file), expected)
    for index in range(2):
        part = revealed[3 * index : 3 * index + 3].permute(1, 2, 0).numpy()
        expected = np.rint(np.clip(part, 0, 1) * 255)
        np.testing.assert_array_equal(method.reveal(file, index), expected)


@pytest.mark.parametrize("name", TRAINED)
def test_an_untrained_method_says_what_it_needs(name):
    method = open_method(name, "small", 1)
    side = 32 * (1 + method.multiple // 32)
    cover, secret = pictures(2, side)
    with pytest.raises(SettingError, match="needs trained weights"):
        method.hide(cover, [secret])


def test_pictures_that_do_not_suit_are_refused(trained):
    method = open_method("isn", weights=trained)
    cover, one, two = pictures(3)
    with pytest.raises(SettingError, match="hides 2 pictures here, got 1"):
        method.hide(cover, [one])
    with pytest.raises(SettingError, match="secret 2 is 30x32, expected the cover's size, 32x32"):
        method.hide(cover, [one, two[:, :30]])
    with pytest.raises(SettingError, match="multiples of 2, got 31x32"):
        method.hide(cover[:, :31], [one[:, :31], two[:, :31]])
    with pytest.raises(SettingError, match="at least 8 pixels"):
        method.hide(cover[:4, :4], [one[:4, :4], two[:4, :4]])
    with pytest.raises(SettingError, match="takes no keys, got 1"):
        method.hide(cover, [one, two], [SecretKey(bytes(32))])
    file = method.hide(cover, [one, two])
    with pytest.raises(SettingError, match="secrets are 1 to 2, got 3"):
        method.reveal(file, 2)
    with pytest.raises(FormatError):
        method.view(b"no picture")


def test_methods_variants_and_numbers_that_there_are_not():
    with pytest.raises(SettingError, match=r"methods are .*isn.*, got 'none'"):
        find_class("none")
    with pytest.raises(SettingError, match="variants of isn are small, full, got 'tiny'"):
        open_method("isn", "tiny")
    with pytest.raises(SettingError, match="isn small hides 1 to 5 pictures, got 6"):
        open_method("isn", "small", 6)


def test_every_method_is_told_apart():
    kinds = [find_class(name) for name in NAMES]
    assert [kind.name for kind in kinds] == list(NAMES)
    assert len({kind.title for kind in kinds}) == len(NAMES)
    assert all(issubclass(find_class(name), NetworkMethod) for name in TRAINED)
