"""Runs for recipients: whose private key makes the nonce, and what seals their checkpoints."""

import dataclasses
import hashlib

import numpy as np
import pytest
import torch
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import derivation
import sirensong as ss
from sirensong.errors import FormatError, SettingError
from sirensong.pictures.image import digest
from sirensong.training.batches import Sampler
from sirensong.training.job import _entropy, prepare
from sirensong.training.parameters import Parameters
from sirensong.training.train import State

SMALL = dataclasses.replace(
    ss.FAST, tile=16, hidden_features=16, hidden_layers=2, omega=10.0, decoys="cover", functions=0
).with_steps(6, cover=3)
ENTROPY = bytes(range(32))
IDENTITIES = [ss.Identity(bytes([number]) * 32) for number in range(3)]
RECIPIENTS = [identity.recipient for identity in IDENTITIES]
KEY = ss.SecretKey(bytes([7]) * 32)


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)


def job_of(secrets=(), *, recipe=SMALL, **options):
    return prepare(picture(0), secrets, recipe, ss.Options(**options))


def private_of(job):
    """The private key of a run without decoys, as docs/adr/0002-one-entropy.md has it."""
    salt = hashlib.sha256(b"'decoys'").digest()
    return derivation.derive(job.entropy, salt, "private key")


@pytest.fixture
def known_entropy(monkeypatch):
    monkeypatch.setattr("os.urandom", lambda count: ENTROPY)


@pytest.mark.usefixtures("known_entropy")
@pytest.mark.parametrize("secrets", [[], [(KEY, picture(1))], [(RECIPIENTS[0], picture(1))]])
def test_a_nonce_is_a_public_key_whatever_is_hidden(secrets):
    job = job_of(secrets)
    assert job.nonce == derivation.public_of(private_of(job))


def test_each_run_has_a_nonce_of_its_own():
    assert len({job_of().nonce for _ in range(20)}) == 20


def test_a_recipient_s_key_is_what_the_identity_finds():
    job = job_of([(own, picture(place)) for place, own in enumerate(RECIPIENTS)])
    for own, identity, recipient in zip(job.secrets, IDENTITIES, RECIPIENTS, strict=True):
        assert own.key == identity.bind(job.nonce)
        private, public = private_of(job), recipient.public
        assert own.key.secret == derivation.bound(private, public, job.nonce, public)


def test_keys_of_all_kinds_stand_in_the_order_given():
    words = ss.Passphrase("three words")
    job = job_of([(KEY, picture(1)), (RECIPIENTS[1], picture(2)), (words, picture(3))])
    expected = [KEY, IDENTITIES[1].bind(job.nonce), words.bind(job.nonce)]
    assert [own.key for own in job.secrets] == expected
    assert [np.array_equal(own.picture, picture(1 + at)) for at, own in enumerate(job.secrets)] == [
        True
    ] * 3


def test_a_job_does_not_keep_the_private_key():
    job = job_of([(RECIPIENTS[0], picture(1))])
    assert private_of(job) not in [value for value in vars(job).values() if type(value) is bytes]


def test_the_same_recipient_twice_is_refused():
    pairs = [(RECIPIENTS[0], picture(1)), (ss.Recipient(RECIPIENTS[0].public), picture(2))]
    with pytest.raises(SettingError, match="the same key is given twice"):
        job_of(pairs)


def test_too_many_pictures_are_refused_before_a_passphrase_is_stretched(monkeypatch):
    monkeypatch.setattr(ss.Passphrase, "bind", None)
    words = [ss.Passphrase(f"words {number}") for number in range(65)]
    with pytest.raises(SettingError, match="at most 64 secrets, got 65"):
        job_of([(own, picture(1)) for own in words])


# Seeds.


def test_a_seed_s_entropy_takes_in_recipients_as_they_are():
    material = (3).to_bytes(8)
    expected = derivation.derive(
        material + RECIPIENTS[0].public + KEY.secret, bytes(32), "seeded entropy"
    )
    assert _entropy(3, [RECIPIENTS[0], KEY], bytes(32)) == expected


def test_a_seeded_run_is_repeatable():
    pairs = [(RECIPIENTS[0], picture(1))]
    one, again = (job_of(pairs, seed=1) for _ in range(2))
    assert (one.nonce, one.secrets[0].key) == (again.nonce, again.secrets[0].key)
    others = [job_of(pairs, seed=2), job_of([(RECIPIENTS[1], picture(1))], seed=1)]
    assert len({job.nonce for job in (one, *others)}) == 3


# Checkpoints.


