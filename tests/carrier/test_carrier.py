"""The carrier file: exact, one for each function, and strict with whatever else is given to it."""

import dataclasses
import errno
import hashlib
import io
import json
import mmap
import os
import pickle
import resource
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save as pack

from sirensong.carrier import coding, mapped
from sirensong.carrier import file as file_module
from sirensong.carrier.coding import decode
from sirensong.carrier.file import LARGEST_CARRIER, dumps, load, loads, save
from sirensong.carrier.header import LARGEST_HEADER, Header
from sirensong.carrier.mapped import empty_weights
from sirensong.carrier.slots import DIGEST_BYTES, SLOT_BYTES, SLOTS, Slot, seal_slots
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import FileError, FormatError, SettingError
from sirensong.keys.secret import SecretKey
from sirensong.network.lattice import tensors
from sirensong.network.siren import Architecture, Layer
from sirensong.network.substitution import Selection
from sirensong.network.tiles import Grid


def function_of(features, layers, omega, grid, height, width, seed):
    architecture = Architecture(features, layers, omega)
    rng = np.random.default_rng(seed)
    weights = tuple(
        Layer(
            rng.normal(size=(grid.tiles, out, into)).astype(np.float32),
            rng.normal(size=(grid.tiles, out)).astype(np.float32),
        )
        for out, into in architecture.shapes
    )
    steps = tuple(float(np.float32(step)) for step in rng.uniform(0.2, 0.4, 2 * len(weights)))
    ends = height, width, rng.bytes(32), rng.bytes(SLOTS * SLOT_BYTES)
    return StegoFunction(architecture, grid, weights, steps, *ends).rounded()


def packed_by_the_library(path):
    with safe_open(path, framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in list(file.keys())}
        return pack(tensors, file.metadata())


def assert_equal(one, two):
    assert (one.architecture, one.grid, one.height, one.width) == (
        two.architecture,
        two.grid,
        two.height,
        two.width,
    )
    assert (one.nonce, one.slots, one.digest) == (two.nonce, two.slots, two.digest)
    for mine, theirs in zip(one.weights, two.weights, strict=True):
        for here, there in zip(mine, theirs, strict=True):
            assert here.dtype == np.float32
            assert here.shape == there.shape
            assert here.tobytes() == there.tobytes()


def assert_refused(path, kind=FormatError):
    """Loading raises an error of this kind: one short printable line that names the file."""
    with pytest.raises(kind) as caught:
        load(path)
    assert str(path) in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < len(str(path)) + 300
    return caught.value


DIGEST = b"digest"[:DIGEST_BYTES]
NOT_ITS_HEADER = "its header is not what a carrier of its sizes begins with"


def resident():
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def mapping_of(array):
    """What an array is a view of, in the end."""
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    return base.obj if isinstance(base, memoryview) else base


def header_end(data):
    return 8 + struct.unpack("<Q", data[:8])[0]


def with_header(data, header):
    """A safetensors file with another header: JSON text, or what becomes it."""
    if not isinstance(header, bytes):
        header = json.dumps(header, separators=(",", ":")).encode()
        header += b" " * (-len(header) % 8)
    text = header
    return struct.pack("<Q", len(text)) + text + data[header_end(data) :]


def header_of(data):
    return json.loads(data[8 : header_end(data)])


def with_fields(data, **fields):
    """A carrier whose metadata has other fields; a value of None removes one.

    Where nothing is wrong with them, it is byte for byte what a writer makes.
    """
    header = header_of(data)
    kept = {**json.loads(header["__metadata__"]["sirensong"]), **fields}
    header["__metadata__"]["sirensong"] = json.dumps(
        {name: value for name, value in kept.items() if value is not None}, sort_keys=True
    )
    return with_header(data, header)


@pytest.fixture(scope="module")
def carrier(stego):
    return dumps(stego)


@pytest.fixture(scope="module")
def parts(carrier):
    """A sound carrier's tensors and metadata, to be spoiled and packed again with the library."""
    header = header_of(carrier)
    body, tensors = carrier[header_end(carrier) :], {}
    for name, entry in header.items():
        if name != "__metadata__":
            start, end = entry["data_offsets"]
            dtype = {"F32": np.float32, "U8": np.uint8}[entry["dtype"]]
            tensors[name] = np.frombuffer(body[start:end], dtype).reshape(entry["shape"])
    return tensors, header["__metadata__"]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "song.safetensors"


