"""Sampling and revealing: each selection, wrong keys and masks, changed weights, any size."""

import dataclasses
import math
import sys

import numpy as np
import pytest

import derivation
import sirensong
from functions import NONCE, alone, digest_of, initial, on_lattice, stack, unstack
from sirensong.carrier.file import load, save
from sirensong.carrier.slots import Slot
from sirensong.errors import FormatError, NoPictureError, SettingError
from sirensong.keys.secret import Passphrase
from sirensong.network import rendering
from sirensong.network.mask import Mask
from sirensong.network.rendering import colours, render, render_uint8
from sirensong.network.siren import Architecture, Layer, evaluate
from sirensong.network.substitution import Selection, magnitude_positions
from sirensong.network.tiles import Grid
from sirensong.payload.content import HiddenFile
from sirensong.payload.payload import Layout, Payload, layout_for
from sirensong.payload.samples import Modulation
from sirensong.reveal import reveal, reveal_file, sample, unlock

RATIO = 0.1
KEYED = (1, 2)  # of three hidden layers: the matrices that keys choose positions in


def patches(grid, size):
    return [grid.patch(tile, size) for tile in range(grid.tiles)]


def slot_for(weights, selection, ratio=RATIO, size=(4, 7)):
    return Slot(selection, ratio, *size, digest_of(stack([weights]), NONCE)[:5])


@pytest.fixture(scope="module")
def mask(architecture, weights, nonce):
    """A mask of other weights than the published ones, as after joint training."""
    cover = tuple(Layer(np.cos(10 * layer.weight), layer.bias) for layer in weights)
    return Mask(architecture, RATIO, tuple(magnitude_positions(alone(cover), RATIO)), nonce[:8])


@pytest.fixture(scope="module")
def hidden(make_stego, weights, key):
    """Make a stego function with one picture for `key`."""

    def make(selection, ratio=RATIO):
        return make_stego([(key, slot_for(weights, selection, ratio))])

    return make


@pytest.fixture(scope="module")
def expected(architecture, weights, nonce, key, mask):
    """The secret picture, put together one weight at a time and drawn one pixel at a time."""

    def make(selection, size=(4, 7), key=key):
        layers = list(weights)
        chosen = KEYED if selection == "keyed" else range(len(layers))
        gain = 2 if selection == "keyed" else 1
        shapes = [architecture.shapes[index] for index in chosen]
        sizes = [out * into for out, into in shapes]
        counts = [int(RATIO * size + 0.5) for size in sizes]
        places = {
            "keyed": derivation.positions(key.secret, nonce, 0, sizes, counts),
            "random": derivation.positions(nonce, nonce, 0, sizes, counts),
            "magnitude": mask.positions[0],
        }[selection]
        deviations = [gain * math.sqrt(2 / (into + out)) for out, into in shapes]
        values = derivation.values(key.secret, nonce, 0, counts, deviations)
        for index, where, what in zip(chosen, places, values, strict=True):
            matrix, bias = weights[index]
            matrix = matrix.copy()
            for place, value in zip(where, what, strict=True):
                matrix[divmod(place, matrix.shape[1])] = value
            layers[index] = Layer(matrix, bias)
        return picture_of(layers, *size)

    return make


def picture_of(layers, height, width):
    picture = np.empty((height, width, 3), np.float32)
    for row in range(height):
        for column in range(width):
            point = np.array(
                [[(2 * column + 1) / width - 1, (2 * row + 1) / height - 1]], np.float32
            )
            picture[row, column] = np.clip((evaluate(layers, point)[0] + 1) / 2, 0, 1)
    return picture


def assert_close(one, two, atol=2e-6):
    assert one.dtype == np.float32
    np.testing.assert_allclose(one, two, atol=atol)


class TestSample:
    def test_the_cover_in_its_own_size(self, stego, weights):
        assert_close(sample(stego), picture_of(weights, 6, 9))

    @pytest.mark.parametrize("size", [(1, 1), (3, 20), (11, 2)])
    def test_any_other_size(self, stego, weights, size):
        assert_close(sample(stego, size), picture_of(weights, *size))

    def test_secrets_do_not_show(self, stego, hidden):
        np.testing.assert_array_equal(sample(hidden("keyed")), sample(stego))


