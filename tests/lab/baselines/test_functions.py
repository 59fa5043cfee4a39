import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sirensong.errors import FormatError, NoPictureError, SettingError, TrainingDivergedError
from sirensong.keys.secret import SecretKey
from sirensong.lab.baselines.functions.file import read_function, write_function
from sirensong.lab.baselines.functions.function import colours_of, coordinates, render, shapes_of
from sirensong.lab.baselines.functions.parts import Part
from sirensong.lab.baselines.functions.training import Training, train
from sirensong.lab.baselines.functions.wrapping import unwrap, wrap
from sirensong.lab.baselines.inrsteg.function import Siren

WIDTHS = (2, 8, 8, 3)
SIREN = Siren()
IDENTITY = {"method": "inrsteg", "secrets": "2"}
NONCE = bytes(32)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def picture(rng):
    return rng.integers(0, 256, (6, 5, 3), np.uint8)


def everywhere(parameters):
    return [torch.ones_like(parameter, dtype=torch.bool) for parameter in parameters]


def error(function, parameters, picture):
    shown = function.evaluate(parameters, coordinates(picture.shape[:2]))
    return float((shown - colours_of(picture)).square().mean())


class Constant(Siren):
    """Colours that are the last biases: exact values, and gradients that are known."""

    def evaluate(self, parameters, coords):
        return parameters[-1].expand(len(coords), 3)


def test_a_siren_is_what_its_formula_says(rng):
    first, shift, last, bias = parameters = SIREN.begin((2, 4, 3), rng)
    x = np.array([0.25, -0.5])
    expected = last.numpy() @ np.sin(30 * (first.numpy() @ x + shift.numpy())) + bias.numpy()
    shown = SIREN.evaluate(parameters, torch.tensor([[0.25, -0.5]]))
    np.testing.assert_allclose(shown.numpy()[0], expected, rtol=1e-4)


def test_a_siren_starts_within_its_bounds(rng):
    first, first_bias, hidden, hidden_bias, *_ = SIREN.begin((2, 200, 200, 3), rng)
    for values, bound in (
        (first, 1 / 2),
        (first_bias, 2**-0.5),
        (hidden, (6 / 200) ** 0.5 / 30),
        (hidden_bias, 200**-0.5),
    ):
        assert 0.9 * bound < float(values.abs().max()) <= bound


def test_colours_become_pixels_in_their_places():
    class Gradient(Siren):
        def evaluate(self, parameters, coords):
            return torch.stack([coords[:, 0], coords[:, 1], torch.full((len(coords),), 7.0)], 1)

    shown = render(Gradient(), [], (2, 4))
    np.testing.assert_array_equal(shown[0, :, 0], [32, 96, 159, 223])  # (2 i + 1) / 4 - 1
    np.testing.assert_array_equal(shown[:, 0, 1], [64, 191])
    assert (shown[..., 2] == 255).all()


def test_a_picture_is_what_a_function_of_its_colours_shows(picture):
    class Exact(Siren):
        def evaluate(self, parameters, coords):
            return colours_of(picture)

    np.testing.assert_array_equal(render(Exact(), [], (6, 5)), picture)


def test_twenty_steps_lower_the_error(rng, picture):
    start = SIREN.begin(WIDTHS, rng)
    before = [parameter.clone() for parameter in start]
    trained = train(SIREN, start, everywhere(start), picture, Training(20, 1e-3), rng)
    assert error(SIREN, trained, picture) < 0.9 * error(SIREN, start, picture)
    assert all(map(torch.equal, start, before))


@pytest.mark.parametrize("betas", [(0.9, 0.999), None])
def test_what_is_frozen_keeps_every_bit_and_the_rest_moves(rng, picture, betas):
    start = SIREN.begin(WIDTHS, rng)
    free = [torch.from_numpy(rng.random(parameter.shape) < 0.5) for parameter in start]
    training = Training(20, 1e-4, share=7 / 30, betas=betas)
    trained = train(SIREN, start, free, picture, training, rng)
    for before, after, mask in zip(start, trained, free, strict=True):
        assert torch.equal(before[~mask], after[~mask])
        assert (before[mask] != after[mask]).all()


def test_gradients_that_are_never_zeroed_are_a_heavy_ball(rng):
    picture, rate = np.full((2, 2, 3), 255, np.uint8), 0.125
    start = [torch.zeros(3)]
    trained = train(
        Constant(), start, everywhere(start), picture, Training(3, rate, betas=None), rng
    )
    bias, total = 0.0, 0.0
    for _ in range(3):
        total += 2 / 3 * (bias - 1)  # of the mean squared error over three colours
        bias -= rate * total
    np.testing.assert_allclose(trained[0].numpy(), bias, rtol=1e-6)


