"""Compiled routines against NumPy, in vectors of each size that a processor may have."""

import ctypes
import dataclasses
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

pytest.importorskip("llvmlite")

from sirensong.training import native, optimizer, vectors
from sirensong.training.kernels import Parts, normal, uniform, width_of
from sirensong.training.optimizer import orthogonalise
from sirensong.training.routines import Routines
from sirensong.training.vectors import ADDRESS, BITS, FLOAT, INT, Code, Module, Processor, Variable

HERE = Processor.here()
pytestmark = pytest.mark.skipif(HERE is None, reason="no vectors that are known to be fast")
RNG = np.random.default_rng(1)


@pytest.fixture(scope="module", params=[(16, 8), (8, 4), (4, 8)], ids=lambda sizes: sizes[0])
def processor(request):
    lanes, rows = request.param
    return dataclasses.replace(HERE, lanes=lanes, rows=rows)


@pytest.fixture(scope="module")
def routines(processor):
    return Routines(processor)


@pytest.fixture(scope="module")
def call(processor):
    """Calls the parts of a module; arrays go by their addresses."""
    module = Module(processor)
    parts = vars(Parts(module))
    for part in parts.values():
        part.linkage = "external"
    draw_numbers(module)
    engine, alive = module.compile()

    def run(name, *arguments):
        kinds = [ctypes.c_float if isinstance(own, float) else ctypes.c_void_p for own in arguments]
        name = parts[name].name if name in parts else name
        function = ctypes.CFUNCTYPE(None, *kinds)(engine.get_function_address(name))
        function(*(own.ctypes.data if isinstance(own, np.ndarray) else own for own in arguments))
        assert alive

    return run


def draw_numbers(module):
    """A routine of random numbers: uniform ones, normal ones, and bits."""
    arguments = dict.fromkeys(("uniform", "normal", "states"), ADDRESS) | {"count": INT}
    with Code(module, "draw", arguments, exported=True) as code:
        lanes = code.lanes
        state = [Variable(code.load(code.states + part * lanes, module.bits)) for part in range(4)]
        with code.loop(0, code.count, lanes) as place:
            code.store(code.uniform + place, uniform(code, state))
            code.store(code.normal + place, normal(code, state))


def floats(*shape):
    return RNG.normal(size=shape).astype(np.float32)


def test_sines_and_cosines_are_exact_to_a_few_units_of_the_last_place(call):
    count = 2**16
    for largest in (4.0, 1e3, 1e6):
        phase = RNG.uniform(-largest, largest, count).astype(np.float32)
        phase[:7] = (0.0, -0.0, np.pi / 2, -np.pi / 2, np.pi, 1e-30, largest)
        sine, cosine = phase.copy(), np.empty_like(phase)
        call("waves", sine, cosine, count)
        assert np.abs(sine - np.sin(phase.astype(np.float64))).max() < 1.5e-7
        assert np.abs(cosine - np.cos(phase.astype(np.float64))).max() < 1.5e-7


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("rows", "inner", "width"), [(1, 1, 16), (7, 5, 32), (8, 48, 48), (21, 3, 64), (9, 17, 80)]
)
def test_products_are_numpys(call, rows, inner, width, turned):
    left, right, start, factor = (
        floats(*shape) for shape in ((rows, inner), (inner, width), (rows, width), (1, width))
    )
    out = np.full((rows + 1, width), 7, np.float32)
    stored = left.T.copy() if turned else left
    steps = (1, rows) if turned else (inner, 1)
    tail = (inner, start, width, factor, 0, 0.5, rows, width)
    call("product", out, width, stored, *steps, right, width, *tail)
    np.testing.assert_allclose(
        out[:rows], (left @ right + 0.5 * start) * factor, rtol=2e-5, atol=2e-5
    )
    assert (out[rows] == 7).all()


@pytest.mark.parametrize(("rows", "columns"), [(16, 16), (16, 48), (48, 32)])
def test_a_turned_matrix_has_its_columns_as_rows(call, rows, columns):
    matrix = floats(rows, columns)
    out = np.empty((columns, rows), np.float32)
    call("transpose", out, rows, matrix, columns, rows, columns)
    np.testing.assert_array_equal(out, matrix.T)