class TestReveal:
    @pytest.mark.parametrize("selection", ["keyed", "random"])
    def test_with_a_key(self, hidden, expected, key, selection):
        picture = reveal(hidden(Selection(selection)), key)
        assert_close(picture, expected(selection))
        assert np.abs(picture - sample(hidden(Selection(selection)), (4, 7))).max() > 0.05

    def test_with_a_key_and_a_mask(self, hidden, expected, key, mask):
        assert_close(reveal(hidden(Selection.MAGNITUDE), key, mask=mask), expected("magnitude"))

    @pytest.mark.parametrize("selection", ["keyed", "random"])
    def test_a_mask_that_is_not_needed_changes_nothing(
        self, hidden, expected, key, mask, selection
    ):
        assert_close(reveal(hidden(Selection(selection)), key, mask=mask), expected(selection))

    def test_the_secret_s_own_size_is_the_default(self, hidden, expected, key):
        assert reveal(hidden(Selection.KEYED), key).shape == (4, 7, 3)
        assert_close(reveal(hidden(Selection.KEYED), key, size=(9, 5)), expected("keyed", (9, 5)))

    def test_two_keys_find_two_pictures(self, make_stego, weights, expected, key, other_key):
        entries = [
            (key, slot_for(weights, Selection.KEYED)),
            (other_key, slot_for(weights, Selection.RANDOM, size=(3, 2))),
        ]
        stego = make_stego(entries)
        assert_close(reveal(stego, key), expected("keyed"))
        assert_close(reveal(stego, other_key), expected("random", (3, 2), other_key))

    def test_after_a_journey_through_files(self, tmp_path, hidden, expected, key, mask):
        save(tmp_path / "song.safetensors", hidden(Selection.MAGNITUDE))
        sirensong.write_key(tmp_path / "a.key", key)
        sirensong.write_mask(tmp_path / "song.mask", mask)
        stego, found = load(tmp_path / "song.safetensors"), sirensong.read_key(tmp_path / "a.key")
        assert_close(
            reveal(stego, found, mask=sirensong.read_mask(tmp_path / "song.mask")),
            expected("magnitude"),
        )

    def test_with_a_passphrase(self, make_stego, weights, nonce, expected):
        bound = Passphrase("caf\u00e9 au lait").bind(nonce)
        stego = make_stego([(bound, slot_for(weights, Selection.KEYED))])
        assert_close(reveal(stego, Passphrase("cafe\u0301 au lait")), expected("keyed", key=bound))
        with pytest.raises(NoPictureError):
            reveal(stego, Passphrase("cafe au lait"))


class TestUnlock:
    def test_what_it_says(self, hidden, key):
        secret = unlock(hidden(Selection.KEYED), key)
        assert (secret.height, secret.width, secret.found, secret.intact) == (4, 7, True, True)
        assert "weights" not in repr(secret)

    def test_the_stego_function_is_not_changed(self, hidden, key):
        stego = hidden(Selection.KEYED)
        before = stego.digest
        unlock(stego, key)
        assert stego.digest == before

    def test_only_selected_weights_change(self, hidden, key, weights):
        secret = unlock(hidden(Selection.KEYED), key).tiles([0])
        for index, (old, new) in enumerate(zip(weights, secret, strict=True)):
            selected = int(RATIO * old.weight.size + 0.5) if index in KEYED else 0
            assert (old.weight != new.weight).sum() == selected
            np.testing.assert_array_equal(old.bias, new.bias[0])

    def test_changed_weights_still_reveal(self, hidden, key):
        stego = hidden(Selection.KEYED)
        pruned = tuple(
            Layer(np.where(np.abs(layer.weight) < 0.01, 0, layer.weight), layer.bias)
            for layer in stego.weights
        )
        changed = dataclasses.replace(stego, weights=pruned)
        assert unlock(stego, key).intact
        secret = unlock(changed, key)
        assert (secret.found, secret.intact) == (True, False)
        np.testing.assert_allclose(reveal(changed, key), reveal(stego, key), atol=0.2)

    def test_one_value_is_enough_to_be_noticed(self, hidden, key):
        stego = hidden(Selection.KEYED)
        *others, last = stego.weights
        moved = last.bias.copy()
        moved[0, 2] += np.float32(stego.steps[-1])
        assert not unlock(
            dataclasses.replace(stego, weights=(*others, Layer(last.weight, moved))), key
        ).intact

    @pytest.mark.parametrize("away", [0.25, 40_000])
    def test_a_value_that_no_carrier_holds_is_noticed(self, hidden, key, away):
        """One between two codes, and one beyond the last."""
        stego = hidden(Selection.KEYED)
        *others, last = stego.weights
        moved = last.bias.copy()
        moved[0, 2] += np.float32(away * stego.steps[-1])
        changed = dataclasses.replace(stego, weights=(*others, Layer(last.weight, moved)))
        assert not unlock(changed, key).intact
        assert reveal(changed, key).shape == (4, 7, 3)