class TestRoundTrip:
    @given(
        features=st.integers(1, 20),
        layers=st.integers(2, 5),
        omega=st.floats(1e-6, 10_000),
        grid=st.builds(Grid, st.integers(1, 3), st.integers(1, 3)),
        height=st.integers(3, 512),
        width=st.integers(3, 512),
        seed=st.integers(0, 99),
    )
    def test_it_is_exact(
        self, tmp_path_factory, features, layers, omega, grid, height, width, seed
    ):
        path = tmp_path_factory.getbasetemp() / "round.safetensors"
        stego = function_of(features, layers, omega, grid, height, width, seed)
        save(path, stego, overwrite=True)
        assert_equal(load(path), stego)
        assert dumps(load(path)) == dumps(stego) == path.read_bytes() == packed_by_the_library(path)

    def test_equal_functions_give_equal_bytes(self, stego):
        weights = [
            layer._replace(weight=np.asfortranarray(layer.weight).astype("<f4", order="K"))
            for layer in stego.weights
        ]
        whole = Architecture(
            stego.architecture.hidden_features,
            stego.architecture.hidden_layers,
            int(stego.architecture.omega),
        )
        assert whole == stego.architecture
        twin = StegoFunction(
            whole,
            stego.grid,
            tuple(weights),
            stego.steps,
            stego.height,
            stego.width,
            bytes(stego.nonce),
            bytes(stego.slots),
        )
        assert dumps(twin) == dumps(stego)

    def test_loaded_weights_cannot_be_changed_by_accident(self, path, stego, carrier):
        save(path, stego)
        for loaded in (load(path), loads(carrier), loads(bytearray(carrier))):
            for array in (array for layer in loaded.weights for array in layer):
                with pytest.raises(ValueError, match="read-only"):
                    array[:] = 0

    @pytest.mark.parametrize("in_memory", [2**26, 0])
    def test_once_read_a_file_is_not_in_use(self, path, stego, carrier, monkeypatch, in_memory):
        """Changed in place, with weights in memory and elsewhere."""
        monkeypatch.setattr(mapped, "IN_MEMORY", in_memory)
        save(path, stego)
        loaded = load(path)
        with path.open("r+b") as file:
            file.write(bytes(len(carrier)))
        assert path.read_bytes() == bytes(len(carrier))
        assert dumps(loaded) == carrier

    def test_the_safetensors_library_opens_it(self, path, stego):
        save(path, stego)
        with safe_open(path, framework="numpy") as file:
            assert set(file.keys()) == {"steps", "codes", "nonce", "slots"}
            assert file.get_tensor("nonce").tobytes() == stego.nonce
            assert file.get_tensor("slots").shape == (64, SLOT_BYTES)
            assert tuple(file.get_tensor("steps")) == stego.steps
            sizes = [codes.size for codes in stego.codes()]
            pieces = list(decode(file.get_tensor("codes"), sizes, "song"))
            np.testing.assert_array_equal(pieces[-2].codes, stego.codes()[-2].ravel())
            assert json.loads(file.metadata()["sirensong"]) == {
                "version": 2,
                "hidden_features": 12,
                "hidden_layers": 3,
                "omega": 20.0,
                "rows": 1,
                "columns": 1,
                "height": 6,
                "width": 9,
            }

    def test_a_path_may_be_text(self, path, stego):
        save(str(path), stego)
        assert_equal(load(str(path)), stego)

    def test_a_stego_file_looks_like_a_cover_s(self, make_stego):
        """Same size, same header; the slots differ and nothing else."""
        secrets = [
            (SecretKey(bytes([number] * 32)), Slot(Selection.KEYED, 0.05, 6, 9, DIGEST))
            for number in range(64)
        ]
        cover, one, full = (dumps(make_stego(secrets[:count])) for count in (0, 1, 64))
        assert len(cover) == len(one) == len(full)
        end = header_end(cover)
        assert cover[:end] == one[:end] == full[:end]
        start = header_of(cover)["slots"]["data_offsets"][0] + end
        for other in (one, full):
            assert cover[:start] + other[start:] == other
            assert cover != other

    def test_golden(self, golden, fixed_weights):
        pinned = golden["carrier"]
        architecture = Architecture(
            pinned["hidden_features"], pinned["hidden_layers"], pinned["omega"]
        )
        nonce, entropy = bytes.fromhex(golden["nonce"]), bytes.fromhex(golden["slots"]["entropy"])
        layers = fixed_weights(architecture)
        weights = tuple(
            Layer(
                weight.reshape(1, *weight.shape[-2:]),
                bias.reshape(1, bias.shape[-1]),
            )
            for weight, bias in layers
        )
        stego = StegoFunction(
            architecture,
            Grid(),
            weights,
            (1 / 64,) * (2 * len(weights)),
            pinned["height"],
            pinned["width"],
            nonce,
            seal_slots(nonce, [], entropy),
        )
        data = dumps(stego)
        assert stego.digest.hex() == pinned["digest"]
        assert len(data) == pinned["bytes"]
        assert hashlib.sha256(data).hexdigest() == pinned["sha256"]

    def test_the_longest_header_is_read(self):
        largest = Architecture(1024, 64, 1 / 3), Grid(1024, 1024), 65_535, 65_535, 2**33
        assert 400 < len(Header(*largest).to_bytes()) < LARGEST_HEADER / 2

    def test_weights_between_two_codes_are_not_written(self, path, stego):
        weight = stego.weights[2].weight + np.float32(0.3 * stego.steps[4])
        layers = list(stego.weights)
        layers[2] = layers[2]._replace(weight=weight)
        between = dataclasses.replace(stego, weights=tuple(layers))
        for call in (lambda: dumps(between), lambda: save(path, between)):
            with pytest.raises(SettingError, match="whole steps") as caught:
                call()
            assert caught.value.hint == "stego.rounded() takes the nearest"
        assert list(path.parent.iterdir()) == []
        assert dumps(between.rounded()) == dumps(stego)

    def test_weights_that_codes_do_not_reach_are_not_written(self, path, stego):
        layers = list(stego.weights)
        layers[2] = layers[2]._replace(bias=np.full_like(layers[2].bias, 32_768 * stego.steps[5]))
        far = dataclasses.replace(stego, weights=tuple(layers))
        for call in (lambda: dumps(far), lambda: save(path, far)):
            with pytest.raises(SettingError, match="tensor 5 is more than 32767 steps") as caught:
                call()
            assert "finely=True" in caught.value.hint
        assert list(path.parent.iterdir()) == []
        assert_equal(loads(dumps(far.rounded(finely=True))), far.rounded(finely=True))

    @pytest.mark.parametrize("grid", [Grid(1, 5), Grid(3, 2)])
    def test_of_many_tiles_in_files_a_few_at_a_time(self, path, monkeypatch, grid):
        """Weights that live in files, written and read in pieces that end within tiles."""
        stego = function_of(9, 3, 20.0, grid, 40, 40, seed=4)
        expected = dumps(stego)
        monkeypatch.setattr(mapped, "IN_MEMORY", 0)
        monkeypatch.setattr(mapped, "_PIECE", 100)
        monkeypatch.setattr(coding, "_PIECE", 70)
        monkeypatch.setattr(coding, "_NUMBERS_A_LANE", 200)
        other_lanes = dumps(stego)
        assert other_lanes != expected
        save(path, stego)
        loaded = load(path)
        assert all(isinstance(mapping_of(array), mmap.mmap) for array in tensors(loaded.weights))
        assert_equal(loaded, stego)
        assert dumps(loaded) == path.read_bytes() == other_lanes
        monkeypatch.undo()
        assert dumps(loaded) == expected

    def test_the_nonce_decides_where_the_first_layer_starts(self, carrier, stego):
        """Another nonce in the file: the same codes are another function, in the first layer."""
        data = carrier.replace(stego.nonce, bytes(32), 1)
        assert len(data) == len(carrier)
        other = loads(data)
        assert not np.array_equal(other.weights[0].weight, stego.weights[0].weight)
        assert not np.array_equal(other.weights[0].bias, stego.weights[0].bias)
        for mine, theirs in zip(other.weights[1:], stego.weights[1:], strict=True):
            np.testing.assert_array_equal(mine.weight, theirs.weight)


