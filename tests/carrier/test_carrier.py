"""The carrier file: exact, equal for equal functions, and strict with whatever else is given to it."""

import errno
import hashlib
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save as pack

from sirensong.carrier import mapped
from sirensong.carrier.file import LARGEST_CARRIER, load, save, to_bytes
from sirensong.carrier.slots import Slot, seal_slots
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import FileError, FormatError
from sirensong.keys.secret import SecretKey
from sirensong.network.siren import Architecture, initial_weights, stack
from sirensong.network.substitution import Selection
from sirensong.network.tiles import Grid


def function_of(features, layers, omega, grid, height, width, seed):
    architecture = Architecture(features, layers, omega)
    rng = np.random.default_rng(seed)
    weights = stack([initial_weights(architecture, rng) for _ in range(grid.tiles)])
    return StegoFunction(architecture, grid, weights, height, width, rng.bytes(32), rng.bytes(2048))


def packed_by_the_library(path):
    with safe_open(path, framework="numpy") as file:
        return pack({name: file.get_tensor(name) for name in file.keys()}, file.metadata())  # noqa: SIM118


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
    """Loading raises an error of this kind, of one short printable line that names the file. Returns it."""
    with pytest.raises(kind) as caught:
        load(path)
    assert str(path) in caught.value.message
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < len(str(path)) + 300
    return caught.value


def header_end(data):
    return 8 + struct.unpack("<Q", data[:8])[0]


