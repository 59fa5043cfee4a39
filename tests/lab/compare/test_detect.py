"""The detector of stego pictures: it finds what is there, nothing where nothing is, and resumes."""

import dataclasses
import io
import sys

import numpy as np
import pytest

from sirensong.errors import FormatError, MissingDependencyError, SettingError
from sirensong.lab.baselines.method import PictureMethod, encode_png
from sirensong.lab.compare import detect
from sirensong.lab.compare.detect import (
    COVERS,
    Source,
    control_source,
    detectability,
    false_alarms,
    features_of,
    judge_pairs,
    scheme_source,
)
from sirensong.lab.compare.rich_model import LENGTH
from sirensong.lab.steganalysis import significance
from sirensong.pictures.photographs import COLOURED, photograph

SIDE, PIECES, PERMUTATIONS = 32, 30, 20


@pytest.fixture(scope="module")
def pieces():
    """Squares of photographs, spread over each."""
    found = []
    for name in COLOURED:
        whole = photograph(name)
        rows, columns = (side // SIDE for side in whole.shape[:2])
        for place in np.linspace(0, rows * columns - 1, PIECES // len(COLOURED)).astype(int):
            top, left = place // columns * SIDE, place % columns * SIDE
            found.append(np.ascontiguousarray(whole[top : top + SIDE, left : left + SIDE]))
    return found


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("features")


@pytest.fixture
def computed(monkeypatch):
    """Puts simple features in place of the rich model, and collects the pictures they are of."""
    seen = []

    def simple(picture):
        seen.append(picture)
        return np.resize(picture / 255, LENGTH)

    monkeypatch.setattr(detect, "rich_features", simple)
    return seen


@pytest.fixture
def small():
    return list(np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), np.uint8))


class Sum(PictureMethod):
    """Hides nothing; its pictures say which cover, secrets and keys it was given."""

    name, title, variants, keyed = "sum", "Sum", ("one", "two"), True

    def hide(self, cover, secrets, keys):
        marked = cover.copy()
        marked[0, 0] = [secrets[0][0, 0, 0], secrets[1][0, 0, 0], keys[0].secret[0]]
        marked[0, 1] = [keys[1].secret[0], len(secrets), len(keys)]
        return encode_png(marked)

    def reveal(self, file, index, key=None):
        raise NotImplementedError


def low_bits(count):
    """A source that replaces low bits by those of noise."""

    def make(pictures, seed):
        noise = np.random.default_rng(list(seed)).integers(0, 256, pictures[0].shape, np.uint8)
        return pictures[0] & np.uint8(256 - 2**count) | noise & np.uint8(2**count - 1)

    return Source(f"low-bits-{count}", 0, make)


def vectors(seed, pairs=40, length=100, common=0.0):
    """Features of covers and stego pictures alike in distribution, and of twins in part."""
    rng = np.random.default_rng(seed)
    shared = common * rng.normal(size=(pairs, length))
    return shared + rng.normal(size=(pairs, length)), shared + rng.normal(size=(pairs, length))


def judge(covers, stego, **settings):
    return judge_pairs(covers, stego, permutations=PERMUTATIONS, **settings)


def test_what_one_feature_tells_apart_is_always_told_apart():
    covers, stego = vectors(0, length=5)
    stego[:, 3] += 1000
    found = judge(covers, stego)
    assert (found.pairs, found.auc, found.low, found.high) == (40, 1, 1, 1)
    assert found.p == 1 / (PERMUTATIONS + 1)


def test_what_is_alike_is_not_told_apart():
    found = [judge(*vectors(seed, common=seed % 2), seed=seed) for seed in range(6)]
    assert abs(np.mean([one.auc for one in found]) - 0.5) < 0.1
    assert sum(one.p > 0.05 for one in found) >= 5


def test_a_faint_difference_is_found_in_many_features():
    covers, stego = vectors(1, length=1000)
    found = judge(covers, stego + 0.15)
    assert 0.8 < found.low < found.auc < found.high <= 1


def test_a_pair_is_never_split(monkeypatch):
    """A classifier that has seen a picture's twin takes the picture for the twin's kind, and errs.

    The second half breaks the rule, to show that it would be seen.
    """
    covers, stego = vectors(2, common=10.0)
    assert 0.3 < judge(covers, stego).auc < 0.7
    real = significance.folds_of

    def splitting(sizes, seed):
        first, _ = sizes
        return [np.concatenate([f[:first], np.roll(f[first:], 1)]) for f in real(sizes, seed)]

    monkeypatch.setattr(significance, "folds_of", splitting)
    assert judge(covers, stego).auc < 0.2


