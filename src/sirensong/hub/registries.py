"""Artifacts in OCI registries, by oras: the same servers that keep containers' images.

Users and passwords are Docker's (~/.docker/config.json).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sirensong.errors import FileError, FormatError, SirensongError, needing
from sirensong.hub import arriving
from sirensong.hub.addresses import SONG, RegistryAddress
from sirensong.hub.arriving import PIECE, Stream
from sirensong.hub.cache import Known
from sirensong.hub.card import MEDIA_TYPES
from sirensong.hub.refusals import already_there, check_redirect, reason_of

ARTIFACT = "application/vnd.sirensong.song"
"""The type of what is published, in place of a container's."""

_TITLE = "org.opencontainers.image.title"
_LARGEST_MANIFEST = 2**20
_MANIFESTS = "application/vnd.oci.image.manifest.v1+json"


@contextlib.contextmanager
def open_artifact(address: RegistryAddress, known: Known) -> Iterator[Stream | None]:
    """Ask a registry for the carrier of an artifact, or for the rest of it.

    Args:
        address: of the artifact.
        known: what is there already.

    Yields:
        What the registry sends; None if the version that is there whole is its latest.

    Raises:
        MissingDependencyError: oras is not installed.
        FormatError: the artifact has no carrier, or its bytes are not those of its digest.
        FileError: the registry cannot be reached, or refuses.
    """
    with _errors("fetch", address):
        registry, container = _registry(address)
        manifest = _manifest(registry, container, address)
        if manifest is None:
            raise FileError(f"cannot fetch {address}: there is no such artifact")
        digest, size = _layer(manifest, str(address))
        if digest == known.whole:
            yield None
            return
        start = known.start if digest == known.part and known.start < size else 0
        url = f"{registry.prefix}://{container.get_blob_url(digest)}"
        headers = {"Range": f"bytes={start}-"} if start else {}
        with registry.do_request(url, "GET", headers=headers, stream=True) as answer:
            _check(answer)
            start = start if answer.status_code == HTTPStatus.PARTIAL_CONTENT else 0
            yield Stream(digest, size, start, answer.iter_content(PIECE), digest[len("sha256:") :])


def publish_to_registry(
    address: RegistryAddress, files: Mapping[str, bytes], *, overwrite: bool
) -> None:
    """Push files as one artifact: its name stands for all of them, or for none.

    Args:
        address: of the artifact.
        files: by name.
        overwrite: let the tag stand for these from now on.

    Raises:
        MissingDependencyError: oras is not installed.
        FileError: the tag is taken, or the registry cannot be reached, or refuses.
    """
    with _errors("publish to", address):
        registry, container = _registry(address)
        if not overwrite and _manifest(registry, container, address) is not None:
            raise already_there(str(address))
        with tempfile.TemporaryDirectory() as folder:
            layers = []
            for name, data in files.items():
                path = Path(folder) / name
                path.write_bytes(data)
                layers.append(_pushed(registry, container, path, MEDIA_TYPES[name]))
            empty = Path(folder) / "empty"
            empty.write_bytes(b"{}")
            config = _pushed(registry, container, empty, ARTIFACT)
        del config["annotations"]
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFESTS,
            "artifactType": ARTIFACT,
            "config": config,
            "layers": layers,
            "annotations": {},
        }
        _check(registry.upload_manifest(manifest, container))


def _pushed(registry: Any, container: Any, path: Path, kind: str) -> dict[str, Any]:
    """Push one file. Returns what a manifest says of it: type, size, digest and name."""
    import oras.oci

    layer: dict[str, Any] = oras.oci.NewLayer(str(path), media_type=kind)
    _check(registry.upload_blob(str(path), container, layer))
    return layer | {"annotations": {_TITLE: path.name}}


def _registry(address: RegistryAddress) -> tuple[Any, Any]:
    """A client that waits no longer than we do, and the artifact's container."""
    with needing("oci:// addresses need oras", "hub"):
        import oras.container
        import oras.provider
        import requests.adapters

    class Adapter(requests.adapters.HTTPAdapter):  # type: ignore[misc]
        def send(self, *args: Any, **options: Any) -> Any:
            return super().send(*args, **options | {"timeout": arriving.TIMEOUT})

    class Client(oras.provider.Registry):  # type: ignore[misc]
        # oras tries again for two minutes, whatever the error; this is what it tries.
        do_request = oras.provider.Registry.do_request.__wrapped__

    client = Client(insecure=address.is_local)
    for scheme in ("https://", "http://"):
        client.session.mount(scheme, Adapter())
    client.session.hooks["response"].append(_refuse_redirect)
    end = f":{address.tag}" + ("" if address.digest is None else f"@{address.digest}")
    container = oras.container.Container(f"{address.name}{end}", registry=address.registry)
    container.registry = address.registry
    client.auth.load_configs(container)
    return client, container


def _refuse_redirect(response: Any, **_: Any) -> None:
    if response.is_redirect:
        from urllib.parse import urljoin

        check_redirect(response.url, urljoin(response.url, response.headers["location"]))


def _manifest(registry: Any, container: Any, address: RegistryAddress) -> dict[str, Any] | None:
    """Read what an artifact consists of; None if there is none of this name."""
    url = f"{registry.prefix}://{container.manifest_url()}"
    with registry.do_request(url, "GET", headers={"Accept": _MANIFESTS}, stream=True) as answer:
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        _check(answer)
        data = b""
        for piece in answer.iter_content(PIECE):
            data += piece
            if len(data) > _LARGEST_MANIFEST:
                raise FormatError(
                    f"{address} has a manifest of more than {_LARGEST_MANIFEST} bytes"
                )
    wrong = address.digest not in (None, f"sha256:{hashlib.sha256(data).hexdigest()}")
    found = None if wrong else json.loads(data)
    if not isinstance(found, dict):
        raise FormatError(f"{address} is damaged: its manifest is not what its digest stands for")
    return found


def _layer(manifest: dict[str, Any], shown: str) -> tuple[str, int]:
    """Find the carrier of an artifact: the file of its name, or the only one.

    Returns:
        Its digest and its size in bytes.
    """
    layers = manifest.get("layers")
    layers = [layer for layer in layers if isinstance(layer, dict)] if layers else []
    named = [one for one in layers if (one.get("annotations") or {}).get(_TITLE) == SONG]
    chosen = named or layers
    if len(chosen) != 1:
        raise FormatError(f"{shown} has no {SONG}: expected an artifact that was published here")
    digest, size = chosen[0].get("digest"), chosen[0].get("size")
    if not isinstance(digest, str) or type(size) is not int or len(digest) != len("sha256:") + 64:
        raise FormatError(f"{shown} is damaged: its manifest has no digest or size of {SONG}")
    return digest, size


def _check(answer: Any) -> None:
    if not answer.ok:
        raise FileError(f"{answer.status_code}, {(answer.reason or 'refused').lower()}")


@contextlib.contextmanager
def _errors(verb: str, address: RegistryAddress) -> Iterator[None]:
    """Turn an error of oras, or of requests below it, into a FileError."""
    try:
        yield
    except SirensongError as error:
        if not isinstance(error, FileError) or str(address) in error.message:
            raise
        raise FileError(f"cannot {verb} {address}: {error.message}", hint=error.hint) from None
    except Exception as error:  # oras raises plain Exceptions too
        raise FileError(f"cannot {verb} {address}: {reason_of(error)}") from None