def test_a_rate_falls_along_a_cosine_only_where_asked():
    falling = Training(4, 0.5, falls=True)
    np.testing.assert_allclose(
        [falling.rate_at(step) for step in range(4)], [0.5, 0.4267767, 0.25, 0.0732233], rtol=1e-6
    )
    assert Training(4, 0.5).rate_at(3) == 0.5


def test_the_rate_of_each_step_is_taken(rng, picture):
    start = [torch.zeros(3)]
    still = train(Constant(), start, everywhere(start), picture, Training(9, 0.0), rng)
    falling = train(
        Constant(), start, everywhere(start), picture, Training(9, 1e-3, falls=True), rng
    )
    steady = train(Constant(), start, everywhere(start), picture, Training(9, 1e-3), rng)
    assert torch.equal(still[0], start[0])
    assert (falling[0].abs() < 0.8 * steady[0].abs()).all()


def test_each_pixel_is_seen_once_before_any_comes_again(rng, picture):
    seen = []

    class Watching(Constant):
        def evaluate(self, parameters, coords):
            seen.append(coords)
            return super().evaluate(parameters, coords)

    start = [torch.zeros(3)]
    train(Watching(), start, everywhere(start), picture, Training(6, 1e-3, share=1 / 3), rng)
    for epoch in (seen[:3], seen[3:]):
        assert len(torch.unique(torch.cat(epoch), dim=0)) == 30


def test_parameters_that_are_no_numbers_any_more_are_an_error(rng, picture):
    start = [torch.full((3,), torch.inf)]
    with pytest.raises(TrainingDivergedError, match="no longer finite"):
        train(Constant(), start, everywhere(start), picture, Training(1, 1e-3), rng)


neurons = st.tuples(*[st.sets(st.integers(0, 7), min_size=1)] * 2)


@given(neurons, st.booleans())
def test_what_was_inserted_is_cut_out_again_and_is_all_that_is_frozen(chosen, output_bias):
    rng = np.random.default_rng(1)
    part = Part(tuple(np.array(sorted(some)) for some in chosen), output_bias)
    small = part.own(SIREN.begin((2, *part.widths, 3), rng))
    whole = SIREN.begin(WIDTHS, rng)
    before = [parameter.clone() for parameter in whole]
    free = everywhere(whole)
    part.insert(small, whole)
    part.freeze(free)
    cut = part.cut(whole)
    assert all(map(torch.equal, cut, small))
    for old, new, mask in zip(before, whole, free, strict=True):
        assert torch.equal(old[mask], new[mask])
        assert (old[~mask] != new[~mask]).all()
    frozen = sum(int((~mask).sum()) for mask in free)
    assert frozen == sum(parameter.numel() for parameter in small) - (0 if output_bias else 3)


def test_a_part_alone_in_its_whole_is_all_that_the_whole_shows(rng):
    part = Part((np.array([1, 4, 6]), np.array([0, 7])))
    small = part.own(SIREN.begin((2, 3, 2, 3), rng))
    whole = [torch.zeros(shape) for shape in shapes_of(WIDTHS)]
    part.insert(small, whole)
    coords = coordinates((4, 4))
    torch.testing.assert_close(SIREN.evaluate(whole, coords), SIREN.evaluate(small, coords))


def test_two_parts_at_other_neurons_leave_each_other_alone(rng):
    parts = Part((np.array([1, 2]), np.array([3, 4]))), Part((np.array([0, 3]), np.array([6, 5])))
    smalls = [part.own(SIREN.begin((2, 2, 2, 3), rng)) for part in parts]
    whole = SIREN.begin(WIDTHS, rng)
    for part, small in zip(parts, smalls, strict=True):
        part.insert(small, whole)
    for part, small in zip(parts, smalls, strict=True):
        assert all(map(torch.equal, part.cut(whole), small))


def test_biases_of_colours_are_trained_only_by_their_owner(rng):
    small = SIREN.begin((2, 1, 1, 3), rng)
    neurons = (np.array([0]), np.array([0]))
    shared, own = Part(neurons), Part(neurons, output_bias=True)
    assert not shared.trained(small)[-1].any()
    assert not shared.own(small)[-1].any()
    assert own.trained(small)[-1].all()
    assert torch.equal(own.own(small)[-1], small[-1])
    for part in (shared, own):
        assert all(mask.all() for mask in part.trained(small)[:-1])


