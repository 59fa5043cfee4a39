"""The lab without PyTorch: all of it can be imported, except for what is made of torch."""

import subprocess
import sys

SCRIPT = """
import importlib, pkgutil, sys
for name in ("torch", "sklearn", "scipy", "matplotlib", "joblib", "skimage"):
    sys.modules[name] = None
import sirensong.lab
names = [module.name for module in pkgutil.walk_packages(sirensong.lab.__path__, "sirensong.lab.")]
names.remove("sirensong.lab.steganalysis.siastegnet")
for searching in ("prior", "objectives", "search", "supermask"):
    names.remove(f"sirensong.lab.secrecy.{searching}")
trained = ("networks", "hidden", "baluja", "weng", "misdnn", "isn", "hinet", "deepmih")
trained += ("functions", "stegainr", "inrsteg")
starts = tuple(f"sirensong.lab.baselines.{name}." for name in trained)
for name in [name for name in names if not name.startswith(starts)]:
    importlib.import_module(name)
print(len(names))
"""


def test_the_lab_is_imported_without_what_it_needs_to_run():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 18