def with_header(data, header):
    """A safetensors file with another header: JSON text, or what becomes it."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data[header_end(data) :]


def header_of(data):
    return json.loads(data[8 : header_end(data)])


def with_fields(data, **fields):
    """A carrier whose metadata has other fields; a value of None removes one."""
    header = header_of(data)
    kept = {**json.loads(header["__metadata__"]["sirensong"]), **fields}
    header["__metadata__"]["sirensong"] = json.dumps(
        {name: value for name, value in kept.items() if value is not None}
    )
    return with_header(data, header)


@pytest.fixture(scope="module")
def carrier(stego):
    return to_bytes(stego)


@pytest.fixture(scope="module")
def parts(carrier):
    """A sound carrier's tensors and metadata, to be spoiled and packed again with the safetensors library."""
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
        height=st.integers(1, 65_535),
        width=st.integers(1, 65_535),
        seed=st.integers(0, 99),
    )
    def test_it_is_exact(
        self, tmp_path_factory, features, layers, omega, grid, height, width, seed
    ):
        path = tmp_path_factory.getbasetemp() / "round.safetensors"
        stego = function_of(features, layers, omega, grid, height, width, seed)
        save(path, stego, overwrite=True)
        assert_equal(load(path), stego)
        assert (
            to_bytes(load(path))
            == to_bytes(stego)
            == path.read_bytes()
            == packed_by_the_library(path)
        )

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
            stego.height,
            stego.width,
            bytes(stego.nonce),
            bytes(stego.slots),
        )
        assert to_bytes(twin) == to_bytes(stego)

    def test_loaded_weights_cannot_be_changed_by_accident(self, path, stego):
        save(path, stego)
        for array in (array for layer in load(path).weights for array in layer):
            with pytest.raises(ValueError, match="read-only"):
                array[:] = 0

    def test_the_safetensors_library_opens_it(self, path, stego):
        save(path, stego)
        with safe_open(path, framework="numpy") as file:
            names = {f"layers.{index}.{kind}" for index in range(4) for kind in ("weight", "bias")}
            assert set(file.keys()) == {"nonce", "slots", *names}
            assert file.get_tensor("nonce").tobytes() == stego.nonce
            assert file.get_tensor("slots").shape == (64, 32)
            np.testing.assert_array_equal(
                file.get_tensor("layers.3.weight"), stego.weights[3].weight
            )
            assert json.loads(file.metadata()["sirensong"]) == {
                "version": 1,
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
            (SecretKey(bytes([number] * 32)), Slot(Selection.KEYED, 0.05, 6, 9, b"digest"))
            for number in range(64)
        ]
        cover, one, full = (to_bytes(make_stego(secrets[:count])) for count in (0, 1, 64))
        assert len(cover) == len(one) == len(full)
        end = header_end(cover)
        assert cover[:end] == one[:end] == full[:end]
        start = header_of(cover)["slots"]["data_offsets"][0] + end
        for other in (one, full):
            assert cover[:start] + other[start : start + 2048] + cover[start + 2048 :] == other
            assert cover != other

    def test_golden(self, golden, fixed_weights):
        pinned = golden["carrier"]
        architecture = Architecture(
            pinned["hidden_features"], pinned["hidden_layers"], pinned["omega"]
        )
        nonce, entropy = bytes.fromhex(golden["nonce"]), bytes.fromhex(golden["slots"]["entropy"])
        weights = stack([fixed_weights(architecture)])
        stego = StegoFunction(
            architecture,
            Grid(),
            weights,
            pinned["height"],
            pinned["width"],
            nonce,
            seal_slots(nonce, [], entropy),
        )
        data = to_bytes(stego)
        assert stego.digest.hex() == pinned["digest"]
        assert len(data) == pinned["bytes"]
        assert hashlib.sha256(data).hexdigest() == pinned["sha256"]

    @pytest.mark.parametrize("length", [640, 896, 1152, 1408, 19_280])
    def test_a_header_whose_length_begins_like_a_pickle(self, path, carrier, stego, length):
        """In these lengths' lower bytes are the first two of a pickle or of a zip archive; spaces may fill a header up."""
        short = {
            **header_of(carrier),
            "__metadata__": {
                "sirensong": header_of(carrier)["__metadata__"]["sirensong"].replace(" ", "")
            },
        }
        text = json.dumps(short, separators=(",", ":")).encode()
        length += 2**16 if length < len(text) else 0
        path.write_bytes(with_header(carrier, text.ljust(length)))
        assert path.read_bytes()[:2] in (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK")
        assert_equal(load(path), stego)

    def test_a_function_whose_header_is_as_long(self, path):
        """A header of 0x480 bytes, which five layers of one feature have."""
        stego = function_of(1, 5, 30.0, Grid(), 256, 256, seed=1)
        assert to_bytes(stego)[:8] == b"\x80\x04" + bytes(6)
        save(path, stego)
        assert_equal(load(path), stego)


class TestSave:
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
        assert "directory" in assert_refused(tmp_path, FileError).message

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
        """Whether loading raises a FormatError of one printable line, or gives a function that is valid."""
        path.write_bytes(data)
        try:
            stego = load(path)
        except FormatError as error:
            return error.message.isprintable()
        finite = all(np.isfinite(array).all() for layer in stego.weights for array in layer)
        return finite and (len(stego.nonce), len(stego.slots)) == (32, 2048)

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
    @pytest.mark.parametrize(
        "name",
        ["nonce", "slots", "layers.0.weight", "layers.0.bias", "layers.3.weight", "layers.3.bias"],
    )
    def test_one_missing(self, path, parts, name):
        tensors, metadata = parts
        path.write_bytes(
            pack({key: value for key, value in tensors.items() if key != name}, metadata)
        )
        assert f"lacks {name}" in assert_refused(path).message

    @pytest.mark.parametrize(
        "name",
        [
            "mask",
            "layers.4.weight",
            "layers.00.bias",
            "layers.0.Weight",
            "\x1b[2J",
            "x" * 500,
            "\n",
        ],
    )
    def test_one_too_many(self, path, parts, name):
        tensors, metadata = parts
        path.write_bytes(pack({**tensors, name: np.zeros(1, np.float32)}, metadata))
        assert "extra tensor" in assert_refused(path).message

    @pytest.mark.parametrize(
        ("name", "shape"),
        [
            *[("nonce", shape) for shape in ((31,), (32, 1), ())],
            *[("slots", shape) for shape in ((2048,), (32, 64), (63, 32))],
            *[("layers.1.weight", shape) for shape in ((144,), (12, 0), (13, 12))],
            *[("layers.3.bias", shape) for shape in ((3, 1), (4,), ())],
            ("layers.0.weight", (2, 12)),
            ("layers.3.weight", (12, 3)),
        ],
    )
    def test_one_of_another_shape(self, path, parts, name, shape):
        tensors, metadata = parts
        path.write_bytes(pack({**tensors, name: np.zeros(shape, tensors[name].dtype)}, metadata))
        assert f"tensor {name} should be" in assert_refused(path).message

    @pytest.mark.parametrize(
        "dtype", [np.float64, np.float16, np.int32, np.uint32, np.int8, np.bool_, np.complex64]
    )
    @pytest.mark.parametrize("name", ["nonce", "slots", "layers.0.weight", "layers.3.bias"])
    def test_one_of_another_dtype(self, path, parts, name, dtype):
        tensors, metadata = parts
        path.write_bytes(pack({**tensors, name: np.zeros(tensors[name].shape, dtype)}, metadata))
        assert f"tensor {name} should be" in assert_refused(path).message

    @pytest.mark.parametrize(
        "dtype", ["I8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F4", "F6_E2M3", "BF16", "Q7", ""]
    )
    def test_a_dtype_that_numpy_does_not_have(self, path, carrier, dtype):
        header = header_of(carrier)
        header["nonce"]["dtype"] = dtype
        path.write_bytes(with_header(carrier, header))
        assert_refused(path)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    @pytest.mark.parametrize(
        "name", ["layers.0.weight", "layers.0.bias", "layers.3.weight", "layers.3.bias"]
    )
    def test_values_that_are_not_finite(self, path, parts, name, value):
        tensors, metadata = parts
        spoiled = tensors[name].copy()
        spoiled.flat[-1] = value
        path.write_bytes(pack({**tensors, name: spoiled}, metadata))
        assert f"tensor {name} has values that are not finite" in assert_refused(path).message

    @pytest.mark.parametrize(
        "offsets",
        [[0, 0], [4, 36], [-1, 31], [36, 4], [0, 2**64 - 1], [0, 2**64], [0.5, 32], "0", []],
    )
    def test_offsets_that_do_not_fit(self, path, carrier, offsets):
        header = header_of(carrier)
        header["nonce"]["data_offsets"] = offsets
        path.write_bytes(with_header(carrier, header))
        assert_refused(path)

    @pytest.mark.parametrize("shape", [[2**63, 2], [2**64 - 1], [-32], [32.0], ["32"], {}])
    def test_shapes_that_do_not_fit(self, path, carrier, shape):
        header = header_of(carrier)
        header["nonce"]["shape"] = shape
        path.write_bytes(with_header(carrier, header))
        assert_refused(path)


class TestMetadata:
    @pytest.mark.parametrize(
        "metadata",
        [
            None,
            {},
            {"format": "pt"},
            {"sirensong": "{}", "format": "pt"},
            {"Sirensong": "{}"},
            {"sirensong ": "{}"},
        ],
    )
    def test_none_or_another(self, path, parts, metadata):
        path.write_bytes(pack(parts[0], metadata))
        assert (
            "no carrier: expected the one metadata field 'sirensong'"
            in assert_refused(path).message
        )

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "{",
            "{'version': 1}",
            "\0",
            "\ud7ff",
            "NaN,",
            "[" * 100_000,
            '{"a":' * 100_000,
            "1" * 5000,
            '{"version": 1' + "0" * 5000,
        ],
    )
    def test_no_json(self, path, parts, text):
        path.write_bytes(pack(parts[0], {"sirensong": text}))
        assert "is not JSON" in assert_refused(path).message

    @pytest.mark.parametrize(
        "text", ["null", "1", "[]", '"version"', "{}", "true", "NaN", '[["version", 1]]']
    )
    def test_json_of_another_kind(self, path, parts, text):
        path.write_bytes(pack(parts[0], {"sirensong": text}))
        assert "expected fields" in assert_refused(path).message

    @pytest.mark.parametrize(
        "name", ["version", "hidden_features", "hidden_layers", "omega", "height", "width"]
    )
    def test_a_field_missing(self, path, carrier, name):
        path.write_bytes(with_fields(carrier, **{name: None}))
        assert "expected fields" in assert_refused(path).message

    @pytest.mark.parametrize("name", ["seed", "secrets", "Height", ""])
    def test_a_field_too_many(self, path, carrier, name):
        path.write_bytes(with_fields(carrier, **{name: 1}))
        assert "expected fields" in assert_refused(path).message

    @pytest.mark.parametrize(
        "value", [True, False, 3.0, 0.5, "3", "", [3], {}, float("nan"), float("inf")]
    )
    @pytest.mark.parametrize(
        "name", ["version", "hidden_features", "hidden_layers", "height", "width"]
    )
    def test_a_whole_number_of_another_type(self, path, carrier, name, value):
        path.write_bytes(with_fields(carrier, **{name: value}))
        assert "value of the wrong type" in assert_refused(path).message

    @pytest.mark.parametrize("value", [True, "20", [20.0], {}])
    def test_an_omega_of_another_type(self, path, carrier, value):
        path.write_bytes(with_fields(carrier, omega=value))
        assert "value of the wrong type" in assert_refused(path).message

    @pytest.mark.parametrize(
        "value",
        [
            float("nan"),
            float("inf"),
            -float("inf"),
            0,
            0.0,
            -1.5,
            -20,
            10_001,
            1e300,
            10**400,
            -(10**4000),
        ],
    )
    def test_an_omega_out_of_range(self, path, carrier, value):
        path.write_bytes(with_fields(carrier, omega=value))
        assert_refused(path)

    @pytest.mark.parametrize(
        "value", [0, -1, 65_536, 2**31, 2**63, 2**64, 10**400, 10**4000, -(2**63), -(10**4000)]
    )
    @pytest.mark.parametrize("name", ["hidden_features", "hidden_layers", "height", "width"])
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
        ],
    )
    def test_sizes_that_the_tensors_do_not_have(self, path, carrier, name, value):
        path.write_bytes(with_fields(carrier, **{name: value}))
        assert_refused(path)

    @pytest.mark.parametrize("version", [0, 2, 99, -1])
    def test_another_version(self, path, carrier, version):
        path.write_bytes(with_fields(carrier, version=version))
        error = assert_refused(path)
        assert f"format version {version}, expected 1" in error.message
        assert "newer" in error.hint

    def test_a_whole_omega_is_fine(self, path, carrier, stego):
        path.write_bytes(with_fields(carrier, omega=20))
        assert_equal(load(path), stego)


