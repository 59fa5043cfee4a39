"""Reading a carrier from a file or from an address."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from sirensong.carrier import file
from sirensong.carrier.stego import StegoFunction
from sirensong.errors import FileError, FormatError
from sirensong.files import StrPath
from sirensong.hub.addresses import Address, is_address, parse_address


def load(
    source: StrPath | BinaryIO, *, offline: bool = False, largest: int | None = None
) -> StegoFunction:
    """Read a carrier. No code in it can run, and what it costs is in proportion to its size.

    Layers of more than 64 MiB of weights go to files without a name in the system's temporary
    folder (TMPDIR). The carrier is not in use once it has been read.

    Args:
        source: the path of a regular file, a file that is open for reading bytes, or an address as
            a text: `hf://user/name[@revision][/file]`, `https://...`, `http://...`,
            `s3://bucket/key` or `oci://registry/name[:tag]`. All but the web need the extra `hub`.
            What was fetched is kept in a cache, and not fetched again until it changes.
        offline: of an address, take what is in the cache, and ask nobody.
        largest: bytes that are downloaded at most, None for 512 MiB.

    Returns:
        The function; its weights cannot be written to.

    Raises:
        SettingError: `source` is neither, or no address.
        FileError: the file cannot be read, or is a pipe, a device or a folder, or the temporary
            folder has no room; or it cannot be fetched.
        FormatError: it is not a whole, well-formed carrier, or too large to be downloaded.
        MissingDependencyError: the address needs the extra `hub`.

    Example:
        >>> import io
        >>> import sirensong as ss
        >>> ss.load(io.BytesIO(b"PK: an archive, which may hold a pickle"))
        Traceback (most recent call last):
        ...
        sirensong.errors.FormatError: the data is a pickle, not a carrier
    """
    if not isinstance(source, str) or not is_address(source):
        return file.load(source)
    _, stego = load_address(parse_address(source), offline=offline, largest=largest)
    return stego


def load_address(
    address: Address,
    *,
    offline: bool = False,
    largest: int | None = None,
    on_bytes: Callable[[int, int], None] | None = None,
) -> tuple[Path, StegoFunction]:
    """Fetch a carrier and read it.

    Args:
        address: where it is.
        offline: as for `load`.
        largest: as for `load`.
        on_bytes: called with (bytes that are there, bytes of the whole) as they arrive.

    Returns:
        The file, which lies in a cache and is not to be changed, and the function.

    Raises:
        FileError, FormatError, MissingDependencyError: as for `load`; they name the address.
    """
    from sirensong.hub.arriving import LARGEST
    from sirensong.hub.fetching import fetch

    most = LARGEST if largest is None else largest
    path = fetch(address, offline=offline, largest=most, on_bytes=on_bytes)
    try:
        return path, file.load(path)
    except (FileError, FormatError) as error:
        message = error.message.replace(str(path), str(address))
        raise type(error)(message, hint=error.hint) from None
