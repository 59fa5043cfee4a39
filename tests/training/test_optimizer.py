"""Adam against PyTorch's; Muon against what it is for."""

import pytest
import torch

from sirensong.training.optimizer import Adam, Muon, orthogonalise


@pytest.fixture(params=["compiled", "torch"], autouse=True)
def _engine(request):
    if request.param == "torch":
        request.getfixturevalue("uncompiled")


def test_adam_is_pytorchs():
    generator = torch.Generator().manual_seed(1)
    start = [torch.randn(4, 3, generator=generator), torch.randn(5, generator=generator)]
    mine, theirs = (
        [tensor.clone() for tensor in start],
        [tensor.clone().requires_grad_() for tensor in start],
    )
    adam, oracle = (
        Adam(mine, rate=0.01, betas=(0.9, 0.99)),
        torch.optim.Adam(theirs, lr=0.01, betas=(0.9, 0.99)),
    )
    for _ in range(20):
        gradients = [torch.randn(tensor.shape, generator=generator) for tensor in start]
        adam.step(gradients, torch.tensor(1.0))
        for tensor, gradient in zip(theirs, gradients, strict=True):
            tensor.grad = gradient.clone()
        oracle.step()
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other.detach(), rtol=1e-5, atol=1e-6)


def test_orthogonalising_brings_singular_values_near_one_and_keeps_directions():
    generator = torch.Generator().manual_seed(2)
    matrices = (
        torch.randn(3, 32, 32, generator=generator) * torch.tensor([1e-4, 1.0, 1e4])[:, None, None]
    )
    result = orthogonalise(matrices)
    values = torch.linalg.svdvals(result)
    assert values[:, :24].min() > 0.6
    assert values.max() < 1.3
    u, _, vt = torch.linalg.svd(matrices)
    nearest = u @ vt
    assert (
        (result * nearest).sum((1, 2)) / (result.norm(dim=(1, 2)) * nearest.norm(dim=(1, 2)))
    ).min() > 0.93


def test_orthogonalising_zero_gives_zero():
    assert torch.equal(orthogonalise(torch.zeros(1, 4, 4)), torch.zeros(1, 4, 4))


def test_muon_moves_only_what_is_trained_and_by_its_rate():
    generator = torch.Generator().manual_seed(3)
    matrices, trained = (
        torch.randn(2, 16, 16, generator=generator),
        (torch.rand(2, 16, 16, generator=generator) > 0.3).float(),
    )
    before = matrices.clone()
    Muon(matrices, trained, rate=0.1, momentum=0.95).step(
        [torch.randn(2, 16, 16, generator=generator)], torch.tensor(0.5)
    )
    moved = matrices - before
    assert torch.equal(moved[trained == 0], torch.zeros(int((trained == 0).sum())))
    assert (moved[trained == 1] != 0).all()
    assert moved.norm(dim=(1, 2)).max() <= 0.1 * 0.5 * 1.3 * 16**0.5


@pytest.mark.parametrize("optimizer", ["muon", "adam"])
def test_both_find_the_minimum_of_a_bowl(optimizer):
    goal = torch.eye(8)[None] * 0.3
    matrices = torch.zeros(1, 8, 8)
    chosen = (
        Muon(matrices, torch.ones(1, 8, 8), rate=0.05, momentum=0.9)
        if optimizer == "muon"
        else Adam([matrices], rate=0.05)
    )
    for step in range(300):
        chosen.step([matrices - goal], torch.tensor(1 - step / 300))
    assert (matrices - goal).abs().max() < 0.01


def test_tilt_moves_later_matrices_further():
    generator = torch.Generator().manual_seed(4)
    gradient = torch.randn(1, 16, 16, generator=generator).expand(3, 16, 16)
    matrices = torch.zeros(3, 16, 16)
    Muon(matrices, torch.ones(3, 16, 16), rate=0.1, momentum=0.95, tilt=0.5).step(
        [gradient], torch.tensor(1.0)
    )
    lengths = matrices.norm(dim=(1, 2))
    torch.testing.assert_close(lengths / lengths[1], torch.tensor([0.5, 1.0, 1.5]))