@pytest.mark.parametrize("columns", [1, 3, 16, 17, 48])
def test_rows_are_widened_with_zeros_and_nothing_behind_them_is_read_or_written(call, columns):
    """What stands behind a tensor's last row is NaN, and stays so."""
    rows, width = 5, width_of(columns)
    source, kept, inserted, back = (np.full(rows * columns + 40, np.nan, "f4") for _ in range(4))
    for array in (source, kept, inserted):
        array[: rows * columns] = floats(rows * columns)
    wide, filled = (np.zeros((rows, width), np.float32) for _ in range(2))
    wide[:, :columns] = filled[:, :columns] = 7
    sizes = (columns, rows, columns)
    call("widen", wide, width, source, *sizes)
    call("fill", filled, width, source, *sizes, kept, inserted)
    own, masks, added = (
        array[: rows * columns].reshape(rows, columns) for array in (source, kept, inserted)
    )
    np.testing.assert_array_equal(wide[:, :columns], own)
    np.testing.assert_allclose(filled[:, :columns], own * masks + added, rtol=1e-6, atol=1e-6)
    assert (wide[:, columns:] == 0).all()
    assert (filled[:, columns:] == 0).all()
    call("narrow", back, columns, wide, width, rows, columns)
    np.testing.assert_array_equal(back, source)
    call("take", back, columns, wide, width, rows, columns, kept)
    np.testing.assert_array_equal(back[: rows * columns], (own * masks).ravel())
    assert np.isnan(back[rows * columns :]).all()


def xoshiro(state, count):
    """The reference's 32 bits (xoshiro128++ 1.0), in Python."""
    one, two, three, four = (int(part) for part in state)

    def rotated(number, places):
        return (number << places | number >> (32 - places)) & 0xFFFFFFFF

    for _ in range(count):
        yield (rotated((one + four) & 0xFFFFFFFF, 7) + one) & 0xFFFFFFFF
        shifted = two << 9 & 0xFFFFFFFF
        three, four = three ^ one, four ^ two
        two, one = two ^ three, one ^ four
        three, four = three ^ shifted, rotated(four, 11)


def test_random_bits_are_those_of_the_reference(call, processor):
    """Three of each lane's numbers make a uniform and a normal one."""
    lanes, rounds = processor.lanes, 5
    states = RNG.integers(0, 2**32, (4, lanes), np.uint32)
    uniforms, normals = (np.empty((rounds, lanes), np.float32) for _ in range(2))
    call("draw", uniforms, normals, states, rounds * lanes)
    for lane in range(lanes):
        bits = np.array(list(xoshiro(states[:, lane], 3 * rounds))).astype(np.int32)
        chances = ((bits >> 8) / 2**24 + 0.5).reshape(rounds, 3)
        np.testing.assert_array_equal(uniforms[:, lane], chances[:, 0].astype(np.float32))
        radius = np.sqrt(-2 * np.log(1 - chances[:, 1]))
        expected = radius * np.cos(2 * np.pi * chances[:, 2])
        np.testing.assert_allclose(normals[:, lane], expected, rtol=1e-5, atol=3e-6)


def test_normal_numbers_have_the_normal_law(call, processor):
    from scipy.stats import kstest

    count = 2**17
    states = RNG.integers(0, 2**32, (4, processor.lanes), np.uint32)
    uniforms, normals = (np.empty(count, np.float32) for _ in range(2))
    call("draw", uniforms, normals, states, count)
    assert 0 <= uniforms.min() < uniforms.max() < 1
    assert kstest(normals.astype(np.float64), "norm").pvalue > 0.01
    assert kstest(uniforms.astype(np.float64), "uniform").pvalue > 0.01
    assert abs(np.corrcoef(uniforms, normals)[0, 1]) < 0.01