class TestWrongKey:
    def test_it_finds_no_picture(self, stego, hidden, key, other_key):
        for function, wrong in ((hidden(Selection.KEYED), other_key), (stego, key)):
            with pytest.raises(NoPictureError, match="no picture for this key"):
                reveal(function, wrong)

    def test_the_error_tells_nothing_of_the_key(self, stego, other_key):
        with pytest.raises(NoPictureError) as caught:
            reveal(stego, other_key)
        told = str(caught.value) + repr(caught.value)
        assert other_key.secret.hex() not in told
        assert other_key.to_text() not in told

    def test_force_renders_what_it_makes_in_the_cover_s_size(self, hidden, other_key, weights):
        stego = hidden(Selection.KEYED)
        secret = unlock(stego, other_key, force=True)
        assert (secret.found, secret.intact, secret.height, secret.width) == (False, True, 6, 9)
        assert [
            int((old.weight != new.weight).sum())
            for old, new in zip(weights, secret.tiles([0]), strict=True)
        ] == [0, *(int(0.2 * weights[index].weight.size + 0.5) for index in KEYED), 0]
        noise = reveal(stego, other_key, force=True)
        assert noise.shape == (6, 9, 3)
        assert np.abs(noise - sample(stego)).max() > 0.05
        assert reveal(stego, other_key, force=True, size=(2, 3)).shape == (2, 3, 3)

    def test_force_uses_a_mask_that_is_given(self, hidden, other_key, mask, expected):
        assert_close(
            reveal(hidden(Selection.KEYED), other_key, force=True, mask=mask),
            expected("magnitude", (6, 9), other_key),
        )

    def test_force_changes_nothing_for_the_right_key(self, hidden, key):
        stego = hidden(Selection.KEYED)
        np.testing.assert_array_equal(reveal(stego, key, force=True), reveal(stego, key))
        assert unlock(stego, key, force=True).found

    def test_a_key_for_another_carrier_does_not_fit(self, hidden, key):
        stego = hidden(Selection.KEYED)
        with pytest.raises(NoPictureError):
            reveal(dataclasses.replace(stego, nonce=stego.nonce[::-1]), key)

    def test_a_slot_of_a_later_release_is_told_apart(self, make_stego, weights, key):
        slot = dataclasses.replace(slot_for(weights, Selection.KEYED), kind=15)
        stego = make_stego([(key, slot)])
        with pytest.raises(FormatError, match="a slot of kind 15"):
            reveal(stego, key, force=True)


class TestMask:
    def test_it_is_needed(self, hidden, key):
        with pytest.raises(SettingError, match="needs the carrier's mask") as caught:
            reveal(hidden(Selection.MAGNITUDE), key)
        assert "--mask" in caught.value.hint

    @pytest.mark.parametrize(
        "change",
        [
            {"carrier": bytes(8)},
            {"ratio": 0.1001},
            {"architecture": Architecture(12, 4)},
            {"architecture": Architecture(13, 3)},
            {"positions": ((), ())},
        ],
    )
    def test_another_one_is_refused(self, hidden, key, mask, change):
        with pytest.raises(SettingError, match="mask belongs to another carrier"):
            reveal(hidden(Selection.MAGNITUDE), key, mask=dataclasses.replace(mask, **change))

    def test_another_one_is_refused_with_force_too(self, stego, key, mask):
        with pytest.raises(SettingError, match="mask belongs to another carrier"):
            reveal(stego, key, mask=dataclasses.replace(mask, carrier=bytes(8)), force=True)


