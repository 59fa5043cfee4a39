"""The mask file: the paper's sparse vector, its size, and what happens to a damaged one."""

import hashlib
import itertools
import math
import stat
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions import alone, initial
from sirensong.errors import FileError, FormatError, SettingError
from sirensong.network.mask import (
    Mask,
    mask_from_bytes,
    mask_to_bytes,
    read_mask,
    write_mask,
)
from sirensong.network.siren import Architecture
from sirensong.network.substitution import magnitude_positions, random_positions, selected_count

HEADER = struct.calcsize("<8s4s8sHBHBI")


def mask_of(architecture, ratio, nonce, tiles=1):
    positions = tuple(random_positions(nonce, architecture, ratio, range(tiles)))
    return Mask(architecture, ratio, positions, nonce[:8])


def flat(mask):
    return [[places.tolist() for places in positions] for positions in mask.positions]


def checked(data):
    """A file's bytes with the checksum put right."""
    return data[:8] + hashlib.sha256(data[12:]).digest()[:4] + data[12:]


def entropy_bits(mask):
    """log2 of the number of masks with as many ones in each matrix."""
    total = 0.0
    for places, (out, into) in zip(mask.positions[0], mask.architecture.shapes, strict=True):
        n, k = out * into, len(places)
        total += (math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)) / math.log(2)
    return total


@pytest.fixture(scope="module")
def mask(architecture, nonce):
    return mask_of(architecture, 0.05, nonce)


DENSE_BITS, INDEX_BITS = 8, 8  # of a mask's entry, and of a row's or a column's number


def test_the_example_of_section_3_6():
    """A mask of 8 x 8 entries is 512 bits; the 3 ones as pairs of indices are 48: 90.62 % less."""
    ones = selected_count(0.05, 64)
    assert ones == 3
    assert (64 * DENSE_BITS, 2 * ones * INDEX_BITS) == (512, 48)
    assert math.floor((1 - 48 / 512) * 10_000) / 100 == 90.62


class TestRoundTrip:
    @given(
        architecture=st.builds(Architecture, st.integers(1, 14), st.integers(2, 5)),
        units=st.integers(1, 9999),
        nonce=st.binary(min_size=32, max_size=32),
    )
    def test_any_architecture_and_ratio(self, architecture, units, nonce):
        mask = mask_of(architecture, units / 10_000, nonce)
        back = mask_from_bytes(mask_to_bytes(mask))
        assert back.fits(architecture, 1, units / 10_000, nonce)
        assert (back.ratio, back.carrier) == (mask.ratio, mask.carrier)
        assert flat(back) == flat(mask)
        assert {places.dtype for places in back.positions[0]} == {np.dtype(np.int64)}

    @pytest.mark.parametrize("tiles", [1, 2, 3, 12])
    def test_any_number_of_tiles(self, nonce, tiles):
        mask = mask_of(Architecture(16, 3), 0.05, nonce, tiles)
        back = mask_from_bytes(mask_to_bytes(mask))
        assert len(back.positions) == tiles
        assert flat(back) == flat(mask)
        assert back.fits(mask.architecture, tiles, 0.05, nonce)

    @pytest.mark.parametrize(
        ("features", "layers", "ratio"),
        [(1, 2, 0.05), (1024, 2, 0.0001), (1, 64, 0.5), (64, 2, 0.9999)],
    )
    def test_the_ends_of_the_ranges(self, nonce, features, layers, ratio):
        mask = mask_of(Architecture(features, layers), ratio, nonce)
        back = mask_from_bytes(mask_to_bytes(mask))
        assert back.architecture.shapes == mask.architecture.shapes
        assert flat(back) == flat(mask)

    def test_a_file(self, tmp_path, mask):
        write_mask(tmp_path / "a.mask", mask)
        assert (tmp_path / "a.mask").read_bytes() == mask_to_bytes(mask)
        assert flat(read_mask(tmp_path / "a.mask")) == flat(mask)

    def test_a_file_is_as_private_as_a_key(self, tmp_path, mask, set_umask):
        set_umask(0)
        write_mask(tmp_path / "a.mask", mask)
        assert stat.S_IMODE((tmp_path / "a.mask").stat().st_mode) == 0o600

    def test_a_file_is_not_overwritten_unasked(self, tmp_path, mask, architecture, nonce):
        write_mask(tmp_path / "a.mask", mask)
        other = mask_of(architecture, 0.1, nonce)
        with pytest.raises(FileError, match="exists"):
            write_mask(tmp_path / "a.mask", other)
        assert read_mask(tmp_path / "a.mask").ratio == 0.05
        write_mask(tmp_path / "a.mask", other, overwrite=True)
        assert read_mask(tmp_path / "a.mask").ratio == 0.1

    def test_a_repr_shows_no_positions(self, mask):
        assert "positions" not in repr(mask)

    @pytest.mark.parametrize("ratio", [0, 1, 0.12345])
    def test_a_ratio_that_no_carrier_has_is_refused(self, mask, ratio):
        with pytest.raises(SettingError, match="ratio"):
            mask_to_bytes(Mask(mask.architecture, ratio, mask.positions, mask.carrier))


