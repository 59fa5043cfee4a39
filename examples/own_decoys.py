"""Hide one picture, with photographs of your own as decoys, and publish it beside a plain carrier.

A function is trained for two secrets at least. Decoys take the places of missing secrets, and hide
that they are missing best if they come from where the secrets come from.

python examples/own_decoys.py COVER SECRET FOLDER_OF_PHOTOGRAPHS FOLDER
"""

import sys
from pathlib import Path

import sirensong as ss


def main(cover: str, secret: str, photographs: str, folder: str) -> None:
    """Write a carrier with the secret, one that hides nothing, and the secret's key."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    decoys = sorted(Path(photographs).iterdir())

    key = ss.SecretKey.generate()
    ss.write_key(out / "secret.key", key)
    ss.save(out / "song.safetensors", ss.hide(cover, {key: secret}, decoys=decoys).stego)

    # A carrier that hides nothing is made in the same way, and has the same form.
    ss.save(out / "plain.safetensors", ss.fit(cover, decoys=decoys))


if __name__ == "__main__":
    main(*sys.argv[1:])