class TestRender:
    @pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
    @pytest.mark.parametrize("size", [(13, 17), (1, 50), (50, 1)])
    def test_chunks_do_not_show(self, stego, monkeypatch, chunk, size):
        monkeypatch.setattr(rendering, "_ACTIVATIONS", 10**9)
        whole = sample(stego, size)
        monkeypatch.setattr(rendering, "_ACTIVATIONS", 12 * chunk)  # of 12 features
        monkeypatch.setattr(rendering, "_GROUP", 3 * chunk)
        evaluate_columns, points = rendering._evaluate, []
        monkeypatch.setattr(
            rendering,
            "_evaluate",
            lambda m, coords: points.append(coords.shape[2]) or evaluate_columns(m, coords),
        )
        np.testing.assert_allclose(sample(stego, size), whole, atol=1e-6)
        assert sum(points) == size[0] * size[1]
        assert max(points) <= max(3 * chunk, size[1])  # a row at least

    def test_points_are_pixel_centres(self, stego, weights):
        direct = np.clip((evaluate(weights, Grid().patch(0, (5, 8)).coords) + 1) / 2, 0, 1)
        np.testing.assert_allclose(sample(stego, (5, 8)), direct.reshape(5, 8, 3), atol=1e-6)

    @pytest.mark.parametrize(
        "size", [(0, 5), (5, 0), (-1, 5), (5, -1), (65_536, 1), (1, 65_536), (20_000, 20_000)]
    )
    def test_sizes_out_of_range_are_refused(self, stego, key, size):
        for call in (
            lambda: render(stego, size),
            lambda: sample(stego, size),
            lambda: reveal(stego, key, size=size, force=True),
        ):
            with pytest.raises(SettingError, match=f"cannot render {size[1]}x{size[0]}"):
                call()

    def test_the_longest_side_is_possible(self, stego):
        assert render(stego, (1, 65_535)).shape == (1, 65_535, 3)


class TestTiles:
    """A stego function of 2 x 3 tiles, with a picture for `key`."""

    GRID = Grid(2, 3)

    @pytest.fixture
    def functions(self, architecture):
        return [on_lattice(initial(architecture, np.random.default_rng(seed))) for seed in range(6)]

    @pytest.fixture
    def tiled(self, make_stego, functions, key):
        slot = Slot(Selection.KEYED, RATIO, 11, 14, digest_of(stack(functions), NONCE)[:5])
        return make_stego([(key, slot)], weights=functions, grid=self.GRID)

    @pytest.mark.parametrize("group", [1, 100, 10**6])
    @pytest.mark.parametrize("size", [None, (40, 30), (200, 300), (1, 1), (5, 2)])
    def test_a_render_blends_the_tiles(self, tiled, functions, size, group, monkeypatch):
        monkeypatch.setattr(rendering, "_GROUP", group)
        height, width = size or (6, 9)
        expected = np.zeros((height, width, 3))
        for patch, weights in zip(patches(self.GRID, (height, width)), functions, strict=True):
            output = evaluate(weights, patch.coords).reshape(*patch.size, 3)
            expected[patch.rows, patch.columns] += patch.blend[..., None] * output
        np.testing.assert_allclose(
            sample(tiled, size), np.clip((expected + 1) / 2, 0, 1), atol=1e-5
        )

    @pytest.mark.parametrize("grid", [Grid(1, 1), Grid(5, 3), Grid(6, 1)])
    @pytest.mark.parametrize("size", [(40, 30), (7, 3), (3, 60), (1, 1), (65, 4)])
    def test_bands_do_not_show(self, make_stego, architecture, grid, size, monkeypatch):
        """A picture is finished some rows of tiles at a time, whether or not these have pixels."""
        functions = [
            initial(architecture, np.random.default_rng(seed)) for seed in range(grid.tiles)
        ]
        stego = make_stego([], weights=functions, grid=grid)
        whole = render(stego, size)
        for band in (1, 50, 300):
            monkeypatch.setattr(rendering, "_BAND", band)
            rows = [rows for rows, _ in rendering._bands(stego, size)]
            assert [row for band in rows for row in range(band.start, band.stop)] == list(
                range(size[0])
            )
            np.testing.assert_allclose(render(stego, size), whole, atol=1e-6)
            levels = render_uint8(stego, size)
            assert levels.dtype == np.uint8
            assert np.abs(levels - whole * 255).max() <= 0.5001

    def test_inside_a_tile_only_its_function_is_seen(self, tiled, functions):
        picture = sample(tiled, (20, 30))
        alone = picture_of(functions[4], 10, 10)
        np.testing.assert_allclose(picture[11:19, 11:19], alone[1:9, 1:9], atol=1e-5)

    def test_the_key_draws_other_positions_and_values_for_each_tile(
        self, tiled, functions, key, architecture, nonce
    ):
        secret = unlock(tiled, key)
        integers = derivation.integers(key.secret, nonce, "tiles", 0, 6, 8)
        order = sorted(range(6), key=lambda tile: integers[tile])
        for tile, mine in zip(order, unstack(secret.tiles(range(6))), strict=True):
            first, second = derivation.positions(key.secret, nonce, tile, [144, 144], [14, 14])
            changed = [
                np.flatnonzero(layer.weight != weights.weight).tolist()
                for layer, weights in zip(mine, functions[tile], strict=True)
            ]
            assert changed == [[], first, second, []]

    def test_a_secret_is_revealed_across_tiles(self, tiled, key):
        secret = unlock(tiled, key)
        expected = np.zeros((11, 14, 3))
        for tile, patch in enumerate(patches(self.GRID, (11, 14))):
            output = evaluate(unstack(secret.tiles([tile]))[0], patch.coords).reshape(
                *patch.size, 3
            )
            expected[patch.rows, patch.columns] += patch.blend[..., None] * output
        assert secret.intact
        np.testing.assert_allclose(reveal(tiled, key), np.clip((expected + 1) / 2, 0, 1), atol=1e-5)

    def test_a_mask_of_fewer_tiles_is_refused(self, make_stego, functions, key, mask):
        stego = make_stego(
            [(key, Slot(Selection.MAGNITUDE, RATIO, 4, 7, bytes(5)))],
            weights=functions,
            grid=self.GRID,
        )
        with pytest.raises(SettingError, match="mask belongs to another carrier"):
            reveal(stego, key, mask=mask)
        whole = dataclasses.replace(mask, positions=mask.positions * 6)
        assert reveal(stego, key, mask=whole).shape == (4, 7, 3)


