"""From an address to a file on this machine: asked for, bounded, checked, kept."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import fields
from pathlib import Path

from sirensong.errors import FileError
from sirensong.hub.addresses import (
    Address,
    BucketAddress,
    ModelAddress,
    RegistryAddress,
    WebAddress,
)
from sirensong.hub.arriving import LARGEST, OnBytes, Stream, check_size, receive
from sirensong.hub.cache import Entry, Known

_YES = ("1", "ON", "YES", "TRUE")


def is_offline() -> bool:
    """Whether the environment asks for no network: HF_HUB_OFFLINE, for addresses of every kind."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in _YES


def fetch(
    address: Address,
    *,
    largest: int = LARGEST,
    offline: bool = False,
    on_bytes: OnBytes | None = None,
) -> Path:
    """Fetch a carrier, unless its latest version is there already.

    Args:
        address: where it is.
        largest: bytes that it may have. More are refused before they are sent, or cut off.
        offline: take what is in the cache, and ask nobody; so too if HF_HUB_OFFLINE is set.
        on_bytes: called with (bytes that are there, bytes of the whole) as they arrive.

    Returns:
        The file, in a cache: it is not to be changed. A download that was stopped goes on the next
        time if the server names versions.

    Raises:
        MissingDependencyError: the address needs the extra `hub`.
        FileError: the server cannot be reached, refuses, is silent for 30 seconds or ends too
            early; or the cache has nothing, and nobody may be asked.
        FormatError: it is too large, or no carrier.
    """
    offline = offline or is_offline()
    if isinstance(address, ModelAddress):
        from sirensong.hub.models import fetch_model

        return fetch_model(address, largest=largest, offline=offline, on_bytes=on_bytes)
    parts = [str(getattr(address, field.name)) for field in fields(address)]
    entry = Entry("\n".join([type(address).__name__, *parts]))
    if not offline:
        with _opened(address, entry.known()) as stream:
            if stream is not None:
                return receive(stream, entry, str(address), largest=largest, on_bytes=on_bytes)
    whole = entry.whole()
    if whole is None:
        raise FileError(f"{address} is not in the cache", hint="without --offline it is fetched")
    check_size(whole.stat().st_size, largest, str(address))
    return whole


def _opened(
    address: WebAddress | BucketAddress | RegistryAddress, known: Known
) -> AbstractContextManager[Stream | None]:
    """Connect to where an address leads."""
    if isinstance(address, WebAddress):
        from sirensong.hub.web import open_web

        return open_web(address, known)
    if isinstance(address, BucketAddress):
        from sirensong.hub.buckets import open_bucket

        return open_bucket(address, known)
    from sirensong.hub.registries import open_artifact

    return open_artifact(address, known)
