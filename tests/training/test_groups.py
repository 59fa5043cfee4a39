"""How many tiles are trained together, where, and what is recorded of their steps."""

import pytest
import torch

import sirensong as ss
from sirensong.errors import SettingError
from sirensong.training import device as devices
from sirensong.training.device import (
    bfloat16_speedup,
    find_device,
    groups_of_tiles,
    replayed,
    split_for,
    tf32_products,
)

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("features", "functions", "device", "groups"),
    [
        (48, 3, CPU, [range(16), range(16, 20)]),  # 2304 features at once
        (16, 3, CPU, [range(20)]),
        (48, 24, CPU, [range(start, start + 2) for start in range(0, 20, 2)]),
        (48, 25, CPU, [range(start, start + 1) for start in range(20)]),
        (512, 65, CPU, [range(start, start + 1) for start in range(20)]),
        (48, 3, CUDA, [range(20)]),
        (512, 20, CUDA, [range(14), range(14, 20)]),  # 147456 features at once
    ],
)
def test_as_many_tiles_are_trained_together_as_are_fast(features, functions, device, groups):
    architecture = ss.Architecture(features, 2, 10.0)
    assert groups_of_tiles(ss.Grid(4, 5), architecture, functions, device) == groups


@pytest.mark.parametrize(
    ("name", "available", "found"),
    [("auto", True, CUDA), ("auto", False, CPU), ("cuda", True, CUDA), ("cpu", True, CPU)],
)
def test_a_gpu_is_taken_where_there_is_one(name, available, found, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert find_device(name) == found


def test_a_gpu_that_is_missing_is_refused_if_it_was_asked_for(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingError, match="no CUDA device") as caught:
        find_device("cuda")
    assert caught.value.hint == "use --device cpu"


def test_one_function_is_split_among_all_threads(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    splits = [split_for(functions, 64, CPU) for functions in (1, 2, 3, 4, 6, 8)]
    assert splits == [4, 2, 4, 1, 2, 1]


def test_work_is_recorded_after_three_runs_and_only_once(monkeypatch):
    told = []

    def record(work):
        told.append("recorded")
        return lambda: told.append("replayed")

    monkeypatch.setattr(devices, "_RECORDERS", {"cuda": record})
    work = replayed(lambda: told.append("run"), CUDA)
    for _ in range(5):
        work()
    assert told == ["run", "run", "run", "recorded", "replayed", "replayed"]


def test_work_on_a_processor_is_left_as_it_is():
    def work():
        return torch.zeros(())

    assert replayed(work, CPU) is work


def test_what_work_returns_is_returned():
    first = torch.zeros(())
    assert replayed(lambda: first, CPU)() is first


def test_products_are_as_before_after_an_error():
    with pytest.raises(RuntimeError, match="high"), tf32_products("auto", CUDA):
        raise RuntimeError(torch.get_float32_matmul_precision())
    assert torch.get_float32_matmul_precision() == "highest"


def test_the_speedup_of_bfloat16_is_measured_over_float32(monkeypatch):
    """On a clock on which float32 products take three times as long."""
    monkeypatch.setattr(devices, "_seconds", lambda t: 3.0 if t == torch.float32 else 1.0)
    assert bfloat16_speedup.__wrapped__() == 3.0


def test_the_best_of_six_measurements_counts(monkeypatch):
    """The first product is not measured, and the clock is looked at before and after four."""
    products, durations = [], iter([5.0, 2.0, 7.0, 3.0, 9.0, 8.0])
    now, looks = [0.0], []

    def clock():
        looks.append(len(products))
        if len(looks) % 2 == 0:
            now[0] += next(durations)
        return now[0]

    monkeypatch.setattr(torch, "bmm", lambda one, two, out=None: products.append((one, two)))
    monkeypatch.setattr(devices.time, "perf_counter", clock)
    assert devices._seconds(torch.bfloat16) == 2.0
    assert looks == [look for start in range(1, 25, 4) for look in (start, start + 4)]
    assert {tensor.dtype for pair in products for tensor in pair} == {torch.bfloat16}
