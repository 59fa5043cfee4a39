"""How hard a passphrase is to guess."""

from __future__ import annotations

import math

from sirensong.errors import needing
from sirensong.keys.secret import Passphrase

ENOUGH_BITS = 40
"""What a passphrase should be worth at least."""

_JUDGED_LETTERS = 72  # more take zxcvbn long; the first alone can only be judged weaker


def strength(passphrase: Passphrase) -> float:
    """Estimate how many bits a passphrase is worth to somebody who guesses common ones first.

    Raises:
        MissingDependencyError: zxcvbn is not installed.
    """
    with needing("judging a passphrase needs zxcvbn", "hide"):
        from zxcvbn import zxcvbn
    return math.log2(zxcvbn(passphrase.text[:_JUDGED_LETTERS])["guesses"])


def weakness(passphrase: Passphrase) -> str | None:
    """Say in one line, which quotes nothing, that a passphrase is weak; None if it is not.

    Raises:
        MissingDependencyError: zxcvbn is not installed.
    """
    if strength(passphrase) >= ENOUGH_BITS:
        return None
    return (
        f"a passphrase is weak, below {ENOUGH_BITS} bits by estimate: "
        "take several random words, or a key file"
    )