def test_pairs_are_resampled_whole():
    """Each stego picture scores what its cover does: of pairs, any draw is at 0.5."""
    scores = np.tile(np.random.default_rng(0).normal(size=60), (2, 1))
    assert detect._interval(scores, 0) == (0.5, 0.5)


def test_the_interval_is_that_of_areas():
    rng = np.random.default_rng(4)
    covers, stego = rng.normal(size=200), rng.normal(size=200) + 1
    low, high = detect._interval(np.stack([covers, stego]), 0)
    found = significance.area(covers, stego)
    error = 0.0245  # of Hanley and McNeil (1982) for an area of 0.76 and 200 of each
    assert low == pytest.approx(found - 1.96 * error, abs=0.01)
    assert high == pytest.approx(found + 1.96 * error, abs=0.01)


def test_units_of_features_do_not_matter():
    covers, stego = vectors(3)
    stego[:, :20] += 0.4
    scale = np.exp(np.random.default_rng(0).normal(size=100) * 5)
    plain, scaled = judge(covers, stego), judge(covers * scale + 3, stego * scale + 3)
    assert scaled.auc == pytest.approx(plain.auc, abs=0.002)
    constant = np.ones((40, 2))
    assert judge(np.hstack([covers, constant]), np.hstack([stego, constant])) == plain


def test_replaced_low_bits_are_found(pieces, kept):
    found = detectability(low_bits(2), pieces, kept=kept, permutations=PERMUTATIONS)
    assert found.pairs == PIECES
    assert found.low > 0.9


def test_covers_are_not_told_from_covers(pieces, kept):
    found = false_alarms([*pieces, pieces[0]], kept=kept, permutations=PERMUTATIONS)
    assert found.pairs == PIECES // 2
    assert found.p > 0.05


def test_controls_are_as_visible_as_they_are_strong(pieces):
    pytest.importorskip("conseal")
    [cover] = pieces[:1]
    replaced, matched, weak = (
        control_source(name, rate).make([cover], bytes(32)).astype(int) - cover
        for name, rate in (("lsb-replacement", 1), ("lsb-matching", 1), ("hill", 0.1))
    )
    for changes in (replaced, matched, weak):
        assert np.abs(changes).max() == 1
    assert np.mean(replaced != 0) == pytest.approx(0.5, abs=0.03)
    assert np.mean(matched != 0) == pytest.approx(0.5, abs=0.03)
    assert 0 < np.mean(weak != 0) < 0.05
    assert ((cover + replaced) >> 1 == cover >> 1).all()
    assert not ((cover + matched) >> 1 == cover >> 1).all()
    colours = [weak[..., colour] for colour in range(3)]
    assert not np.array_equal(colours[0], colours[1])


def test_a_control_has_another_message_for_another_seed(computed, small):
    pytest.importorskip("conseal")
    source = control_source("lsb-matching", 0.5)
    for index, seed in ((0, 0), (0, 0), (0, 1), (1, 0)):
        features_of(source, [small[0], small[0][::-1]], index, seed=seed)
    one, same, other, reflected = computed
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    assert not np.array_equal(one, reflected[::-1])


def test_all_is_the_same_again(computed, small):
    found = [detectability(low_bits(2), small, seed=5, permutations=20) for _ in range(2)]
    assert found[0] == found[1]


def test_secrets_are_the_pictures_that_follow(computed, small):
    for index, picture in enumerate(small):
        picture[0, 0, 0] = index
    source = scheme_source(Sum())
    for index in (0, len(small) - 1):
        features_of(source, small, index)
    first, last = computed
    assert first[0, 0, :2].tolist() == [1, 2]
    assert last[0, 0, :2].tolist() == [0, 1]
    assert first[0, 1, 1:].tolist() == [2, 2]
    keys = [made[place] for made in (first, last) for place in ((0, 0, 2), (0, 1, 0))]
    assert len(set(keys)) == 4  # by the first byte
    assert np.array_equal(first[1:], small[0][1:])


