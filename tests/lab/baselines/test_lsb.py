"""LSB against the printed row, against another package, and against whoever has no key."""

import io
import math
import os
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data as photographs
from stego_lsb.bit_manipulation import lsb_interleave_bytes

from sirensong.errors import FormatError, MissingDependencyError, NoPictureError, SettingError
from sirensong.keys.secret import SecretKey
from sirensong.lab.baselines.lsb import codec, method, sealing
from sirensong.lab.baselines.lsb.bits import (
    adjust,
    low_values,
    neighbours,
    pack,
    replace,
    unpack,
)
from sirensong.lab.baselines.lsb.method import Lsb
from sirensong.lab.baselines.lsb.sealing import LowBits
from sirensong.lab.baselines.method import decode_png, encode_png
from sirensong.pictures.metrics import measure
from sirensong.pictures.opening import HAS_AVIF

needs_avif = pytest.mark.skipif(not HAS_AVIF, reason="this Pillow has no AVIF")

KEYS = [SecretKey(bytes([place]) * 32) for place in range(1, 26)]
SEALED = ("tamimi", "codec1", "codec2", "codec3", "codec4")

# DeepMIH's table (Guan et al. 2022), RMSE and MAE of stego-2, secret 1, secret 2
PRINTED = {
    "coco": ((6.60, 5.40), (17.93, 15.31), (68.79, 58.90)),
    "div2k": ((6.58, 5.38), (18.16, 15.57), (69.38, 60.29)),
}


def noise(seed, side=32):
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


def photograph(place, side=64):
    """Parts of photographs, reduced to a size."""
    whole = (photographs.chelsea, photographs.rocket)[place % 2]()
    part = Image.fromarray(whole[:300, 40 * place : 40 * place + 300])
    return np.asarray(part.resize((side, side), Image.Resampling.LANCZOS))


def flat(*samples):
    """A picture whose rows begin with these samples, and then repeat the last."""
    row = np.array([*samples, *[samples[-1]] * (24 - len(samples))], np.uint8)
    return np.tile(row.reshape(1, 8, 3), (8, 1, 1))


def mse(one, other):
    return float(np.mean((one.astype(float) - other) ** 2))


@pytest.fixture
def fast_png(monkeypatch):
    """Files that take no time to compress."""

    def encode(rgb):
        file = io.BytesIO()
        Image.fromarray(rgb).save(file, "PNG", compress_level=0)
        return file.getvalue()

    monkeypatch.setattr(method, "encode_png", encode)


class TestHighBits:
    def test_published_replaces_four_bits_by_three_and_one(self):
        cover, one = flat(0b1011_0101, 0, 255), flat(0b110_10010, 0b001_11111, 255)
        two = flat(0b1_0000001, 0b0_1111111, 128)
        lsb = Lsb()
        file = lsb.hide(cover, [one, two])
        assert lsb.view(file)[0, 0].tolist() == [0b1011_1101, 0b0000_0010, 0b1111_1111]
        assert lsb.reveal(file, 0)[0, 0].tolist() == [0b110_00000, 0b001_00000, 0b111_00000]
        assert lsb.reveal(file, 1)[0, 0].tolist() == [128, 0, 128]

    def test_one_published_secret_has_all_four(self):
        lsb = Lsb("published", 1)
        file = lsb.hide(flat(0b1011_0101), [flat(0b0110_1111)])
        assert lsb.view(file)[0, 0, 0] == 0b1011_0110
        assert lsb.reveal(file, 0)[0, 0, 0] == 0b0110_0000

    @pytest.mark.parametrize(
        ("count", "kept"), [(1, [4]), (2, [2, 2]), (3, [2, 1, 1]), (4, [1] * 4)]
    )
    def test_plain_shares_four_bits_and_reads_the_middle(self, count, kept):
        lsb, secrets = Lsb("plain", count), [noise(seed) for seed in range(count)]
        cover = noise(9)
        file = lsb.hide(cover, secrets)
        for index, (secret, bits) in enumerate(zip(secrets, kept, strict=True)):
            step = 256 >> bits
            expected = secret // step * step + step // 2
            assert np.array_equal(lsb.reveal(file, index), expected)
        assert np.abs(lsb.view(file).astype(int) - cover).max() <= 15

    @pytest.mark.parametrize("lists", PRINTED)
    def test_the_printed_row(self, lists, fast_png):
        folder = os.environ.get("SIRENSONG_DATA")
        if not folder:
            pytest.skip("SIRENSONG_DATA, the folder of the benchmarks' pictures, is not set")
        paths = sorted((Path(folder) / lists).glob("*.png"))[:60]
        if not paths:
            pytest.skip(f"{Path(folder) / lists} is not there")
        pictures = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
        found = []
        for place, cover in enumerate(pictures):
            secrets = [pictures[(place + after) % len(pictures)] for after in (1, 2)]
            file = Lsb().hide(cover, secrets)
            renders = [Lsb().view(file), Lsb().reveal(file, 0), Lsb().reveal(file, 1)]
            errors = [
                picture.astype(float) - render
                for picture, render in zip([cover, *secrets], renders, strict=True)
            ]
            found.append([(math.sqrt((e**2).mean()), np.abs(e).mean()) for e in errors])
        assert np.mean(found, 0) == pytest.approx(np.array(PRINTED[lists]), rel=0.03)

    def test_the_printed_row_of_other_photographs(self):
        """Errors of the first secret hardly hang on the pictures, unless dark or bright."""
        pictures = [photograph(place, 96) for place in range(4)]
        found = []
        for cover, one, two in zip(pictures, pictures[1:], pictures[2:], strict=False):
            file = Lsb().hide(cover, [one, two])
            quality = measure(one, Lsb().reveal(file, 0))
            found.append((quality.rmse, quality.mae))
        assert np.mean(found, 0) == pytest.approx(np.array(PRINTED["coco"][1]), rel=0.03)