@pytest.mark.parametrize("in_memory", [2**26, 0])
def test_where_a_tensor_lies_is_read_from_the_header(stego, tmp_path, monkeypatch, in_memory):
    """Tensors in another order, behind a header of an odd length, are found; also where they are mapped."""
    monkeypatch.setattr(mapped, "IN_MEMORY", in_memory)
    data = to_bytes(stego)
    header, body = header_of(data), data[header_end(data) :]
    metadata, moved = {"__metadata__": header.pop("__metadata__")}, b""
    for name, about in reversed(header.items()):
        start, end = about["data_offsets"]
        metadata[name] = about | {"data_offsets": [len(moved), len(moved) + end - start]}
        moved += body[start:end]
    text = json.dumps(metadata).encode()
    (tmp_path / "a").write_bytes(
        with_header(struct.pack("<Q", 0) + moved, text + b" " * (len(text) % 2 == 0))
    )
    assert_equal(load(tmp_path / "a"), stego)


def test_of_a_tensor_that_is_named_twice_the_last_counts(stego, tmp_path):
    """In the library's reading of the header and in ours."""
    header = header_of(to_bytes(stego))
    right, wrong = (
        json.dumps(header)[1:-1],
        json.dumps({"layers.0.weight": header["layers.0.bias"]})[1:-1],
    )
    (tmp_path / "a").write_bytes(with_header(to_bytes(stego), f"{{{wrong}, {right}}}".encode()))
    assert_equal(load(tmp_path / "a"), stego)
    (tmp_path / "b").write_bytes(with_header(to_bytes(stego), f"{{{right}, {wrong}}}".encode()))
    assert_refused(tmp_path / "b")