def test_sources_have_names_of_their_own():
    sources = [
        scheme_source(Sum()),
        scheme_source(Sum("two")),
        scheme_source(Sum(), weights="a" * 64),
        scheme_source(Sum(), weights="b" * 64),
    ]
    assert len({source.name for source in sources}) == 4
    assert sources[0].name == "sum-one-2"


def test_a_run_goes_on_where_it_was_stopped(computed, small, tmp_path):
    source, told = low_bits(2), []
    whole = detectability(source, small, permutations=20)
    half = tmp_path / "features"
    for index in range(5):
        features_of(source, small, index, kept=half)
    computed.clear()
    found = detectability(
        source, small, kept=half, permutations=20, advance=lambda *done: told.append(done)
    )
    assert found == whole
    assert len(computed) == 8 + 3
    assert told == [(index + 1, 8) for index in range(8)]
    assert detectability(source, small, kept=half, permutations=20) == whole
    assert len(computed) == 8 + 3


def test_kept_features_are_of_one_picture_source_and_seed(computed, small, tmp_path):
    source = low_bits(2)
    features_of(source, small, 7, kept=tmp_path)
    features_of(source, small[::-1], 0, kept=tmp_path)  # the same picture
    assert len(computed) == 1
    features_of(source, small, 7, kept=tmp_path, seed=1)
    features_of(dataclasses.replace(source, name="other"), small, 7, kept=tmp_path)
    features_of(source, [*small[:7], small[7] ^ 128], 7, kept=tmp_path)
    features_of(dataclasses.replace(source, secrets=1), small, 7, kept=tmp_path)
    assert len(computed) == 5


def record(**arrays):
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04 but no archive",
        record(features=np.zeros(LENGTH, np.float32))[:-40],
        record(features=np.zeros(LENGTH - 1, np.float32)),
        record(features=np.full(LENGTH, np.nan, np.float32)),
        record(other=np.zeros(LENGTH, np.float32)),
        record(features=np.array(["text"] * LENGTH)),
        record(features=np.array([{}] * LENGTH, object)),
    ],
    ids=["no archive", "cut", "short", "no numbers", "another name", "text", "objects"],
)
def test_damaged_features_are_one_line_of_error(computed, small, tmp_path, data):
    features_of(COVERS, small, 0, kept=tmp_path)
    [path] = tmp_path.rglob("*.npz")
    path.write_bytes(data)
    with pytest.raises(FormatError, match=r"\.npz is damaged: no features$") as raised:
        features_of(COVERS, small, 0, kept=tmp_path)
    assert raised.value.hint == "delete it to begin anew"


def test_a_scheme_whose_file_is_a_function_is_refused():
    class Function(Sum):
        ending = ".safetensors"

    with pytest.raises(SettingError, match=r"file is a picture, those of sum are \.safetensors$"):
        scheme_source(Function())


def test_bad_input_is_one_line(computed, small):
    pytest.importorskip("conseal")
    refused = {
        "at least 5 pictures here, got 4": lambda: detectability(low_bits(1), small[:4]),
        "at least 10 pictures here, got 8": lambda: false_alarms(small),
        "at least 7 pictures here, got 6": lambda: detectability(
            Source("six", 6, low_bits(1).make), small[:6]
        ),
        "permutations must be": lambda: detectability(low_bits(1), small, permutations=3),
        "controls are lsb-replacement, lsb-matching, hill, got 'lsb'": lambda: control_source(
            "lsb", 0.5
        ),
        "at most 1, got 1.5": lambda: control_source("hill", 1.5),
        "above 0 and at most 1, got 0": lambda: control_source("hill", 0),
        r"\(9, 3\) features .* got \(8, 3\)": lambda: judge(np.zeros((9, 3)), np.zeros((8, 3))),
    }
    for message, act in refused.items():
        with pytest.raises(SettingError, match=message) as raised:
            act()
        assert "\n" not in str(raised.value)


def test_without_scikit_learn_a_detector_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.linear_model", None)
    with pytest.raises(MissingDependencyError, match=r"^detectors need scikit-learn$") as raised:
        judge(*vectors(0))
    assert raised.value.hint == "pip install 'sirensong[lab]'"


def test_without_conseal_controls_say_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "conseal", None)
    with pytest.raises(MissingDependencyError, match=r"^controls need conseal$") as raised:
        control_source("hill", 0.4)
    assert raised.value.hint == "pip install 'sirensong[compare]'"