class TestBytes:
    def test_they_are_the_file(self, path, stego, carrier):
        save(path, stego)
        assert path.read_bytes() == carrier
        for data in (carrier, bytearray(carrier), memoryview(carrier)):
            assert_equal(loads(data), stego)

    def test_an_open_file_is_read(self, path, stego, carrier):
        assert_equal(load(io.BytesIO(carrier)), stego)
        save(path, stego)
        with path.open("rb") as file:
            assert_equal(load(file), stego)
        with path.open("rb", buffering=0) as file:
            assert_equal(load(file), stego)

    def test_a_pipe_is_read_where_it_is_open(self, stego, carrier):
        into, out = os.pipe()
        with os.fdopen(into, "rb") as reading, os.fdopen(out, "wb") as writing:
            writing.write(carrier)
            writing.close()
            assert_equal(load(reading), stego)

    @pytest.mark.parametrize("text", ["", "a carrier"])
    def test_an_open_file_of_text_is_refused(self, text):
        with pytest.raises((SettingError, FormatError)) as caught:
            load(io.StringIO(text))
        assert "for text" in caught.value.message or text == ""

    def test_an_endless_file_is_read_no_further_than_the_largest_carrier(self, monkeypatch):
        class Endless(io.RawIOBase):
            given = 0

            def read(self, size):
                self.given += size
                return bytes(size)

        monkeypatch.setattr(file_module, "LARGEST_CARRIER", 10**7)
        endless = Endless()
        with pytest.raises(FormatError, match="expected 10 to 10000000 bytes"):
            load(endless)
        assert endless.given < 2 * 10**7

    @pytest.mark.parametrize("value", [None, 3, [b"carrier"], "song.safetensors"])
    def test_other_types_have_no_bytes(self, value):
        with pytest.raises(SettingError, match=f"bytes of a carrier, got {type(value).__name__}"):
            loads(value)

    @pytest.mark.parametrize("value", [None, 3, b"song.safetensors", {}])
    def test_other_types_are_no_source(self, value):
        expected = f"path of a carrier or an open file, got {type(value).__name__}"
        with pytest.raises(SettingError, match=expected) as caught:
            load(value)
        assert caught.value.hint == "loads reads bytes"

    def test_all_checks_are_the_same(self, carrier, parts):
        for data in (b"", carrier[:-1], carrier + b"!", b"PK" + bytes(100), bytes(2000)):
            messages = set()
            for call in (loads, lambda data: load(io.BytesIO(data))):
                with pytest.raises(FormatError, match=r"^the data is") as caught:
                    call(data)
                messages.add(caught.value.message)
            assert len(messages) == 1


