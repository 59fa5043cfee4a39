"""Whoever receives a carrier needs neither torch nor scikit-image."""

import subprocess
import sys
import textwrap

import numpy as np
import pytest

import sirensong as ss
from sirensong.carrier.slots import Slot
from sirensong.network.substitution import Selection


def run(script, *arguments):
    """Run a script in a fresh interpreter where warnings are errors; returns what it prints."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def package(tmp_path, make_stego, key):
    """What a receiver gets: a carrier and a key file. Returns them and the secret picture."""
    stego = make_stego([(key, Slot(Selection.KEYED, 0.1, 4, 7, make_stego().digest[:5]))])
    ss.save(tmp_path / "song.safetensors", stego)
    ss.write_key(tmp_path / "a.key", key)
    return (
        tmp_path / "song.safetensors",
        tmp_path / "a.key",
        ss.sample(stego),
        ss.reveal(stego, key),
    )


def test_importing_imports_no_heavy_package():
    script = """
        import sys
        import sirensong
        print(sorted({"torch", "skimage", "scipy", "matplotlib"} & set(sys.modules)))
        print(callable(sirensong.hide), callable(sirensong.fit), sirensong.FAST is not None)
        print(sorted({"torch", "skimage"} & set(sys.modules)))
    """
    assert run(script).splitlines() == ["[]", "True True True", "[]"]


def test_everything_a_receiver_does_works_without_torch(tmp_path, package):
    carrier, key_file, cover, secret = package
    script = """
        import sys

        # Importing one of these fails, as if it were not installed.
        sys.modules.update({"torch": None, "skimage": None, "safetensors": None})
        import numpy as np
        import sirensong as ss

        carrier, key_file, cover, secret = sys.argv[1:]
        stego, key = ss.load(carrier), ss.read_key(key_file)
        np.save(cover, ss.sample(stego))
        np.save(secret, ss.reveal(stego, key))
        found = ss.unlock(stego, key)
        print(found.found, found.intact, ss.to_pil(ss.render(found, (2, 3))).size)
        try:
            ss.reveal(stego, ss.SecretKey.generate())
        except ss.NoPictureError as error:
            print(error)
    """
    told = run(script, carrier, key_file, tmp_path / "cover.npy", tmp_path / "secret.npy")
    assert told.splitlines() == ["True True (3, 2)", "no picture for this key"]
    np.testing.assert_allclose(np.load(tmp_path / "cover.npy"), cover, atol=1e-6)
    np.testing.assert_allclose(np.load(tmp_path / "secret.npy"), secret, atol=1e-6)


def test_hiding_says_what_is_missing():
    script = """
        import sys

        sys.modules["torch"] = None
        import numpy as np
        import sirensong as ss

        picture = np.zeros((16, 16, 3), np.uint8)
        secrets = {ss.SecretKey.generate(): picture}
        for call in (lambda: ss.hide(picture, secrets), lambda: ss.fit(picture)):
            try:
                call()
            except ss.MissingDependencyError as error:
                print(error.message, "|", error.hint)
    """
    assert run(script).splitlines() == ["hiding needs torch | pip install 'sirensong[hide]'"] * 2


def test_finetuning_says_what_is_missing(package):
    script = """
        import sys

        sys.modules["torch"] = None
        import numpy as np
        import sirensong as ss
        from sirensong.lab.finetuning import finetune

        try:
            finetune(ss.load(sys.argv[1]), np.zeros((16, 16, 3), np.uint8), 1)
        except ss.MissingDependencyError as error:
            print(error.message, "|", error.hint)
    """
    assert run(script, package[0]) == "fine-tuning needs torch | pip install 'sirensong[hide]'\n"


def test_measuring_says_what_is_missing():
    script = """
        import sys

        sys.modules["skimage"] = None
        import numpy as np
        import sirensong as ss

        try:
            ss.measure(np.zeros((16, 16, 3)), np.zeros((16, 16, 3)))
        except ss.MissingDependencyError as error:
            print(error.message, "|", error.hint)
    """
    assert run(script) == "measuring needs scikit-image | pip install 'sirensong[hide]'\n"


def test_receivers_commands_load_nothing_of_the_lab(tmp_path, package):
    carrier, key_file, *_ = package
    script = """
        import sys
        from sirensong import cli

        carrier, key_file, output = sys.argv[1:]
        code = cli.run(["reveal", str(carrier), "--key", str(key_file), "-o", str(output)])
        lab = [name for name in sys.modules if name.startswith("sirensong.lab")]
        print(code, lab, "sirensong.cli.sending" in sys.modules)
    """
    told = run(script, carrier, key_file, tmp_path / "secret.png")
    assert told.splitlines()[-1] == "0 [] False"