class TestAgainstStegoLsb:
    @pytest.mark.parametrize("bits", [1, 2, 3, 4])
    def test_the_same_samples(self, bits):
        cover, message = noise(1), np.random.default_rng(2).bytes(32 * 32 * 3 * bits // 8)
        rates = np.full(cover.size, bits, np.uint8)
        values = pack(np.unpackbits(np.frombuffer(message, np.uint8)), rates)
        theirs = lsb_interleave_bytes(cover.tobytes(), message, bits)
        assert replace(cover.ravel(), values, rates).tobytes() == theirs

    def test_plain_has_half_their_distortion_and_the_same_bits(self):
        cover, one, two = noise(1, 96), noise(2, 96), noise(3, 96)
        values = one >> 6 << 2 | two >> 6
        message = np.packbits(np.unpackbits(values[..., None], axis=-1)[..., 4:]).tobytes()
        theirs = lsb_interleave_bytes(cover.tobytes(), message, 4)
        theirs = np.frombuffer(theirs, np.uint8).reshape(cover.shape)
        lsb = Lsb("plain")
        ours = lsb.view(lsb.hide(cover, [one, two]))
        assert np.array_equal(ours & 15, theirs & 15)
        assert mse(theirs, cover) == pytest.approx((4**4 - 1) / 6, rel=0.03)
        # noise reaches 0 and 255, where the other side is out of range
        inner = (cover >= 16) & (cover < 240)
        assert mse(ours[inner], cover[inner]) == pytest.approx((4**4 + 2) / 12, rel=0.03)


def arrays(count, largest):
    return st.lists(st.integers(0, largest), min_size=count, max_size=count)


class TestBits:
    @pytest.mark.parametrize("band", [16, 256])
    @pytest.mark.parametrize("bits", [1, 2, 3, 4])
    def test_adjustment_finds_the_nearest_sample(self, bits, band):
        """All covers, all values and both sides of the coin, against all levels."""
        step, levels = 1 << bits, np.arange(256)
        grid = np.meshgrid(levels, np.arange(step), [0, 1], indexing="ij")
        cover, values, coins = (axis.ravel() for axis in grid)
        samples = [array.astype(np.uint8) for array in (cover, values, np.full_like(cover, bits))]
        ours, plain = adjust(*samples, coins.astype(np.uint8), band), replace(*samples)
        assert ours.dtype == np.uint8
        ours, plain = ours.astype(int), plain.astype(int)
        assert np.array_equal(ours % step, values)
        assert np.array_equal(ours // band, cover // band)
        fine = (levels % step == values[:, None]) & (levels // band == cover[:, None] // band)
        nearest = np.where(fine, np.abs(levels - cover[:, None]), 999).min(1)
        assert np.array_equal(np.abs(ours - cover), nearest)
        assert (np.abs(ours - cover) <= np.abs(plain - cover)).all()

    def test_a_coin_decides_between_sides_as_near(self):
        cover, one = np.array([8, 9, 8, 9, 0, 255], np.uint8), np.ones(6, np.uint8)
        values, coins = 1 - (cover & 1), np.array([0, 0, 1, 1, 1, 1], np.uint8)
        assert adjust(cover, values, one, coins).tolist() == [9, 8, 7, 10, 1, 254]

    @given(st.data(), st.integers(0, 40))
    def test_bits_read_back_in_their_order(self, data, count):
        rates = np.array(data.draw(arrays(count, 3)), np.uint8) + np.uint8(1)
        total = int(rates.sum())
        bits = np.array(data.draw(arrays(total, 1)), np.uint8)
        values = pack(bits, rates)
        texts = [format(value, f"0{rate}b") for value, rate in zip(values, rates, strict=True)]
        assert "".join(texts) == "".join(map(str, bits))
        assert np.array_equal(unpack(values | np.uint8(0xF0), rates), bits)

    def test_neighbours_decide_as_the_readme_says(self):
        picture = noise(4, 12)
        rates = neighbours(picture)
        assert rates[0].max() == rates[:, 0].max() == 1
        for row in range(1, 12):
            for column in range(1, 12):
                for channel in range(3):
                    left, upper = (
                        picture[row, column - 1, channel],
                        picture[row - 1, column, channel],
                    )
                    unlike = (int(left) >> 4) ^ (int(upper) >> 4)
                    expected = min(4, 1 + math.ceil(math.log2(unlike + 1)))
                    assert rates[row, column, channel] == expected
        assert set(rates.ravel().tolist()) == {1, 2, 3, 4}

    def test_embedding_leaves_the_neighbours_rates(self):
        cover = noise(5)
        rates = neighbours(cover)
        values, coins = low_values(noise(6), rates), noise(7) & 1
        stego = adjust(cover, values, rates, coins, 16)
        assert np.array_equal(neighbours(stego), rates)
        assert np.array_equal(low_values(stego, rates), values)
        assert mse(stego, cover) < mse(replace(cover, values, rates), cover)


class TestSealing:
    @settings(max_examples=25)
    @given(st.data(), st.sampled_from([0, 1, 2, 3, 4]), st.integers(1, 5), st.booleans())
    def test_every_file_is_read_back_from_the_samples(self, data, bits, recipients, same_key):
        cover = noise(data.draw(st.integers(0, 2**32)), 24)
        rates = np.full_like(cover, bits) if bits else neighbours(cover)
        keys = [KEYS[0]] * recipients if same_key else KEYS[:recipients]
        low = LowBits.random(rates.ravel(), recipients)
        files = []
        for index, key in enumerate(keys):
            files.append(data.draw(st.binary(max_size=60))[: low.room(index)])
            low.seal(index, key, files[-1])
        stego = adjust(cover, low.values.reshape(cover.shape), rates, cover & 1, 16)
        read = LowBits(low_values(stego, rates).ravel(), rates.ravel(), recipients)
        assert [read.open(index, key) for index, key in enumerate(keys)] == files

    def test_a_file_may_fill_all_its_room(self):
        low = LowBits.random(np.full(1000, 3, np.uint8), 2)
        assert low.room(0) == 3 * 479 // 8 - 20  # 43 samples have the nonce, the first gets 479
        assert low.room(1) == 3 * 478 // 8 - 20
        low.seal(0, KEYS[0], bytes(low.room(0)))
        assert low.open(0, KEYS[0]) == bytes(low.room(0))

    def test_without_room_there_is_nothing_to_open(self):
        low = LowBits.random(np.ones(192, np.uint8), 25)
        assert [low.room(index) for index in range(25)] == [0] * 25
        with pytest.raises(NoPictureError, match="secret 25"):
            low.open(24, KEYS[24])

    def test_a_key_opens_its_own_file_only(self):
        low = LowBits.random(np.full(6000, 2, np.uint8), 25)
        for index, key in enumerate(KEYS):
            low.seal(index, key, bytes([index]))
        for index in range(25):
            for place, key in enumerate(KEYS):
                if index == place:
                    assert low.open(index, key) == bytes([index])
                else:
                    with pytest.raises(NoPictureError, match=f"secret {index + 1}:"):
                        low.open(index, key)

    def test_whatever_is_derived_serves_once(self, monkeypatch):
        """One key for two recipients of two carriers: each message and order has its own."""
        derived = []

        def spy(name):
            function = getattr(sealing, name)

            def record(secret, nonce, purpose, *count):
                derived.append((secret, nonce, purpose))
                return function(secret, nonce, purpose, *count)

            monkeypatch.setattr(sealing, name, record)

        spy("derive")
        spy("permutation")
        for _ in range(2):
            low = LowBits.random(np.full(1000, 2, np.uint8), 2)
            low.seal(0, KEYS[0], b"")
            low.seal(1, KEYS[0], b"")
        assert len(derived) == len(set(derived)) == 2 * (1 + 2 * 2)
        assert sum(secret == KEYS[0].secret for secret, *_ in derived) == 2 * 2 * 2

    def test_every_changed_bit_is_noticed(self):
        low = LowBits.random(np.full(300, 2, np.uint8), 1)  # 64 samples of nonce, 59 bytes
        low.seal(0, KEYS[0], b"file")
        for place in range(300):
            for bit in (1, 2):
                changed = low.values.copy()
                changed[place] ^= bit
                with pytest.raises(NoPictureError):
                    LowBits(changed, low.rates, 1).open(0, KEYS[0])

    @pytest.mark.parametrize("recipients", [1, 3])
    def test_all_bits_are_random_whatever_is_hidden(self, recipients):
        rates = np.full(30_000, 2, np.uint8)
        carriers = []
        for _ in range(2):
            low = LowBits.random(rates, recipients)
            for index in range(recipients):
                low.seal(index, KEYS[index], b"")
            carriers.append(low)
        one, other = (low.values for low in carriers)
        assert carriers[0].nonce != carriers[1].nonce
        for values in (one, one ^ other):
            counts = np.bincount(values, minlength=4)
            assert ((counts - 7500) ** 2 / 7500).sum() < 30  # chi-squared, 3 degrees: one in 10^6
            assert np.abs(np.bincount(values[:-1] * 4 + values[1:]) - 1875).max() < 260  # 6 sigma

    def test_a_length_beyond_the_message_is_refused(self, monkeypatch):
        low = LowBits.random(np.full(1000, 2, np.uint8), 1)
        monkeypatch.setattr(sealing, "LENGTH_BYTES", 2)
        low.seal(0, KEYS[0], b"\xff\xff")
        monkeypatch.undo()
        with pytest.raises(FormatError, match=r"claims 4294901762 bytes, expected at most 214"):
            low.open(0, KEYS[0])


@needs_avif
class TestCodec:
    def test_the_best_quality_that_fits(self):
        picture = photograph(0, 32)
        sizes = [len(codec._avif(picture, quality)) for quality in (0, 40, 41, 42, 100)]
        for size in sizes:
            assert len(codec.encode(picture, size, "it")) == size
        for smaller, size in pairwise(sizes):
            if smaller < size:
                assert smaller <= len(codec.encode(picture, size - 1, "it")) < size
        assert len(codec.encode(picture, 10**6, "it")) == sizes[-1]

    def test_colours_keep_their_resolution(self):
        picture = np.zeros((32, 32, 3), np.uint8)
        picture[:, ::2, 0], picture[:, 1::2, 2] = 255, 255
        again = codec.decode(codec.encode(picture, 10**5, "it"), (32, 32), "it")
        assert measure(picture, again).psnr > 35

    def test_what_is_too_large_says_what_fits(self):
        size = len(codec._avif(photograph(0, 32), 0))
        with pytest.raises(SettingError, match=f"^it takes {size} bytes .*, and {size - 1} fit$"):
            codec.encode(photograph(0, 32), size - 1, "it")

    def test_a_picture_of_another_size_is_refused(self):
        file = codec.encode(noise(0, 16), 10**5, "it")
        with pytest.raises(FormatError, match=r"^it is 16x16, expected the stego picture's 8x16$"):
            codec.decode(file, (16, 8), "it")
        with pytest.raises(FormatError, match=r"^it is damaged"):
            codec.decode(file[:-20], (16, 16), "it")

    def test_pillow_without_avif(self, monkeypatch):
        monkeypatch.setattr(codec, "HAS_AVIF", False)
        with pytest.raises(MissingDependencyError) as error:
            Lsb("codec2").hide(noise(0), [noise(1), noise(2)], KEYS[:2])
        assert "pillow" in error.value.hint


@needs_avif
class TestSealedMethods:
    @pytest.mark.parametrize("variant", SEALED)
    def test_secrets_come_back_as_their_files_show_them(self, variant, monkeypatch):
        files = []

        def encode(*arguments, _encode=codec.encode):
            files.append(_encode(*arguments))
            return files[-1]

        monkeypatch.setattr(codec, "encode", encode)
        cover, *secrets = (photograph(place, 80) for place in range(3))
        lsb = Lsb(variant)
        stego = lsb.hide(cover, secrets, KEYS[:2])
        for index, secret in enumerate(secrets):
            revealed = lsb.reveal(stego, index, KEYS[index])
            assert np.array_equal(revealed, codec.decode(files[index], (80, 80), "it"))
            assert measure(secret, revealed).psnr > 22
        if variant != "tamimi":
            bits = int(variant[-1])
            changes = lsb.view(stego).astype(int) - cover
            even = (cover % (1 << bits) == 0) & (cover > 0)  # replacement would only add to these
            assert {-(1 << bits >> 1), 1 << bits >> 1} <= set(changes[even].tolist())
            assert mse(lsb.view(stego), cover) == pytest.approx((4**bits + 2) / 12, rel=0.05)
            room = (80 * 80 * 3 * bits - 128) // 16 - 20
            assert room - 2 <= LowBits.random(np.full(80 * 80 * 3, bits, np.uint8), 2).room(0)
            assert max(map(len, files)) <= room + 1

    def test_more_bits_show_more(self):
        cover, secret = photograph(0, 48), photograph(1, 48)
        found = []
        for variant in ("codec1", "codec2", "codec3"):
            lsb = Lsb(variant, 1)
            file = lsb.hide(cover, [secret], KEYS[:1])
            found.append(measure(secret, lsb.reveal(file, 0, KEYS[0])).psnr)
        assert found[0] + 1 < found[1] < found[2] - 1

    def test_25_secrets(self, monkeypatch):
        monkeypatch.setattr(codec, "BEST", 10)
        ramp = np.linspace(0, 255, 96).astype(np.uint8)
        secrets = [np.empty((96, 96, 3), np.uint8) for _ in range(25)]
        for place, secret in enumerate(secrets):
            secret[:] = (ramp[:, None] // (1 + place % 3))[..., None]
        lsb = Lsb("codec4", 25)
        file = lsb.hide(photograph(0, 96), secrets, KEYS)
        for place in (0, 1, 24):
            assert measure(secrets[place], lsb.reveal(file, place, KEYS[place])).psnr > 25

    @pytest.mark.parametrize("variant", ["tamimi", "codec2"])
    def test_keys_isolate_and_changes_are_noticed(self, variant):
        cover, *secrets = (photograph(place, 80) for place in range(3))
        lsb = Lsb(variant)
        file = lsb.hide(cover, secrets, KEYS[:2])
        for index, key in ((0, KEYS[1]), (1, KEYS[0]), (0, KEYS[2])):
            with pytest.raises(NoPictureError, match="another's, or the stego picture was changed"):
                lsb.reveal(file, index, key)
        with pytest.raises(SettingError, match="reveals with a key"):
            lsb.reveal(file, 0)
        stego = decode_png(file)
        damages = [
            np.concatenate([stego[:40], stego[40:41] ^ 1, stego[41:]]),
            np.concatenate([stego[:1] ^ 1, stego[1:]]),  # the nonce
            np.minimum(stego, 254) + np.uint8(1),
            np.roll(stego, 1, 1),
            stego[:72],
        ]
        for damaged in damages:
            for index in (0, 1):
                with pytest.raises(NoPictureError):
                    lsb.reveal(encode_png(damaged), index, KEYS[index])

    def test_a_changed_sample_gives_no_other_picture(self):
        cover, *secrets = (photograph(place, 80) for place in range(3))
        lsb = Lsb("codec2")
        file = lsb.hide(cover, secrets, KEYS[:2])
        stego, whole = decode_png(file), [lsb.reveal(file, i, KEYS[i]) for i in (0, 1)]
        for place in range(0, stego.size, 2741):
            damaged = stego.copy()
            damaged.flat[place] ^= 2
            hurt = 0
            for index in (0, 1):
                try:
                    again = lsb.reveal(encode_png(damaged), index, KEYS[index])
                except NoPictureError:
                    hurt += 1
                else:
                    assert np.array_equal(again, whole[index])
            assert hurt == (2 if place < 64 else 1)  # 64 samples have the nonce

    def test_too_little_room_says_how_much_fits(self):
        with pytest.raises(SettingError) as error:
            Lsb("codec1", 3).hide(noise(0, 16), [noise(1, 16)] * 3, KEYS[:3])
        # 640 of 768 samples, 214 for the first: 26 whole bytes, 20 of them for length and tag
        assert "secret 1 takes " in error.value.message
        assert error.value.message.endswith("at the lowest quality, and 6 fit")
        assert "fewer secrets" in error.value.hint


class TestLsb:
    @pytest.mark.parametrize("variant", Lsb.variants)
    def test_what_each_variant_is(self, variant):
        lsb = Lsb(variant, 1)
        assert (lsb.name, lsb.variant, lsb.decoder_bytes) == ("lsb", variant, 0)
        assert lsb.keyed == (variant in SEALED)
        assert lsb.key_bits == (256 if variant in SEALED else 0)
        assert lsb.most == {"published": 2, "plain": 4}.get(variant, 25)
        again = pickle.loads(pickle.dumps(lsb))
        assert (type(again), vars(again)) == (type(lsb), vars(lsb))
        with pytest.raises(SettingError, match=f"1 to {lsb.most} pictures, got {lsb.most + 1}$"):
            Lsb(variant, lsb.most + 1)

    def test_the_default_is_the_printed_row(self):
        assert (Lsb().variant, Lsb.variants[0], Lsb().secrets) == ("published", "published", 2)

    def test_no_such_variant(self):
        with pytest.raises(SettingError, match=r"codec4, got 'codec5'$"):
            Lsb("codec5")

    @pytest.mark.parametrize("variant", Lsb.variants)
    def test_pictures_that_do_not_suit(self, variant):
        lsb = Lsb(variant)
        keys = KEYS[:2] if lsb.keyed else []
        with pytest.raises(SettingError, match=r"hides 2 pictures here, got 1$"):
            lsb.hide(noise(0), [noise(1)], keys)
        with pytest.raises(
            SettingError, match="secret 2 is 16x16, expected the cover's size, 32x32"
        ):
            lsb.hide(noise(0), [noise(1), noise(2, 16)], keys)
        with pytest.raises(SettingError, match=r"at least 8 pixels, got 7x7$"):
            lsb.hide(noise(0, 7), [noise(1, 7), noise(2, 7)], keys)
        with pytest.raises(SettingError, match=r"takes (no|2) keys, got [13]$"):
            lsb.hide(noise(0), [noise(1), noise(2)], [*keys, KEYS[2]])
        with pytest.raises(SettingError, match=r"secrets are 1 to 2, got 3$"):
            lsb.reveal(encode_png(noise(0)), 2, KEYS[0])

    @pytest.mark.parametrize("variant", Lsb.variants)
    def test_files_that_are_none_of_its_own(self, variant):
        lsb = Lsb(variant)
        with pytest.raises(FormatError, match="stego picture"):
            lsb.view(b"no picture")
        with pytest.raises(FormatError, match="stego picture"):
            lsb.reveal(encode_png(noise(0))[:-500], 0, KEYS[0])
        if lsb.keyed:
            with pytest.raises(NoPictureError):
                lsb.reveal(encode_png(noise(0)), 0, KEYS[0])