class TestSize:
    def test_the_paper_s_network_at_5_percent(self, nonce):
        mask = mask_of(Architecture(128, 8), 0.05, nonce)
        size = len(mask_to_bytes(mask))
        assert size <= 4800
        assert entropy_bits(mask) / 8 < size <= 1.03 * entropy_bits(mask) / 8 + HEADER

    def test_the_largest_weights_of_a_function(self):
        architecture = Architecture(128, 8)
        weights = initial(architecture, np.random.default_rng(3))
        mask = Mask(architecture, 0.05, tuple(magnitude_positions(alone(weights), 0.05)), bytes(8))
        size = len(mask_to_bytes(mask))
        assert size <= 1.03 * entropy_bits(mask) / 8 + HEADER
        ones = sum(len(places) for places in mask.positions[0])
        as_pairs, dense = 2 * ones * INDEX_BITS, architecture.matrix_entries * DENSE_BITS
        assert size * 8 < as_pairs / 2 < dense / 2

    @pytest.mark.parametrize("ratio", [0.01, 0.05, 0.1, 0.2, 0.4])
    def test_near_the_entropy_at_every_usual_ratio(self, nonce, ratio):
        mask = mask_of(Architecture(64, 6), ratio, nonce)
        assert len(mask_to_bytes(mask)) <= 1.05 * entropy_bits(mask) / 8 + HEADER


class TestFits:
    def test_its_own_carrier_whatever_omega(self, mask, architecture, nonce):
        assert mask.fits(architecture, 1, 0.05, nonce)
        assert mask.fits(
            Architecture(architecture.hidden_features, architecture.hidden_layers, 3.0),
            1,
            0.05,
            nonce,
        )

    def test_no_other(self, mask, architecture, nonce):
        assert not mask.fits(architecture, 1, 0.05, nonce[::-1])
        assert not mask.fits(architecture, 2, 0.05, nonce)
        assert not mask.fits(architecture, 1, 0.051, nonce)
        assert not mask.fits(
            Architecture(architecture.hidden_features + 1, architecture.hidden_layers),
            1,
            0.05,
            nonce,
        )
        assert not mask.fits(
            Architecture(architecture.hidden_features, architecture.hidden_layers + 1),
            1,
            0.05,
            nonce,
        )

    def test_a_ratio_is_compared_as_carriers_keep_it(self, architecture, nonce):
        assert mask_of(architecture, 0.1 + 0.2, nonce).fits(architecture, 1, 0.3, nonce)


