"""Hide two pictures in a third, write the carrier and the keys, read them back and reveal.

python examples/hide_and_reveal.py COVER ALICES_PICTURE BOBS_PICTURE FOLDER
"""

import sys
from pathlib import Path

import sirensong as ss


def main(cover: str, alices_picture: str, bobs_picture: str, folder: str) -> None:
    """Write the carrier, two keys and the three renders to a folder."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)

    # The sender: one key for each picture, one carrier for all.
    alice, bob = ss.SecretKey.generate(), ss.SecretKey.generate()
    hidden = ss.hide(cover, {alice: alices_picture, bob: bobs_picture})
    ss.save(out / "song.safetensors", hidden.stego)
    ss.write_key(out / "alice.key", alice)
    ss.write_key(out / "bob.key", bob)

    # Everybody: the carrier alone renders the cover.
    song = ss.load(out / "song.safetensors")
    ss.to_pil(ss.sample(song)).save(out / "everybody.png")

    # Alice and Bob: each key renders its own picture.
    for name in ("alice", "bob"):
        key = ss.read_key(out / f"{name}.key")
        ss.to_pil(ss.reveal(song, key)).save(out / f"{name}.png")


if __name__ == "__main__":
    main(*sys.argv[1:])
