"""Files of keys and passphrases to take and to refuse, for any implementation of docs/format.md."""

import json
import unicodedata
from pathlib import Path

import pytest

from sirensong.cli.passphrases import read_passphrase
from sirensong.errors import SirensongError
from sirensong.keys.pair import read_identities, read_recipient
from sirensong.keys.secret import read_key

CASES = json.loads((Path(__file__).parents[1] / "golden/texts.json").read_text())
READERS = {
    "key": lambda path: read_key(path).secret.hex(),
    "identity": lambda path: [identity.secret.hex() for identity in read_identities(path)],
    "recipient": lambda path: read_recipient(path).public.hex(),
    "passphrase": lambda path: (
        unicodedata.normalize("NFC", read_passphrase(path).text).encode().hex()
    ),
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['kind']}: {case['why']}")
def test_a_file(case, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(bytes.fromhex(case["hex"]))
    if case["gives"] is None:
        with pytest.raises(SirensongError) as caught:
            READERS[case["kind"]](path)
        assert "\n" not in caught.value.message
    else:
        assert READERS[case["kind"]](path) == case["gives"]


def test_there_are_files_of_each_kind_to_take_and_to_refuse():
    kinds = {(case["kind"], case["gives"] is None) for case in CASES}
    assert kinds == {(kind, refused) for kind in READERS for refused in (False, True)}