class TestHostile:
    def test_truncated_at_every_length(self, mask):
        data = mask_to_bytes(mask)
        for size in range(len(data)):
            with pytest.raises(FormatError):
                mask_from_bytes(data[:size])

    def test_truncated_at_every_length_with_the_checksum_put_right(self, mask):
        data = mask_to_bytes(mask)
        for size in range(12, len(data)):
            with pytest.raises(FormatError):
                mask_from_bytes(checked(data[:size]))

    def test_every_flipped_bit_is_noticed(self, mask):
        data = mask_to_bytes(mask)
        for bit in range(8 * len(data)):
            flipped = (int.from_bytes(data) ^ (1 << bit)).to_bytes(len(data))
            with pytest.raises(FormatError):
                mask_from_bytes(flipped)

    @pytest.mark.parametrize("trailing", [b"\0", b"\xff", b"\xff" * 100, bytes(100)])
    def test_trailing_bytes(self, mask, trailing):
        data = mask_to_bytes(mask) + trailing
        with pytest.raises(FormatError, match="checksum"):
            mask_from_bytes(data)
        with pytest.raises(FormatError, match="longer than its contents"):
            mask_from_bytes(checked(data))

    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"SRNGMSK1",
            b"SRNGMSK2" + bytes(100),
            b"PK\x03\x04" + bytes(100),
            b"\x80\x04" + bytes(100),
        ],
    )
    def test_other_files(self, data):
        with pytest.raises(FormatError, match="is not a mask file"):
            mask_from_bytes(data)

    @pytest.mark.parametrize("layer", range(4))
    def test_positions_out_of_range(self, mask, layer):
        """A position in the next matrix, or behind the last, in a file that is sound otherwise."""
        out, into = mask.architecture.shapes[layer]
        positions = list(mask.positions[0])
        positions[layer] = np.append(positions[layer][:-1], out * into)
        if layer < 3:
            positions[layer + 1] = np.append(positions[layer + 1][1:], positions[layer + 1][-1] + 1)
        data = mask_to_bytes(Mask(mask.architecture, mask.ratio, (tuple(positions),), mask.carrier))
        with pytest.raises(FormatError, match="outside its weight matrix"):
            mask_from_bytes(data)

    @pytest.mark.parametrize("layer", range(1, 4))
    def test_a_position_before_its_matrix(self, mask, layer):
        """Each matrix's last is where it should be; the first of one lies in the matrix before."""
        positions = [places.copy() for places in mask.positions[0]]
        positions[layer - 1] = np.arange(len(positions[layer - 1]))
        positions[layer][0] = -1
        data = mask_to_bytes(Mask(mask.architecture, mask.ratio, (tuple(positions),), mask.carrier))
        with pytest.raises(FormatError, match="outside its weight matrix"):
            mask_from_bytes(data)

    def test_billions_of_tiles_without_positions(self):
        """At a small ratio no matrix has one, so that no codes are missing."""
        fields = struct.pack("<8sHBHBI", bytes(8), 1, 2, 1, 0, 2**32 - 1)
        with pytest.raises(FormatError, match="it ends early"):
            mask_from_bytes(checked(b"SRNGMSK1" + bytes(4) + fields))

    @pytest.mark.parametrize(
        ("features", "layers", "units", "rice"),
        [
            (0, 3, 500, 4),
            (1025, 3, 500, 4),
            (65535, 3, 500, 4),
            (12, 0, 500, 4),
            (12, 1, 500, 4),
            (12, 65, 500, 4),
            (12, 255, 500, 4),
            (12, 3, 0, 4),
            (12, 3, 10_000, 4),
            (12, 3, 65535, 4),
            (12, 3, 500, 16),
            (12, 3, 500, 255),
        ],
    )
    def test_sizes_out_of_range(self, features, layers, units, rice):
        fields = struct.pack("<8sHBHBI", bytes(8), features, layers, units, rice, 1)
        with pytest.raises(FormatError, match="is not a mask file"):
            mask_from_bytes(checked(b"SRNGMSK1" + bytes(4) + fields + bytes(40)))

    @pytest.mark.parametrize("tiles", [0, 2, 1000, 2**32 - 1])
    def test_more_or_fewer_tiles_than_there_are_bits_for(self, mask, tiles):
        data = mask_to_bytes(mask)
        with pytest.raises(FormatError):
            mask_from_bytes(checked(data[: HEADER - 4] + struct.pack("<I", tiles) + data[HEADER:]))

    @given(
        sizes=st.tuples(
            st.integers(0, 20),
            st.integers(0, 6),
            st.integers(0, 10_001),
            st.integers(0, 17),
            st.integers(0, 3),
        ),
        content=st.binary(max_size=60),
    )
    def test_anything_with_a_right_checksum_is_refused_or_a_mask(self, sizes, content):
        try:
            mask = mask_from_bytes(
                checked(
                    b"SRNGMSK1" + bytes(4) + struct.pack("<8sHBHBI", bytes(8), *sizes) + content
                )
            )
        except FormatError as error:
            mask, message = None, error.message
        if mask is None:
            assert message.isprintable()
            return
        shapes = mask.architecture.shapes * len(mask.positions)
        for places, (out, into) in zip(itertools.chain(*mask.positions), shapes, strict=True):
            assert len(places) == selected_count(mask.ratio, out * into)
            assert set(places.tolist()) <= set(range(out * into))
            assert (np.diff(places) > 0).all()

    def test_a_message_names_the_file(self, tmp_path, mask):
        (tmp_path / "a.mask").write_bytes(mask_to_bytes(mask)[:-1])
        with pytest.raises(FormatError, match=r"a\.mask is damaged"):
            read_mask(tmp_path / "a.mask")
        with pytest.raises(FileError, match=r"cannot read .*b\.mask"):
            read_mask(tmp_path / "b.mask")


def test_golden(golden):
    pinned = golden["mask"]
    architecture = Architecture(pinned["hidden_features"], pinned["hidden_layers"])
    data = mask_to_bytes(mask_of(architecture, pinned["ratio"], bytes.fromhex(golden["nonce"])))
    assert len(data) == pinned["bytes"]
    assert hashlib.sha256(data).hexdigest() == pinned["sha256"]