class TestSave:
    @pytest.mark.parametrize("value", [None, "song.safetensors", b"carrier", 3])
    def test_only_functions_are_written(self, path, value):
        expected = f"written from a StegoFunction, got {type(value).__name__}"
        for call in (lambda: dumps(value), lambda: save(path, value)):
            with pytest.raises(SettingError, match=expected):
                call()
        assert list(path.parent.iterdir()) == []

    def test_arguments_in_the_wrong_order_are_told(self, path, stego):
        with pytest.raises(SettingError, match="written from a StegoFunction"):
            save(stego, path)

    def test_an_existing_file_is_replaced_only_with_overwrite(self, path, stego):
        other = function_of(4, 2, 5.0, Grid(), 3, 3, seed=1)
        save(path, stego)
        with pytest.raises(FileError, match="exists"):
            save(path, other)
        assert_equal(load(path), stego)
        save(path, other, overwrite=True)
        assert_equal(load(path), other)

    @pytest.mark.parametrize("where", [(os, "fsync"), (Path, "replace")])
    def test_a_full_disk_leaves_everything_as_it_was(self, path, stego, monkeypatch, where):
        def disk_full(*_):
            raise OSError(errno.ENOSPC, "No space left on device")

        path.write_bytes(b"old")
        monkeypatch.setattr(*where, disk_full)
        with pytest.raises(FileError, match="no space left"):
            save(path, stego, overwrite=True)
        assert path.read_bytes() == b"old"
        assert list(path.parent.iterdir()) == [path]

    def test_a_full_disk_leaves_nothing_behind(self, path, stego, monkeypatch):
        def disk_full(_):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", disk_full)
        with pytest.raises(FileError, match="no space left"):
            save(path, stego)
        assert list(path.parent.iterdir()) == []


class TestOtherFiles:
    def test_missing(self, path):
        assert "no such file" in assert_refused(path, FileError).message

    def test_a_folder(self, tmp_path):
        assert "not a regular file" in assert_refused(tmp_path, FileError).message

    def test_a_pipe_that_nobody_writes_to(self, path):
        """Opening it would wait for ever."""
        os.mkfifo(path)
        assert "not a regular file" in assert_refused(path, FileError).message

    def test_a_device(self):
        assert "not a regular file" in assert_refused("/dev/zero", FileError).message

    @pytest.mark.parametrize("size", range(12))
    def test_nearly_nothing(self, path, size):
        path.write_bytes(bytes(size))
        assert_refused(path)

    @pytest.mark.parametrize("protocol", range(6))
    def test_a_pickle_is_never_run(self, path, tmp_path, protocol):
        class Trap:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / "sprung"),)

        path.write_bytes(pickle.dumps(Trap(), protocol=protocol))
        error = assert_refused(path)
        assert not (tmp_path / "sprung").exists()
        if protocol >= 2:
            assert "pickle" in error.message
            assert "not opened" in error.hint

    def test_a_zip(self, path):
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", b"\x80\x02" + bytes(100))
        assert "pickle" in assert_refused(path).message

    @pytest.mark.parametrize(
        "content",
        [
            b"\x89PNG\r\n\x1a\n" + bytes(100),
            b"# a text\n" * 20,
            b"\xff" * 500,
            b"sirensong-key-aaaa\n",
        ],
    )
    def test_another_kind(self, path, content):
        path.write_bytes(content)
        assert_refused(path)

    @pytest.mark.parametrize("beyond", [1, 10**12])
    def test_one_too_large(self, path, beyond):
        with path.open("wb") as file:
            file.truncate(LARGEST_CARRIER + beyond)  # takes no room on the disk
        assert f"expected 10 to {LARGEST_CARRIER} bytes, got" in assert_refused(path).message

    def test_a_large_file_of_zeros(self, path):
        with path.open("wb") as file:
            file.truncate(LARGEST_CARRIER)
        assert_refused(path)