def state():
    tensors = (torch.zeros(1, 16, 2), torch.zeros(1, 1, 16, 16), torch.zeros(1, 3, 16))
    biases = (torch.zeros(2, 1, 16), torch.zeros(1, 3))
    return State(Parameters(*tensors, *biases), Sampler(torch.Generator()))


def kept(path, secrets):
    """A run that has written its checkpoint."""
    job = job_of(secrets, checkpoint=path)
    job.checkpoint.write("cover", job.groups[0], state(), elapsed=0.0)
    return job


def sealing(recipient, one):
    """SHA-256 of the recipient, as its repr names it, and of the picture's shape and pixels."""
    named = f"Recipient('{recipient.to_text()}')(16, 16, 3)"
    return hashlib.sha256(named.encode() + one.tobytes()).digest()


def opens(path, job, secret, pictures):
    """Whether these bytes, and this knowledge of the pictures, open a checkpoint."""
    data = path.read_bytes()
    cipher = AESGCM(derivation.derive(secret, job.nonce, "checkpoint"))
    context = digest(pictures, (SMALL, None, 0)) + (1).to_bytes(4) + b"state"
    try:
        return len(cipher.decrypt(data[40:52], data[52:], context)) > 0
    except InvalidTag:
        return False


def test_a_run_for_recipients_is_sealed_with_their_pictures(tmp_path):
    path = tmp_path / "run.checkpoint"
    pictures = [picture(1), picture(2), picture(3)]
    job = kept(path, list(zip((RECIPIENTS[0], KEY, RECIPIENTS[1]), pictures, strict=True)))
    first, last = sealing(RECIPIENTS[0], pictures[0]), sealing(RECIPIENTS[1], pictures[2])
    everything = [picture(0), *pictures]
    assert opens(path, job, first + KEY.secret + last, everything)
    for wrong in (
        first + last,
        first + bytes(32) + last,
        bytes(96),
        b"",
        last + KEY.secret + first,
    ):
        assert not opens(path, job, wrong, everything)


def test_whoever_lacks_the_picture_cannot_open_the_checkpoint_of_a_recipient(tmp_path):
    path = tmp_path / "run.checkpoint"
    job = kept(path, [(RECIPIENTS[0], picture(1))])
    known = [b"", RECIPIENTS[0].public, job.nonce, sealing(RECIPIENTS[0], picture(0)), bytes(32)]
    assert not any(opens(path, job, secret, [picture(0), picture(1)]) for secret in known)
    data = path.read_bytes()
    secrets = (job.entropy, private_of(job), job.secrets[0].key.secret)
    assert not any(secret in data or secret.hex().encode() in data for secret in secrets)


def test_a_run_for_recipients_is_resumed(tmp_path):
    path = tmp_path / "run.checkpoint"
    pairs = [(RECIPIENTS[0], picture(1)), (KEY, picture(2))]
    job = kept(path, pairs)
    again = job_of(pairs, checkpoint=path, resume=True)
    assert (again.nonce, again.entropy) == (job.nonce, job.entropy)
    assert [own.key for own in again.secrets] == [own.key for own in job.secrets]


@pytest.mark.parametrize(
    "pairs",
    [
        [(RECIPIENTS[0], picture(9)), (KEY, picture(2))],
        [(RECIPIENTS[0], picture(1)), (ss.SecretKey(bytes(32)), picture(2))],
        [(KEY, picture(1)), (RECIPIENTS[0], picture(2))],
        [(KEY, picture(2))],
    ],
)
def test_only_the_same_run_is_resumed(pairs, tmp_path):
    path = tmp_path / "run.checkpoint"
    kept(path, [(RECIPIENTS[0], picture(1)), (KEY, picture(2))])
    with pytest.raises(FormatError, match="does not belong to this run"):
        job_of(pairs, checkpoint=path, resume=True)


def test_another_recipient_cannot_take_the_place_of_the_first(tmp_path):
    """The weights so far are trained for the first one's key."""
    path = tmp_path / "run.checkpoint"
    kept(path, [(RECIPIENTS[0], picture(1))])
    with pytest.raises(FormatError, match="does not belong to this run"):
        job_of([(RECIPIENTS[1], picture(1))], checkpoint=path, resume=True)


def test_a_passphrase_is_stretched_once(tmp_path, monkeypatch):
    bound = []

    def bind(self, nonce):
        bound.append(nonce)
        return ss.SecretKey(bytes([9]) * 32)

    monkeypatch.setattr(ss.Passphrase, "bind", bind)
    job = kept(tmp_path / "run.checkpoint", [(ss.Passphrase("words"), picture(1))])
    assert bound == [job.nonce]
