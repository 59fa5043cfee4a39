"""Reveal a picture from a carrier with a key. NumPy does the work: PyTorch need not be installed.

python examples/receiver.py CARRIER KEYFILE PICTURE
"""

import sys

import sirensong as ss


def main(carrier: str, key_file: str, picture: str) -> None:
    """Write the picture that the key stands for, or exit with a message if there is none."""
    song = ss.load(carrier)
    key = ss.read_key(key_file)
    try:
        secret = ss.unlock(song, key)
    except ss.NoPictureError as error:
        sys.exit(f"{carrier}: {error}")
    if not secret.intact:
        sys.stderr.write("the weights have changed since the carrier was made\n")
    ss.to_pil(ss.render(secret, (secret.height, secret.width))).save(picture)


if __name__ == "__main__":
    main(*sys.argv[1:])