class TestDamaged:
    def test_truncated(self, path, carrier):
        lengths = {
            *range(60),
            *range(60, len(carrier), 37),
            header_end(carrier) - 1,
            header_end(carrier),
            len(carrier) - 1,
        }
        for length in sorted(lengths):
            path.write_bytes(carrier[:length])
            assert_refused(path)

    @pytest.mark.parametrize("trailing", [b"\0", b"x" * 1000])
    def test_trailing_bytes(self, path, carrier, trailing):
        path.write_bytes(carrier + trailing)
        assert_refused(path)

    @given(
        flips=st.lists(
            st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=4
        )
    )
    def test_bits_flipped_in_the_header(self, tmp_path_factory, carrier, flips):
        data = bytearray(carrier)
        for share, bit in flips:
            data[int(share * header_end(carrier))] ^= 1 << bit
        assert self.refused_or_sound(tmp_path_factory.getbasetemp() / "flipped.safetensors", data)

    def test_a_bit_flipped_anywhere_in_the_header(self, path, carrier):
        """One bit of every other byte, another bit from byte to byte."""
        for place in range(0, header_end(carrier), 2):
            data = bytearray(carrier)
            data[place] ^= 1 << (place % 7)
            assert self.refused_or_sound(path, data)

    @given(
        flips=st.lists(
            st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 7)), min_size=1, max_size=4
        )
    )
    def test_bits_flipped_in_the_tensors(self, tmp_path_factory, carrier, flips):
        data, start = bytearray(carrier), header_end(carrier)
        for share, bit in flips:
            data[start + int(share * (len(carrier) - start))] ^= 1 << bit
        assert self.refused_or_sound(tmp_path_factory.getbasetemp() / "flipped.safetensors", data)

    def refused_or_sound(self, path, data):
        """Whether loading raises a FormatError of one line, or gives this file's one function."""
        path.write_bytes(data)
        try:
            stego = load(path)
        except FormatError as error:
            return error.message.isprintable()
        finite = all(np.isfinite(array).all() for layer in stego.weights for array in layer)
        return finite and dumps(stego) == data

    @pytest.mark.parametrize(
        "length", [0, 1, 2, 10**6, 10**8, 2**31, 2**32, 2**62, 2**63, 2**64 - 8, 2**64 - 1]
    )
    def test_a_header_of_another_length(self, path, carrier, length):
        path.write_bytes(struct.pack("<Q", length) + carrier[8:])
        assert_refused(path)

    @pytest.mark.parametrize(
        "text",
        [
            b"{}",
            b"[]",
            b"null",
            b"{",
            b'{"a"',
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"a":' * 100_000,
            b"",
            b'{"__metadata__": {"sirensong": 1}}',
            b'{"\\u001b[2J":{"dtype":"\\u001b[31m\\nX","shape":[1],"data_offsets":[0,1]}}',
            b'{"a":{"dtype":"%s"}}' % (b"X" * 5000),
        ],
    )
    def test_a_header_that_makes_no_sense(self, path, carrier, text):
        path.write_bytes(with_header(carrier, text))
        assert_refused(path)