@pytest.mark.parametrize(
    ("output", "colour"), [(-1, 0), (1, 1), (0, 0.5), (-0.5, 0.25), (-9, 0), (9, 1)]
)
def test_colours(output, colour):
    assert colours(np.array([output], np.float32)).tolist() == [colour]


class TestFile:
    """Keys whose slot is a file's."""

    @pytest.fixture
    def stego(self, make_stego, weights, key):
        slot = dataclasses.replace(slot_for(weights, Selection.KEYED), kind=8, height=6, width=7)
        return make_stego([(key, slot)])

    def test_its_slot_says_how_its_samples_are_read(self, stego, key):
        secret = unlock(stego, key)
        assert secret.is_file
        assert secret.layout == Layout(8, (6, 7))

    def test_what_no_sender_has_hidden_is_no_file(self, stego, key):
        with pytest.raises(FormatError, match="cannot be read"):
            reveal_file(stego, key)

    def test_it_is_no_picture(self, stego, key):
        with pytest.raises(SettingError, match="opens a file, not a picture"):
            reveal(stego, key)

    def test_a_picture_is_no_file(self, hidden, key):
        stego = hidden(Selection.KEYED)
        assert not unlock(stego, key).is_file
        with pytest.raises(SettingError, match="opens a picture, not a file"):
            reveal_file(stego, key)

    def test_a_file_is_read_at_its_own_size(self, stego, key, monkeypatch):
        """What a function shows is taken for samples, and the key and the nonce arrive."""
        file, seen = HiddenFile("a.txt", b"noon"), []
        layout = layout_for(len(file.packed), Modulation(2, 16), (1, 1), (1, 1))
        picture = Payload(file, layout).picture(key, stego.nonce) / np.float32(255)

        def shown(function, size):
            seen.append(size)
            return picture

        monkeypatch.setattr(sys.modules["sirensong.reveal"], "render", shown)
        slot = unlock(stego, key).rule
        rule = dataclasses.replace(slot, height=layout.size[0], width=layout.size[1])
        secret = dataclasses.replace(unlock(stego, key), rule=rule)
        assert secret.read_file() == (file, 0)
        assert seen == [layout.size]
