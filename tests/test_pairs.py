"""Pictures for recipients, through the library: hidden for a public key, and revealed."""

import dataclasses

import numpy as np
import pytest

import derivation
import sirensong as ss
from sirensong.carrier.slots import Slot, open_slots, seal_slots
from sirensong.errors import FormatError, NoPictureError, SettingError
from sirensong.network.substitution import Selection

ALICE, BOB = (ss.Identity(bytes([number]) * 32) for number in (1, 2))
KEY = ss.SecretKey(bytes([3]) * 32)
WHITE, BLACK, GREY = np.ones((16, 16)), np.zeros((16, 16)), np.full((12, 20), 0.5)
SHORT = ss.FAST.with_steps(200)


@pytest.fixture(scope="module")
def hidden():
    secrets = [(ALICE.recipient, BLACK), (KEY, GREY), (BOB.recipient.to_text(), GREY)]
    return ss.hide(WHITE, secrets, recipe=SHORT)


def test_an_identity_reveals_what_is_hidden_for_its_recipient(hidden):
    assert ss.reveal(hidden.stego, ALICE).mean() < 0.1
    assert ss.reveal(hidden.stego, BOB.to_text()).shape == (12, 20, 3)
    assert ss.sample(hidden.stego).mean() > 0.9


def test_nobody_else_does(hidden):
    with pytest.raises(NoPictureError):
        ss.reveal(hidden.stego, ss.Identity(bytes(32)))
    for identity in (ALICE, BOB):  # its bytes, and its public key, are no keys
        for secret in (identity.secret, identity.recipient.public, hidden.stego.nonce):
            with pytest.raises(NoPictureError):
                ss.reveal(hidden.stego, ss.SecretKey(secret))


def test_a_recipient_reveals_nothing(hidden):
    with pytest.raises(SettingError, match="hides pictures and reveals none"):
        ss.reveal(hidden.stego, ALICE.recipient)


def test_the_sender_has_each_key_as_it_is_bound(hidden):
    nonce = hidden.stego.nonce
    assert hidden.keys == (ALICE.bind(nonce), KEY, BOB.bind(nonce))
    np.testing.assert_array_equal(
        ss.reveal(hidden.stego, hidden.keys[0]), ss.reveal(hidden.stego, ALICE)
    )
    assert "keys" not in repr(hidden)


def test_an_identity_stands_for_its_recipient():
    hidden = ss.hide(WHITE, {ALICE: BLACK}, recipe=ss.FAST.with_steps(1))
    assert ss.unlock(hidden.stego, ALICE).found
    with pytest.raises(SettingError, match="the same key is given twice"):
        ss.hide(WHITE, [(ALICE, BLACK), (ALICE.recipient.to_text(), GREY)], recipe=SHORT)


def test_keys_and_pictures_that_are_swapped_are_told_of():
    for key in (ALICE, ALICE.recipient):
        with pytest.raises(SettingError, match="a key stands where a picture should"):
            ss.hide(WHITE, [(BLACK, key)], recipe=SHORT)


def test_a_seeded_run_is_repeatable():
    def made():
        options, recipe = ss.Options(seed=5, threads=1), ss.FAST.with_steps(1)
        return ss.hide(WHITE, {ALICE.recipient: BLACK}, recipe=recipe, options=options)

    assert ss.dumps(made().stego) == ss.dumps(made().stego)


# Several keys, of which each is tried.


def slot(width):
    return Slot(Selection.KEYED, 0.2, 8, width, bytes(5))


@pytest.fixture(scope="module")
def private():
    return bytes(range(32))


@pytest.fixture(scope="module")
def stego(make_stego, private):
    """Of a nonce that is a public key; slots for Bob and for a secret key."""
    nonce = derivation.public_of(private)
    return dataclasses.replace(make_stego([]), nonce=nonce, slots=bytes(64 * 16))


def with_slots(stego, entries):
    return dataclasses.replace(stego, slots=seal_slots(stego.nonce, entries, bytes(32)))


def test_each_identity_is_tried(stego, private):
    for identity, width in ((ALICE, 5), (BOB, 6)):
        entries = [(identity.recipient.bind(private), slot(width))]
        secret = ss.unlock(with_slots(stego, entries), [ALICE, BOB])
        assert (secret.found, secret.width) == (True, width)
        assert secret.key == identity.bind(stego.nonce)


def test_the_first_that_opens_a_slot_is_taken(stego, private):
    entries = [(own.recipient.bind(private), slot(own.secret[0])) for own in (ALICE, BOB)]
    both = with_slots(stego, entries)
    assert ss.unlock(both, [BOB, ALICE]).width == 2
    assert ss.unlock(both, (KEY, ALICE, BOB)).width == 1


def test_where_none_opens_the_last_is_forced(stego):
    with pytest.raises(NoPictureError):
        ss.unlock(stego, [ALICE, BOB])
    forced = ss.unlock(stego, [ALICE, BOB], force=True)
    assert (forced.found, forced.key) == (False, BOB.bind(stego.nonce))


@pytest.mark.parametrize(
    ("keys", "got"), [([], "expected one key at least, got none"), ([KEY, 7], "got int")]
)
def test_what_is_no_list_of_keys_is_refused(stego, keys, got):
    with pytest.raises(SettingError, match=got):
        ss.unlock(stego, keys)


@pytest.mark.parametrize("point", [bytes(32), b"\1" + bytes(31)], ids=["0", "1"])
def test_a_carrier_whose_nonce_is_no_public_key_is_told_of(stego, point):
    """A hostile one: every identity's exchange with it would be zero, which anybody can guess."""
    hostile = dataclasses.replace(stego, nonce=point)
    for force in (False, True):
        with pytest.raises(FormatError, match="of low order"):
            ss.unlock(hostile, ALICE, force=force)
    with pytest.raises(NoPictureError):
        ss.unlock(hostile, KEY)


def test_a_slot_for_a_recipient_is_a_slot_like_any_other(stego, private):
    """Sixteen bytes in place of random ones, and nothing else is changed."""
    bound = ALICE.recipient.bind(private)
    sealed, empty = with_slots(stego, [(bound, slot(5))]), with_slots(stego, [])
    (used,) = [place for place in range(64) if _block(sealed, place) != _block(empty, place)]
    assert open_slots(sealed.nonce, _block(sealed, used), bound) == slot(5)
    for other in (ALICE.secret, ALICE.recipient.public, sealed.nonce):
        assert open_slots(sealed.nonce, sealed.slots, ss.SecretKey(other)) is None


def _block(stego, place):
    return stego.slots[16 * place : 16 * place + 16]