class TestTensors:
    """Whatever differs in the list of tensors, the header is not that of the metadata's sizes."""

    def assert_not_its_header(self, path, data):
        path.write_bytes(data)
        assert NOT_ITS_HEADER in assert_refused(path).message

    @pytest.mark.parametrize("name", ["nonce", "slots", "steps"])
    def test_one_missing(self, path, parts, name):
        tensors, metadata = parts
        kept = {key: value for key, value in tensors.items() if key != name}
        self.assert_not_its_header(path, pack(kept, metadata))

    def test_no_codes(self, path, parts):
        tensors, metadata = parts
        kept = {key: value for key, value in tensors.items() if key != "codes"}
        path.write_bytes(pack(kept, metadata))
        assert "its codes must be int" in assert_refused(path).message

    @pytest.mark.parametrize(
        "shape", [[-1], [2**33 + 1], [10**400], [True], [1.0], ["9"], [], {}, 7]
    )
    def test_a_number_of_codes_that_cannot_be(self, path, carrier, shape):
        header = header_of(carrier)
        header["codes"]["shape"] = shape
        path.write_bytes(with_header(carrier, header))
        assert "its codes " in assert_refused(path).message

    @pytest.mark.parametrize("more", [-8, -1, 1, 10**6, 2**33 - 10**4])
    def test_another_number_of_codes(self, path, carrier, more):
        """In a header that is right but for it: no memory is asked for that it does not have."""
        header = header_of(carrier)
        header["codes"]["shape"][0] += more
        for name in ("codes", "nonce", "slots"):
            start, end = header[name]["data_offsets"]
            moved = 0 if name == "codes" else more
            header[name]["data_offsets"] = [start + moved, end + more]
        path.write_bytes(with_header(carrier, header))
        tracemalloc.start()
        try:
            assert_refused(path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 10**6

    @pytest.mark.parametrize(
        "name",
        ["mask", "layers.0.weight", "Codes", "\x1b[2J", "x" * 100, "\n"],
    )
    def test_one_too_many(self, path, parts, name):
        tensors, metadata = parts
        more = {**tensors, name: np.zeros(1, np.float32)}
        self.assert_not_its_header(path, pack(more, metadata))

    @pytest.mark.parametrize(
        ("name", "shape"),
        [
            *[("nonce", shape) for shape in ((31,), (32, 1), ())],
            *[
                ("slots", shape)
                for shape in ((64 * SLOT_BYTES,), (SLOT_BYTES, 64), (63, SLOT_BYTES))
            ],
            *[("steps", shape) for shape in ((7,), (9,), (8, 1), (4, 2), ())],
        ],
    )
    def test_one_of_another_shape(self, path, parts, name, shape):
        tensors, metadata = parts
        changed = {**tensors, name: np.zeros(shape, tensors[name].dtype)}
        self.assert_not_its_header(path, pack(changed, metadata))

    @pytest.mark.parametrize(
        "dtype", [np.float64, np.float16, np.int32, np.uint32, np.int8, np.bool_, np.complex64]
    )
    @pytest.mark.parametrize("name", ["nonce", "slots", "steps", "codes"])
    def test_one_of_another_dtype(self, path, parts, name, dtype):
        tensors, metadata = parts
        changed = {**tensors, name: np.zeros(tensors[name].shape, dtype)}
        self.assert_not_its_header(path, pack(changed, metadata))

    @pytest.mark.parametrize(
        "change",
        [
            *[{"dtype": dtype} for dtype in ("I8", "F8_E4M3", "BF16", "f32", "Q7", "", 3)],
            *[{"data_offsets": value} for value in ([0, 0], [4, 36], [0, 2**64], [0.5, 32], "0")],
            *[{"shape": value} for value in ([2**63, 2], [-32], [32.0], ["32"], {}, [True])],
            {"note": "one field more"},
        ],
    )
    def test_an_entry_that_says_something_else(self, path, carrier, change):
        header = header_of(carrier)
        header["nonce"] |= change
        self.assert_not_its_header(path, with_header(carrier, header))

    def test_the_same_tensors_in_another_order(self, path, carrier):
        header, body = header_of(carrier), carrier[header_end(carrier) :]
        moved, at = {"__metadata__": header.pop("__metadata__")}, b""
        for name, about in reversed(header.items()):
            start, end = about["data_offsets"]
            moved[name] = about | {"data_offsets": [len(at), len(at) + end - start]}
            at += body[start:end]
        self.assert_not_its_header(path, with_header(carrier, moved)[: -len(body)] + at)

    def test_one_that_is_named_twice(self, path, carrier):
        text = json.dumps(header_of(carrier), separators=(",", ":"))
        wrong = json.dumps({"nonce": header_of(carrier)["slots"]}, separators=(",", ":"))
        for twice in (f"{wrong[:-1]},{text[1:]}", f"{text[:-1]},{wrong[1:]}"):
            self.assert_not_its_header(path, with_header(carrier, twice.encode()))

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0, -0.5, 1e-20, 1e9, 5e-324])
    @pytest.mark.parametrize("index", [0, 1, 7])
    def test_steps_that_cannot_be(self, path, parts, index, value):
        tensors, metadata = parts
        spoiled = tensors["steps"].copy()
        spoiled[index] = value
        path.write_bytes(pack({**tensors, "steps": spoiled}, metadata))
        assert "steps must be" in assert_refused(path).message

    @pytest.mark.parametrize("index", [0, 1])
    def test_a_step_too_small_for_where_the_first_layer_starts(self, path, parts, index):
        tensors, metadata = parts
        spoiled = tensors["steps"].copy()
        spoiled[index] = 2.0**-22
        path.write_bytes(pack({**tensors, "steps": spoiled}, metadata))
        assert "first steps must be larger" in assert_refused(path).message

    @pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
    def test_every_byte_of_header_steps_and_codes_counts(self, carrier, stego, every):
        """Changed, a carrier is refused, or it is another function."""
        for place in range(0, len(carrier) - 32 - SLOTS * SLOT_BYTES, every):
            changed = bytearray(carrier)
            changed[place] ^= 1 << place % 8
            try:
                other = loads(changed)
            except FormatError:
                continue
            same = (other.height, other.width, other.architecture) == (
                stego.height,
                stego.width,
                stego.architecture,
            )
            assert not same or other.digest != stego.digest

    def test_every_shorter_file_is_refused(self, carrier):
        for length in range(len(carrier)):
            with pytest.raises(FormatError):
                loads(carrier[:length])


