"""What a step of robust training looks at: weights pruned as torch prunes, and noisy."""

import numpy as np
import torch

from sirensong.network.siren import Architecture, initial_weights
from sirensong.training.parameters import Parameters
from sirensong.training.perturb import perturb
from sirensong.training.phase import Phase

CPU = torch.device("cpu")


def parameters():
    architecture = Architecture(hidden_features=20, hidden_layers=3)
    rngs = [np.random.default_rng(seed) for seed in range(2)]
    return Parameters.from_weights(initial_weights(architecture, rngs), CPU)


def test_the_least_weights_of_each_matrix_are_missing_in_a_share_that_changes():
    shared, generator = parameters(), torch.Generator().manual_seed(1)
    before = shared.clone()
    phase, shares = Phase(1, pruning=0.5), set()
    for _ in range(8):
        seen = perturb(shared, phase, generator)
        gone = seen.hidden == 0
        counts = gone.sum((-2, -1)).flatten().tolist()
        assert len(set(counts)) == 1
        assert counts[0] <= 200
        shares.add(counts[0])
        for matrix, missing in zip(shared.hidden.flatten(0, 1), gone.flatten(0, 1), strict=True):
            if missing.any():
                assert matrix[missing].abs().max() < matrix[~missing].abs().min()
        assert torch.equal(seen.hidden[~gone], shared.hidden[~gone])
        assert torch.equal(seen.biases, shared.biases)
    assert len(shares) > 4
    for mine, theirs in zip(shared.tensors(), before.tensors(), strict=True):
        assert torch.equal(mine, theirs)


def test_noise_has_its_strength_in_each_matrix():
    shared, generator = parameters(), torch.Generator().manual_seed(1)
    added = perturb(shared, Phase(1, noise=0.1), generator).hidden - shared.hidden
    torch.testing.assert_close(
        added.std((-2, -1)), 0.1 * shared.hidden.std((-2, -1)), rtol=0.15, atol=0
    )
