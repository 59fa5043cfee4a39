"""Which products a step has, where."""

import pytest
import torch

from sirensong.training import device as devices
from sirensong.training.device import backward_dtype, tf32_products, use_threads

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("device", "chosen", "inside"),
    [(CUDA, "auto", "high"), (CUDA, "fp32", "highest"), (CPU, "auto", "highest")],
)
def test_tf32_is_on_for_a_step_on_cuda_alone(device, chosen, inside):
    with tf32_products(chosen, device):
        assert torch.get_float32_matmul_precision() == inside
    assert torch.get_float32_matmul_precision() == "highest"


@pytest.mark.parametrize(
    ("speedup", "dtype"), [(0.5, torch.float32), (1.2, torch.float32), (2.0, torch.bfloat16)]
)
def test_a_processor_is_measured(speedup, dtype, monkeypatch):
    monkeypatch.setattr(devices, "bfloat16_speedup", lambda: speedup)
    assert backward_dtype("auto", CPU) == dtype
    assert backward_dtype("fp32", CPU) == torch.float32
    assert backward_dtype("mixed", CPU) == torch.bfloat16


@pytest.mark.parametrize(("has", "dtype"), [(True, torch.bfloat16), (False, torch.float32)])
def test_a_gpu_is_asked(has, dtype, monkeypatch):
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation: has and not including_emulation
    )
    assert backward_dtype("auto", CUDA) == dtype
    assert backward_dtype("fp32", CUDA) == torch.float32


def test_threads_are_as_before_once_a_run_is_over(torch_threads):
    torch_threads(1)
    with use_threads(2):
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == 1
    with pytest.raises(RuntimeError), use_threads(2):
        raise RuntimeError
    assert torch.get_num_threads() == 1
    with use_threads(None):
        assert torch.get_num_threads() == 1
