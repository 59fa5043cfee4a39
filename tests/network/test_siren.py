"""The function: its shape, its initial weights, its values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirensong.errors import SettingError
from sirensong.network.siren import Architecture, evaluate, initial_weights


class TestArchitecture:
    def test_the_paper_s_network(self):
        architecture = Architecture(hidden_features=128, hidden_layers=8)
        assert architecture.shapes == ((128, 2), *[(128, 128)] * 7, (3, 128))
        assert architecture.matrix_entries == 115_328
        assert architecture.parameters == 116_355

    @given(features=st.integers(1, 1024), layers=st.integers(2, 64))
    def test_parameters_are_counted_from_the_shapes(self, features, layers):
        architecture = Architecture(features, layers)
        assert len(architecture.shapes) == layers + 1
        assert architecture.parameters == 3 * features + (layers - 1) * features * (
            features + 1
        ) + 3 * (features + 1)
        assert (
            architecture.matrix_entries == 2 * features + (layers - 1) * features**2 + 3 * features
        )

    @pytest.mark.parametrize(
        "sizes",
        [
            {"hidden_features": 0},
            {"hidden_features": -1},
            {"hidden_features": 1025},
            {"hidden_layers": 1},
            {"hidden_layers": 65},
        ]
        + [{"omega": omega} for omega in (0, -1.0, 10_000.1, math.nan, math.inf, -math.inf)],
    )
    def test_sizes_out_of_range_are_refused(self, sizes):
        ((name, value),) = sizes.items()
        with pytest.raises(
            SettingError, match=f"{name.replace('_', ' ')} must be .*, got {value:g}"
        ):
            Architecture(**sizes)

    @pytest.mark.parametrize("sizes", [(1, 2, 1e-9), (1024, 64, 10_000), (1, 64, 1), (1024, 2, 30)])
    def test_sizes_at_the_ends_of_the_ranges_are_taken(self, sizes):
        architecture = Architecture(*sizes)
        assert (
            architecture.hidden_features,
            architecture.hidden_layers,
            architecture.omega,
        ) == sizes


class TestInitialWeights:
    @pytest.mark.parametrize("gain", [1.0, 0.5])
    def test_every_layer_fills_its_bounds(self, gain):
        architecture = Architecture(hidden_features=96, hidden_layers=4, omega=40.0)
        rngs = [np.random.default_rng(seed) for seed in (5, 6)]
        layers = initial_weights(architecture, rngs, gain)
        bounds = [
            (40 / 2, math.pi),
            *[(gain * math.sqrt(6 / 96), 1 / math.sqrt(96))] * 3,
            (math.sqrt(6 / 96), 0),
        ]
        assert [layer.weight.shape for layer in layers] == [(2, *s) for s in architecture.shapes]
        for layer, (weight, bias) in zip(layers, bounds, strict=True):
            assert layer.weight.dtype == layer.bias.dtype == np.float32
            for values, bound in ((layer.weight, weight), (layer.bias, bias)):
                assert 0.9 * bound <= np.abs(values).max() <= np.float32(bound)
                assert values.std() == pytest.approx(bound / math.sqrt(3), rel=0.2)  # uniform

    def test_they_come_from_the_generator_alone(self):
        first, again, other = (
            initial_weights(Architecture(8, 3), [np.random.default_rng(seed)]) for seed in (1, 1, 2)
        )
        for one, two, three in zip(first, again, other, strict=True):
            np.testing.assert_array_equal(one.weight, two.weight)
            np.testing.assert_array_equal(one.bias, two.bias)
            assert (one.weight != three.weight).all()


class TestEvaluate:
    def by_hand(self, layers, point):
        """One point, one neuron at a time, in double precision (Eq. 1)."""
        activation = [float(value) for value in point]
        for index, (weight, bias) in enumerate(layers):
            sums = [
                sum(float(w) * a for w, a in zip(row, activation, strict=True)) + float(b)
                for row, b in zip(weight, bias, strict=True)
            ]
            activation = [math.sin(value) for value in sums] if index < len(layers) - 1 else sums
        return activation

    def test_against_a_loop_over_neurons(self, weights):
        points = np.random.default_rng(2).uniform(-1, 1, (20, 2)).astype(np.float32)
        output = evaluate(weights, points)
        assert output.shape == (20, 3)
        assert output.dtype == np.float32
        np.testing.assert_allclose(
            output, [self.by_hand(weights, point) for point in points], atol=2e-5
        )

    def test_against_torch(self, weights):
        import torch

        points = np.random.default_rng(3).uniform(-1, 1, (50, 2)).astype(np.float32)
        layers = []
        for weight, bias in weights:
            linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
            linear.load_state_dict({"weight": torch.tensor(weight), "bias": torch.tensor(bias)})
            layers.append(linear)
        activation = torch.tensor(points)
        for linear in layers[:-1]:
            activation = torch.sin(linear(activation))
        expected = layers[-1](activation).detach().numpy()
        np.testing.assert_allclose(evaluate(weights, points), expected, atol=2e-5)
        on_torch = evaluate(
            [(torch.tensor(w), torch.tensor(b)) for w, b in weights], torch.tensor(points)
        )
        np.testing.assert_allclose(on_torch.numpy(), expected, atol=2e-5)

    def test_a_function_known_in_closed_form(self):
        """Red is sin x, green is sin(sin y) + 1, blue is constant."""
        layers = (
            (np.eye(2, dtype=np.float32), np.zeros(2, np.float32)),
            (np.array([[1000, 0], [0, 1]], np.float32) * [[0.001], [1]], np.zeros(2, np.float32)),
            (np.array([[1, 0], [0, 1], [0, 0]], np.float32), np.array([0, 1, -0.25], np.float32)),
        )
        points = np.array([[0, 0], [0.5, -0.5], [1, 1]], np.float32)
        x, y = points.T
        expected = np.stack([np.sin(np.sin(x)), np.sin(np.sin(y)) + 1, np.full(3, -0.25)], axis=1)
        np.testing.assert_allclose(evaluate(layers, points), expected, atol=1e-6)
