"""Bech32: the vectors of BIP 173, and that no typo gets through."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirensong.keys.bech32 import decode, encode

LETTERS = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
LONGEST = "an83characterlonghumanreadablepartthatcontainsthenumber1andtheexcludedcharactersbio"
VALID = {
    "A12UEL5L": ("a", ""),
    "a12uel5l": ("a", ""),
    f"{LONGEST}1tt5tgs": (LONGEST, ""),
    "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw": (
        "abcdef",
        "00443214c74254b635cf84653a56d7c675be77df",
    ),
    f"11{82 * 'q'}c8247j": ("1", 51 * "00"),
    "split1checkupstagehandshakeupstreamerranterredcaperred2y9e3w": (
        "split",
        "c5f38b70305f519bf66d85fb6cf03058f3dde463ecd7918f2dc743918f2d",
    ),
    "?1ezyfcl": ("?", ""),
}
INVALID = {
    "a blank in the name": " 1nwldj5",
    "a control character in the name": "\x7f1axkwrx",
    "a letter beyond ASCII in the name": "\x801eym55h",
    "91 letters": f"an84characters{LONGEST[13:]}1569pvx",
    "no 1": "pzry9x0s0muk",
    "no name": "1pzry9x0s0muk",
    "a letter that is none of the 32": "x1b4n0q5v",
    "a checksum of five letters": "li1dgmt3",
    "a strange letter in the checksum": "de1lg7wt\xff",
    "a checksum of the name in upper case": "A1G7SGD8",
    "no name before a checksum": "10a06t8",
    "no name before data": "1qzzfhee",
    "nothing": "",
    "a 1 alone": "1",
    "upper and lower case": "A12uEL5L",
    "a letter that becomes ASCII in lower case": "A12UEL5L".replace("L", "\u212a"),
}


@pytest.mark.parametrize("text", VALID)
def test_valid_vectors(text):
    name, data = VALID[text]
    assert decode(text) == (name, bytes.fromhex(data))
    assert encode(name, bytes.fromhex(data)) == text.lower()


@pytest.mark.parametrize("text", INVALID.values(), ids=INVALID)
def test_invalid_vectors(text):
    with pytest.raises(ValueError, match=r"letter|checksum|case"):
        decode(text)


NAMES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=15).map(
    str.lower
)


@given(name=NAMES, data=st.binary(max_size=40))
def test_round_trip(name, data):
    text = encode(name, data)
    assert decode(text) == decode(text.upper()) == (name, data)


def test_every_other_letter_in_every_place_is_a_typo():
    text = encode("age", bytes(range(32)))
    accepted = []
    for place, right in enumerate(text):
        for letter in set(LETTERS + "b1io A\u017f") - {right}:
            try:
                decode(text[:place] + letter + text[place + 1 :])
            except ValueError:
                continue
            accepted.append((place, letter))
    assert accepted == []


@given(data=st.binary(min_size=32, max_size=32), rng=st.randoms(use_true_random=False))
def test_four_typos_are_always_found(data, rng):
    letters = list(encode("age", data))
    for place in rng.sample(range(4, len(letters)), 4):
        letters[place] = rng.choice([letter for letter in LETTERS if letter != letters[place]])
    with pytest.raises(ValueError, match="checksum"):
        decode("".join(letters))


@pytest.mark.parametrize(
    ("values", "valid"),
    [
        ([], True),
        ([0], False),
        ([31, 28], True),
        ([31, 29], False),
        ([31, 30], False),
        ([0, 0, 0], False),
        ([31, 31, 31, 16], True),
        ([31, 31, 31, 24], False),
    ],
)
def test_padding_is_of_zeros_and_shorter_than_a_letter(values, valid):
    """What bytes do not fill of the last letter; another text for the same bytes is refused."""
    text = sealed("x", values)
    if valid:
        assert encode("x", decode(text)[1]) == text
    else:
        with pytest.raises(ValueError, match="bits"):
            decode(text)


def sealed(name, values):
    """A text with a right checksum, which is found by trying one letter after the other."""
    from sirensong.keys.bech32 import _expanded, _polymod

    check = _polymod([*_expanded(name), *values, *[0] * 6]) ^ 1
    values = [*values, *(check >> 5 * place & 31 for place in reversed(range(6)))]
    return f"{name}1{''.join(LETTERS[value] for value in values)}"