class TestBlanks:
    """A header has no room: not for a blank, a field or an escape that a writer does not make."""

    @pytest.mark.parametrize("blanks", [8, 64, 400])
    def test_at_the_end_of_the_header(self, path, carrier, blanks):
        header = carrier[8 : header_end(carrier)]
        path.write_bytes(with_header(carrier, header + b" " * blanks))
        assert NOT_ITS_HEADER in assert_refused(path).message

    @pytest.mark.parametrize("letter", [b":", b",", b"{", b"}"])
    def test_between_its_parts(self, path, carrier, letter):
        header = carrier[8 : header_end(carrier)]
        path.write_bytes(with_header(carrier, header.replace(letter, letter + b" ", 1)))
        assert NOT_ITS_HEADER in assert_refused(path).message

    def test_a_letter_that_is_escaped(self, path, carrier):
        header = carrier[8 : header_end(carrier)]
        path.write_bytes(with_header(carrier, header.replace(b"nonce", b"\\u006eonce", 1)))
        assert NOT_ITS_HEADER in assert_refused(path).message

    def test_fields_in_another_order(self, path, carrier):
        header = header_of(carrier)
        fields = json.loads(header["__metadata__"]["sirensong"])
        turned = dict(reversed(fields.items()))
        header["__metadata__"]["sirensong"] = json.dumps(turned)
        path.write_bytes(with_header(carrier, header))
        assert NOT_ITS_HEADER in assert_refused(path).message

    @pytest.mark.parametrize("size", [LARGEST_HEADER, 10**7])
    def test_a_header_of_megabytes_is_not_looked_at(self, path, carrier, size):
        header = header_of(carrier) | {"x": {"note": "y" * size}}
        path.write_bytes(with_header(carrier, header))
        tracemalloc.start()
        try:
            error = assert_refused(path)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert f"a header of at most {LARGEST_HEADER} bytes" in error.message
        assert peak < 10**6 + 3 * path.stat().st_size


