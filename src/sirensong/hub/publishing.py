"""Publishing a carrier: the carrier, a card and a preview, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sirensong.carrier.file import LARGEST_CARRIER, loads
from sirensong.errors import FormatError, SettingError
from sirensong.files import StrPath, read_bytes
from sirensong.hub.addresses import (
    SONG,
    BucketAddress,
    ModelAddress,
    RegistryAddress,
    is_address,
    parse_address,
)
from sirensong.hub.card import CARD, PAGE, PREVIEW, card
from sirensong.network.rendering import preview
from sirensong.web.page import page_of

Destination = ModelAddress | BucketAddress | RegistryAddress | Path


@dataclass(frozen=True)
class Publication:
    """What is published, and where.

    Args:
        destination: a repository, a folder of a bucket, an artifact of a registry, or a folder.
        address: from which others load the carrier; "song.safetensors" for a folder.
        files: their bytes by their names there: the carrier, the card, the preview, and the page if
            there is one.
    """

    destination: Destination
    address: str
    files: Mapping[str, bytes] = field(repr=False)

    @property
    def card(self) -> str:
        """The card, as text."""
        return self.files[CARD].decode()

    def digest(self, name: str) -> str:
        """SHA-256 of one of the files, in hexadecimal digits."""
        return hashlib.sha256(self.files[name]).hexdigest()


def publish(
    carrier: StrPath,
    destination: StrPath,
    *,
    license_id: str,
    page: bool = False,
    overwrite: bool = False,
    dry_run: bool = False,
) -> Publication:
    """Publish a carrier: the file itself, a card (README.md) and a preview (preview.png).

    All but the carrier is made from it alone: not from secrets, from the file's name, from the time
    or from settings. What `fit` made is published in the same form as what `hide` made.

    Args:
        carrier: the file. It is called song.safetensors where it is published.
        destination: `hf://user/name`, `s3://bucket/folder`, `oci://registry/name[:tag]`, which need
            the extra `hub`, or a folder of this machine.
        license_id: of what is published, as the Hub names licences: "cc-by-4.0", "other".
        page: publish the page that shows the carrier in browsers too, as index.html.
        overwrite: replace a carrier that is there. What differs between two versions of one cover
            tells of secrets, and repositories keep old versions in their history.
        dry_run: publish nothing, and ask nobody.

    Returns:
        What was published, or would be.

    Raises:
        SettingError: the destination is none of these, or the license is none.
        FormatError: the file is no carrier.
        FileError: it cannot be read, the destination has a carrier already, or cannot be written.
        MissingDependencyError: the destination needs the extra `hub`.

    Example:
        >>> import sirensong as ss
        >>> ss.publish("song.safetensors", "https://example.org", license_id="cc0-1.0")
        Traceback (most recent call last):
        ...
        sirensong.errors.SettingError: cannot publish to https://example.org/song.safetensors
    """
    place, address = _destination(destination)
    data = read_bytes(carrier, cap=LARGEST_CARRIER, what="a carrier")
    try:
        stego = loads(data)
    except FormatError as error:
        message = error.message.replace("the data", str(carrier), 1)
        raise FormatError(message, hint=error.hint) from None
    text = card(stego, data, address=address, license_id=license_id, paged=page)
    files = {SONG: data, CARD: text.encode(), PREVIEW: preview(stego, (stego.height, stego.width))}
    if page:
        files[PAGE] = page_of(data).encode()
    publication = Publication(place, address, files)
    if not dry_run:
        _send(publication, overwrite=overwrite)
    return publication


def _destination(given: StrPath) -> tuple[Destination, str]:
    """The place to publish to, and the address of the carrier there."""
    if not isinstance(given, str) or not is_address(given):
        return Path(given), SONG
    scheme = given.partition(":")[0].lower()
    if scheme == "s3" and given.count("/") > 2 and not given.endswith((SONG, "/")):
        given += "/"
    address = parse_address(given)
    if isinstance(address, ModelAddress) and not (address.file or address.revision):
        return address, str(address)
    if isinstance(address, BucketAddress) and address.key.endswith(SONG):
        return address, str(address)
    if isinstance(address, RegistryAddress) and address.digest is None:
        return address, str(address)
    raise SettingError(
        f"cannot publish to {address}",
        hint="hf://user/name, s3://bucket/folder, oci://registry/name[:tag], or a folder",
    )


def _send(publication: Publication, *, overwrite: bool) -> None:
    place, files = publication.destination, publication.files
    if isinstance(place, ModelAddress):
        from sirensong.hub.models import publish_model

        publish_model(place, files, overwrite=overwrite)
    elif isinstance(place, BucketAddress):
        from sirensong.hub.buckets import publish_to_bucket

        publish_to_bucket(place, files, overwrite=overwrite)
    elif isinstance(place, RegistryAddress):
        from sirensong.hub.registries import publish_to_registry

        publish_to_registry(place, files, overwrite=overwrite)
    else:
        from sirensong.hub.folders import publish_to_folder

        publish_to_folder(place, files, overwrite=overwrite)
