"""sirensong keygen."""

from __future__ import annotations

from sirensong.cli.arguments import Output
from sirensong.cli.console import out
from sirensong.keys.secret import SecretKey, write_key


def keygen(output: Output) -> None:
    """Make a key file, readable by you alone. It never overwrites."""
    key = SecretKey.generate()
    write_key(output, key)
    out.print(f"{output}: fingerprint {key.fingerprint}", markup=False)