class TestMetadata:
    @pytest.mark.parametrize(
        "metadata",
        [None, {}, {"format": "pt"}, {"Sirensong": "{}"}, {"sirensong ": "{}"}],
    )
    def test_none_or_another(self, path, parts, metadata):
        path.write_bytes(pack(parts[0], metadata))
        assert "it has no metadata field 'sirensong'" in assert_refused(path).message

    def test_one_more(self, path, parts):
        tensors, metadata = parts
        path.write_bytes(pack(tensors, metadata | {"format": "pt"}))
        assert NOT_ITS_HEADER in assert_refused(path).message

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "{'version': 1}",
            "\0",
            "\ud7ff",
            "NaN,",
            "[" * 30_000,
            '{"a":' * 5000,
            "1" * 5000,
            '{"version": 1' + "0" * 5000,
            "null",
            "1",
            "[]",
            '"version"',
            "true",
            "NaN",
            '[["version", 1]]',
        ],
    )
    def test_no_json_or_of_another_kind(self, path, parts, text):
        path.write_bytes(pack(parts[0], {"sirensong": text}))
        expected = "it has no metadata field 'sirensong'"
        if len(text) > LARGEST_HEADER:
            expected = f"a header of at most {LARGEST_HEADER} bytes"
        assert expected in assert_refused(path).message

    @pytest.mark.parametrize(
        "name",
        [
            "version",
            "hidden_features",
            "hidden_layers",
            "omega",
            "rows",
            "columns",
            "height",
            "width",
        ],
    )
    def test_a_field_missing(self, path, carrier, name):
        path.write_bytes(with_fields(carrier, **{name: None}))
        assert f"its {name} must be" in assert_refused(path).message

    @pytest.mark.parametrize("name", ["seed", "secrets", "Height", ""])
    def test_a_field_too_many(self, path, carrier, name):
        path.write_bytes(with_fields(carrier, **{name: 1}))
        assert NOT_ITS_HEADER in assert_refused(path).message

    @pytest.mark.parametrize(
        "value", [True, False, 3.0, 0.5, "3", "", [3], {}, float("nan"), float("inf")]
    )
    @pytest.mark.parametrize(
        "name", ["hidden_features", "hidden_layers", "rows", "columns", "height", "width"]
    )
    def test_a_whole_number_of_another_type(self, path, carrier, name, value):
        path.write_bytes(with_fields(carrier, **{name: value}))
        assert f"its {name} must be int" in assert_refused(path).message

    def test_a_number_that_passes_for_a_whole_one_throughout(self, path, carrier):
        """`true` counts as 1 in Python, and a header that has it everywhere is consistent."""
        text = dumps(function_of(1, 2, 9.0, Grid(), 1, 1, seed=1))
        for field in (b"rows", b"columns", b"height", b"width", b"hidden_features"):
            path.write_bytes(text)
            header = text[8 : header_end(text)].replace(
                b'\\"%s\\": 1' % field, b'\\"%s\\": true' % field
            )
            path.write_bytes(with_header(text, header.rstrip().ljust(-(-len(header) // 8) * 8)))
            assert f"its {field.decode()} must be int" in assert_refused(path).message

    @pytest.mark.parametrize("value", [True, 20, "20", [20.0], {}])
    def test_an_omega_of_another_type(self, path, carrier, value):
        path.write_bytes(with_fields(carrier, omega=value))
        assert "its omega must be float" in assert_refused(path).message

    @pytest.mark.parametrize(
        "value", [float("nan"), float("inf"), -float("inf"), 0.0, -1.5, 10_001.0, 1e300, -1e300]
    )
    def test_an_omega_out_of_range(self, path, carrier, value):
        path.write_bytes(with_fields(carrier, omega=value))
        assert "omega" in assert_refused(path).message

    @pytest.mark.parametrize("written", [b"2e1", b"20.00", b"+20.0", b"2.0E1", b"020.0"])
    def test_an_omega_that_is_written_otherwise(self, path, carrier, written):
        header = carrier[8 : header_end(carrier)].replace(b"20.0", written)
        path.write_bytes(with_header(carrier, header))
        assert_refused(path)

    @pytest.mark.parametrize(
        "value", [0, -1, 65_536, 2**31, 2**63, 2**64, 10**400, 10**4000, -(2**63), -(10**4000)]
    )
    @pytest.mark.parametrize(
        "name", ["hidden_features", "hidden_layers", "rows", "columns", "height", "width"]
    )
    def test_a_whole_number_out_of_range(self, path, carrier, name, value):
        path.write_bytes(with_fields(carrier, **{name: value}))
        assert_refused(path)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("hidden_features", 11),
            ("hidden_features", 1024),
            ("hidden_layers", 2),
            ("hidden_layers", 64),
            ("rows", 2),
            ("columns", 1024),
        ],
    )
    def test_sizes_that_the_tensors_do_not_have(self, path, carrier, name, value):
        path.write_bytes(with_fields(carrier, **{name: value}))
        assert_refused(path)

    @pytest.mark.parametrize("version", [3, 99])
    def test_a_later_version(self, path, carrier, version):
        path.write_bytes(with_fields(carrier, version=version))
        error = assert_refused(path)
        assert f"format version {version}, expected 2" in error.message
        assert "newer" in error.hint

    @pytest.mark.parametrize("version", [0, 1])
    def test_an_earlier_version(self, path, carrier, version):
        path.write_bytes(with_fields(carrier, version=version))
        error = assert_refused(path)
        assert f"format version {version}, expected 2" in error.message
        assert "before the first release" in error.hint

    def test_a_carrier_of_format_1(self, path, carrier):
        """As it was: a float32 tensor for each matrix, and no codes."""
        fields = json.loads(header_of(carrier)["__metadata__"]["sirensong"]) | {"version": 1}
        floats = {f"layers.{i}.weight": np.zeros((1, 12, 12), np.float32) for i in range(4)}
        path.write_bytes(pack(floats, {"sirensong": json.dumps(fields, sort_keys=True)}))
        assert "format version 1, expected 2" in assert_refused(path).message

    @pytest.mark.parametrize("version", [True, 1.0, "1", [1], 10**300])
    def test_a_version_that_is_no_number(self, path, carrier, version):
        path.write_bytes(with_fields(carrier, version=version))
        assert "its version " in assert_refused(path).message

    def test_other_sizes_of_the_cover_are_as_good(self, path, carrier, stego):
        """Nothing else in the file depends on them."""
        path.write_bytes(with_fields(carrier, height=7, omega=1e-06))
        loaded = load(path)
        assert (loaded.height, loaded.width, loaded.architecture.omega) == (7, 9, 1e-06)
        assert loaded.digest == stego.digest


class TestProportion:
    """What a carrier can cost is in proportion to its file."""

    @pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="Linux tells")
    def test_of_a_large_one_little_is_in_memory_at_a_time(self, path, monkeypatch):
        """Of 64 MB, also once all tiles have been looked at."""
        monkeypatch.setattr(mapped, "IN_MEMORY", 2**20)
        architecture, grid = Architecture(128, 17, 9.0), Grid(8, 8)
        zeros = empty_weights(architecture, grid)
        steps = (0.5,) * (2 * len(zeros))
        nonce, slots = bytes(32), bytes(SLOTS * SLOT_BYTES)
        whole = StegoFunction(architecture, grid, zeros, steps, 8, 8, nonce, slots)
        assert sum(array.nbytes for array in tensors(zeros)) > 2**26
        save(path, whole.rounded())
        del zeros, whole
        before, most = resident(), 0
        stego = load(path)
        for tile in range(64):
            stego.tiles([tile])
            most = max(most, resident() - before)
        assert dataclasses.replace(stego).digest == stego.digest  # found anew, and as it was read
        assert max(most, resident() - before) < 2**24

    @pytest.mark.parametrize(
        ("height", "width"), [(14_000, 14_000), (65_535, 65_535), (513, 512), (4, 65_535)]
    )
    def test_a_cover_that_is_too_large_for_its_tiles(self, path, height, width):
        data = dumps(function_of(1, 2, 9.0, Grid(), 1, 1, seed=1))
        assert len(data) < 3000
        path.write_bytes(with_fields(data, height=height, width=width))
        if height * width <= 512 * 512:
            assert load(path).width == width
            return
        started = time.process_time()
        expected = f"a picture of {width}x{height} pixels is too large for 1x1 tiles"
        assert expected in assert_refused(path).message
        assert time.process_time() - started < 1

    def test_a_cover_that_is_smaller_than_its_grid(self, path):
        data = dumps(function_of(1, 2, 9.0, Grid(7, 5), 7, 5, seed=1))
        path.write_bytes(with_fields(data, height=6))
        expected = "a picture of 5x6 pixels is too small for 5x7 tiles"
        assert expected in assert_refused(path).message