@given(st.permutations(range(8)), st.permutations(range(8)))
def test_the_order_of_neurons_does_not_matter(first, second):
    rng = np.random.default_rng(2)
    whole = SIREN.begin(WIDTHS, rng)
    one, two = torch.tensor(first), torch.tensor(second)
    shuffled = [
        whole[0][one],
        whole[1][one],
        whole[2][two][:, one],
        whole[3][two],
        whole[4][:, two],
        whole[5],
    ]
    coords = coordinates((3, 3))
    torch.testing.assert_close(
        SIREN.evaluate(shuffled, coords), SIREN.evaluate(whole, coords), atol=1e-4, rtol=1e-4
    )


def test_a_wrapped_key_opens_for_its_recipients_only():
    keys = [SecretKey(bytes([number]) * 32) for number in range(3)]
    shared = bytes(range(32))
    wrapped = wrap(shared, keys[:2], NONCE, "use")
    assert {len(row) for row in wrapped} == {40}
    assert [unwrap(wrapped, key, NONCE, "use") for key in keys[:2]] == [shared] * 2
    for key, nonce, use in (
        (keys[2], NONCE, "use"),
        (keys[0], bytes([1]) * 32, "use"),
        (keys[0], NONCE, "another use"),
    ):
        with pytest.raises(NoPictureError):
            unwrap(wrapped, key, nonce, use)


def tensors():
    return {"weight": torch.arange(6.0).view(2, 3), "nonce": torch.arange(4, dtype=torch.uint8)}


def test_a_file_gives_back_what_was_written():
    found = read_function(write_function(tensors(), (6, 5), IDENTITY), tensors(), IDENTITY)
    assert found.size == (6, 5)
    assert all(torch.equal(found.tensors[name], value) for name, value in tensors().items())


def with_facts(**facts):
    from safetensors.torch import save

    facts = {"method": "inrsteg", "secrets": "2", "height": "6", "width": "5"} | facts
    return save(tensors(), {"function": " ".join(f"{name}={facts[name]}" for name in facts)})


@pytest.mark.parametrize(
    ("file", "message"),
    [
        (b"", "no file of a function"),
        (b"PK\x03\x04", "no file of a function"),
        (bytes(8), "no file of a function"),
        (b"\xff" * 64, "no file of a function"),
        (write_function(tensors(), (6, 5), IDENTITY)[:-1], "no file of a function"),
        (write_function(tensors(), (6, 5), IDENTITY) + b"\0", "no file of a function"),
        (with_facts(method="stegainr"), "another method: expected inrsteg, got stegainr"),
        (with_facts(method="a=b"), "no file of a function"),
        (with_facts(method="a b"), "no file of a function"),
        (with_facts(secrets="3"), "another secrets: expected 2, got 3"),
        (with_facts(height="-6"), "does not say the size"),
        (with_facts(height="٦"), "does not say the size"),
        (with_facts(height="9" * 5000), "does not say the size"),
        (with_facts(height="0"), "at most 4194304 pixels, got 5x0"),
        (with_facts(height="999999"), "at most 4194304 pixels, got 5x999999"),
        (write_function(tensors() | {"x": torch.zeros(1)}, (6, 5), IDENTITY), "not those of"),
        (write_function(tensors() | {"weight": torch.zeros(3, 2)}, (6, 5), IDENTITY), "not those"),
        (
            write_function(tensors() | {"weight": torch.zeros(2, 3).double()}, (6, 5), IDENTITY),
            "not those of",
        ),
        (
            write_function(tensors() | {"weight": torch.full((2, 3), torch.nan)}, (6, 5), IDENTITY),
            "not finite",
        ),
    ],
)
def test_a_hostile_file_is_one_line_of_error(file, message):
    with pytest.raises(FormatError, match=message) as caught:
        read_function(file, tensors(), IDENTITY)
    assert "\n" not in caught.value.message


def test_a_foreign_safetensors_file_is_refused():
    from safetensors.torch import save

    for facts in (None, {"format": "pt"}):
        with pytest.raises(FormatError, match="no file of a function"):
            read_function(save(tensors(), facts), tensors(), IDENTITY)


def test_a_file_that_does_not_say_its_method_is_refused():
    with pytest.raises(FormatError, match="another method: expected inrsteg, got None"):
        read_function(write_function(tensors(), (6, 5), {}), tensors(), IDENTITY)


def test_a_picture_that_no_file_can_hold_is_refused_before_training():
    from sirensong.lab.baselines.inrsteg.method import InrSteg

    large = np.zeros((2049, 2048, 3), np.uint8)
    with pytest.raises(SettingError, match="at most 4194304 pixels, got 2048x2049"):
        InrSteg(secrets=1).hide(large, [large], [SecretKey(bytes(32))])