@pytest.mark.parametrize("features", [1, 17, 32, 48])
def test_orthogonalised_matrices_are_pytorchs(features, routines, monkeypatch):
    matrices = torch.from_numpy(floats(2, 3, features, features + 1))[..., 1:]
    assert not matrices.is_contiguous()
    matrices[0, 1] *= 1e-6
    matrices[1, 2] = 0
    found = []
    for own in (routines, None):
        monkeypatch.setattr(native, "routines_for", lambda *_, own=own: own)
        found += [orthogonalise(matrices, iterations) for iterations in (5, 2)]
    for mine, theirs in zip(found[:2], found[2:], strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=2e-5)
    assert (found[0][1, 2] == 0).all()


# What there are routines for.


@pytest.mark.parametrize(
    ("known", "machine", "lanes"),
    [
        ({"avx512f": True, "avx2": True, "fma": True}, "x86_64", 16),
        ({"avx512f": False, "avx2": True, "fma": True}, "AMD64", 8),
        ({"avx2": True, "fma": False}, "x86_64", None),
        ({}, "arm64", 4),
        ({}, "aarch64", 4),
        ({}, "riscv64", None),
    ],
)
def test_vectors_are_as_long_as_the_processors(known, machine, lanes, monkeypatch):
    class Features(dict):
        def flatten(self):
            return "some"

    monkeypatch.setattr(vectors.binding, "get_host_cpu_features", lambda: Features(known))
    monkeypatch.setattr(vectors.platform, "machine", lambda: machine)
    found = Processor.here()
    assert (found and found.lanes) == lanes


def test_without_vectors_pytorch_does_all(monkeypatch):
    monkeypatch.setattr(Processor, "here", lambda: None)
    assert native._compile() is None


def test_without_llvmlite_pytorch_does_all(monkeypatch):
    for name in ("vectors", "kernels", "routines"):
        monkeypatch.delitem(sys.modules, f"sirensong.training.{name}")
    monkeypatch.setitem(sys.modules, "llvmlite", None)
    assert native._compile() is None


def test_another_package_that_is_missing_is_told(monkeypatch):
    monkeypatch.delitem(sys.modules, "sirensong.training.routines")
    monkeypatch.setitem(sys.modules, "sirensong.training.kernels", None)
    with pytest.raises(ModuleNotFoundError, match=r"sirensong\.training\.kernels"):
        native._compile()


# Sharing among threads.


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_have_numbers_of_their_own_and_one_counter(threads):
    seen = []
    native.shared(lambda *own: seen.append(own), threads)
    numbers, counters = zip(*seen, strict=True)
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) <= set(range(threads))
    assert 0 in numbers
    assert len(set(counters)) == 1


@pytest.mark.parametrize("bad", [0, 1])
def test_what_goes_wrong_in_any_thread_is_raised_once_all_have_ended(bad):
    begun, ended = threading.Event(), []

    def work(thread, counter):
        if thread == 0:
            assert begun.wait(60)
        begun.set()
        try:
            if thread == bad:
                raise RuntimeError(f"thread {thread}")
            time.sleep(0.1)
        finally:
            ended.append(thread)

    with pytest.raises(RuntimeError, match=f"thread {bad}"):
        native.shared(work, 2)
    assert set(ended) == {0, 1}


def test_nobody_waits_for_a_thread_that_has_not_begun(monkeypatch):
    """As if all others were busy: what they would do is done."""
    free, done = threading.Event(), []
    pool = ThreadPoolExecutor(1)
    pool.submit(free.wait, 60)
    monkeypatch.setattr(native, "_pool", lambda threads: pool)
    native.shared(lambda thread, counter: done.append(thread), 2)
    free.set()
    pool.shutdown()
    assert done == [0]


def test_a_missing_argument_is_told_by_name():
    code = Code(Module(HERE), "some", {"count": INT, "share": FLOAT, "bits": BITS})
    with pytest.raises(AttributeError, match="some has no argument counts"):
        code.counts  # noqa: B018


def test_the_quintic_is_the_optimizers(monkeypatch):
    monkeypatch.setattr(optimizer, "_QUINTIC", (1.0, 0.0, 1.0))
    matrix = torch.diag(torch.tensor([3.0, 4.0]))[None]
    expected = torch.diag(torch.tensor([0.6 + 0.6**5, 0.8 + 0.8**5]))[None]
    torch.testing.assert_close(orthogonalise(matrix, 1), expected)
