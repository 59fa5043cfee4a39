"""Files in carriers: hidden, read back byte for byte, beside pictures, refused if too large."""

import dataclasses

import numpy as np
import pytest

import sirensong as ss
from command import photograph
from sirensong.errors import FormatError, SettingError
from sirensong.lab.robustness import perturb
from sirensong.payload.samples import Modulation
from sirensong.training.capacity import largest_layout, modulation_for, payload_for

QUARTER = ((0.0, 0.25),)
QUICK = dataclasses.replace(
    ss.FAST, cover=ss.Phase(40, QUARTER), joint=ss.Phase(200, QUARTER, hold=0.5)
)
COVER = np.asarray(photograph(1, 40, 32))
SECRET = np.asarray(photograph(2, 32, 40))


@pytest.fixture(scope="module")
def keys():
    return [ss.SecretKey(bytes([place] * 32)) for place in (1, 2, 3)]


@pytest.fixture(scope="module")
def files():
    return [ss.HiddenFile("note.txt", b"noon"), ss.HiddenFile("noise.bin", bytes(range(24)))]


@pytest.fixture(scope="module")
def song(keys, files):
    secrets = {keys[0]: files[0], keys[1]: SECRET, keys[2]: files[1]}
    return ss.hide(COVER, secrets, recipe=QUICK, options=ss.Options(seed=1))


def test_files_and_pictures_share_a_function(song, keys, files):
    stego = ss.loads(ss.dumps(song.stego))
    assert ss.reveal_file(stego, keys[0]) == files[0]
    assert ss.reveal_file(stego, keys[2]) == files[1]
    assert ss.measure(SECRET, ss.reveal(stego, keys[1])).psnr > 25
    assert ss.measure(COVER, ss.sample(stego)).psnr > 25
    assert [ss.unlock(stego, key).is_file for key in keys] == [True, False, True]


def test_a_carrier_of_files_has_the_form_of_any_other(song, keys):
    other = ss.hide(COVER, dict.fromkeys(keys, SECRET), recipe=QUICK)
    assert (song.stego.grid, song.stego.architecture) == (
        other.stego.grid,
        other.stego.architecture,
    )
    assert song.stego.steps == other.stego.steps
    lengths = len(ss.dumps(song.stego)), len(ss.dumps(other.stego))
    assert lengths[0] == pytest.approx(lengths[1], rel=0.05)


def test_a_recipient_is_sent_a_file(files):
    identity = ss.Identity.generate()
    made = ss.hide(COVER, {identity.recipient: files[0]}, recipe=QUICK)
    assert ss.reveal_file(made.stego, identity) == files[0]


def test_an_altered_carrier_gives_an_error_and_no_file(song, keys):
    noisy = perturb(song.stego, 0.3, np.random.default_rng(0))
    with pytest.raises(FormatError, match="cannot be read"):
        ss.reveal_file(noisy, keys[0])


def test_a_resumed_run_hides_the_same_file(keys, files, tmp_path):
    path = tmp_path / "run"
    options = ss.Options(seed=3, checkpoint=path, threads=1)
    whole = ss.hide(COVER, {keys[0]: files[1]}, recipe=QUICK, options=options)
    stops = iter(range(10**6))

    def stop(progress):
        return next(stops) < 2

    path.unlink(missing_ok=True)
    other = dataclasses.replace(options, on_progress=stop)
    with pytest.raises(ss.SirensongError):
        ss.hide(COVER, {keys[0]: files[1]}, recipe=QUICK, options=other)
    again = dataclasses.replace(options, resume=True)
    resumed = ss.hide(COVER, {keys[0]: files[1]}, recipe=QUICK, options=again)
    assert ss.dumps(resumed.stego) == ss.dumps(whole.stego)
    with pytest.raises(ss.SirensongError, match="other"):
        ss.hide(
            COVER, {keys[0]: files[0]}, recipe=QUICK,
            options=dataclasses.replace(options, resume=True),
        )  # fmt: skip


# ----- capacity


def test_more_bits_and_fewer_secrets_leave_more_room():
    rooms = [largest_layout(ss.FAST.at(name), (128, 128), 1).room for name in ("small", "standard")]
    assert 900 < rooms[0] < rooms[1] / 2
    rooms = [largest_layout(ss.FAST, (128, 128), count).room for count in (1, 2, 4, 8)]
    assert rooms == sorted(rooms, reverse=True)
    assert rooms[3] > rooms[0] / 8


def test_decoys_take_room_as_secrets_do():
    """A carrier of one secret among eight functions holds less than one among two."""
    rooms = {count: largest_layout(ss.FAST, (128, 128), count).room for count in (1, 2, 3, 4, 5, 8)}
    assert (rooms[3], rooms[5]) == (rooms[4], rooms[8])
    assert rooms[1] > rooms[2] > rooms[4] > rooms[8]
    many, none = (dataclasses.replace(ss.FAST, functions=functions) for functions in (8, 0))
    assert largest_layout(many, (128, 128), 1).room == rooms[8]
    assert rooms[2] > largest_layout(none, (128, 128), 3).room > rooms[4]


def test_room_grows_with_the_cover():
    rooms = [largest_layout(ss.FAST, (side, side), 2).room for side in (64, 128, 256)]
    assert rooms[1] / rooms[0] == pytest.approx(4, rel=0.15)
    assert rooms[2] / rooms[1] == pytest.approx(4, rel=0.1)


def test_a_file_takes_no_more_samples_than_it_needs():
    small, large = (
        payload_for(ss.HiddenFile("a", np.random.default_rng(0).bytes(size)), ss.FAST, (64, 64), 1)
        for size in (50, 500)
    )
    assert np.prod(small.layout.size) < np.prod(large.layout.size)
    assert large.layout.room < 1.3 * 500


def test_what_fits_by_its_capacity_is_taken_and_a_byte_more_is_not():
    room = largest_layout(ss.FAST, (64, 64), 1).room
    noise = np.random.default_rng(0).bytes(room)
    fitting = ss.HiddenFile("a", noise[: room - 7])  # its head and its name
    assert len(fitting.packed) == room
    layout = payload_for(fitting, ss.FAST, (64, 64), 1).layout
    assert np.prod(layout.size) <= np.prod(largest_layout(ss.FAST, (64, 64), 1).size)
    with pytest.raises(SettingError, match=rf"a takes {room + 1} bytes, and {room} fit") as caught:
        payload_for(ss.HiddenFile("a", noise[: room - 6]), ss.FAST, (64, 64), 1)
    assert caught.value.hint == "--quality high would do"


def test_a_file_beyond_any_quality_needs_a_larger_cover():
    file = ss.HiddenFile("a", np.random.default_rng(0).bytes(10**5))
    with pytest.raises(SettingError) as caught:
        payload_for(file, ss.FAST, (64, 64), 1)
    assert caught.value.hint == "a larger cover holds more"


def test_values_are_as_far_apart_as_the_recipe_needs():
    assert modulation_for(ss.FAST, (128, 128)) == Modulation(2, 16)
    assert modulation_for(ss.FAST.at("archive"), (128, 128)) == Modulation(4, 12)
    assert modulation_for(ss.FAST.robust(), (128, 128)) == Modulation(1, 128)
