"""Addresses of carriers: hf://, https://, http://, s3:// and oci://, taken apart and checked."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from sirensong.errors import SettingError

SONG = "song.safetensors"
"""What a carrier is called where it is published, whatever its file was called before."""

SCHEMES = ("hf", "https", "http", "s3", "oci")

_HINT = (
    "hf://user/name[@revision][/file], https://host/file, s3://bucket/key "
    "or oci://registry/name[:tag]"
)
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_MODEL = re.compile(
    rf"(?P<user>{_NAME})/(?P<name>{_NAME})(@(?P<revision>refs/[^/@]+/[^/@]+|[^/@]+))?(/(?P<file>.*))?"
)
_BUCKET = re.compile(r"(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/(?P<key>.{0,1024}))?")
_REGISTRY = re.compile(
    r"(?P<registry>[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?)"
    r"/(?P<name>[a-z0-9]+([._/-]+[a-z0-9]+)*)"
    r"(:(?P<tag>\w[\w.-]{0,127}))?(@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.ASCII,
)
_NOT_MODELS = ("datasets", "spaces", "buckets")  # how other things on the Hub begin
_LOCAL = ("localhost", "127.0.0.1")


@dataclass(frozen=True)
class ModelAddress:
    """A file in a model repository of the Hugging Face Hub, `hf://user/name@revision/file`.

    Args:
        repository: "user/name".
        revision: a branch, a tag or a commit, None for the main branch.
        file: its path in the repository, None if the address names the repository alone.
    """

    repository: str
    revision: str | None = None
    file: str | None = None

    def __str__(self) -> str:
        revision = "" if self.revision is None else f"@{self.revision}"
        return f"hf://{self.repository}{revision}" + (f"/{self.file}" if self.file else "")


@dataclass(frozen=True)
class WebAddress:
    """A file on a web server.

    Args:
        url: the whole URL, in ASCII. What is after its "?" may be a password, so it is not shown.
    """

    url: str

    def __str__(self) -> str:
        bare, mark, _ = self.url.partition("?")
        return f"{bare}?..." if mark else bare


@dataclass(frozen=True)
class BucketAddress:
    """An object in a bucket of S3, or of another store with its interface, `s3://bucket/key`.

    Args:
        bucket: its name.
        key: of the object; of the folder that holds it if it is empty or ends with a slash.
    """

    bucket: str
    key: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class RegistryAddress:
    """An artifact in an OCI registry, `oci://registry/name:tag`.

    Args:
        registry: its host, with a port perhaps.
        name: of the repository.
        tag: "latest" if the address has none.
        digest: of the artifact's manifest, "sha256:..."; None for what the tag stands for today.
    """

    registry: str
    name: str
    tag: str = "latest"
    digest: str | None = None

    def __str__(self) -> str:
        end = f":{self.tag}" if self.digest is None else f"@{self.digest}"
        return f"oci://{self.registry}/{self.name}{end}"

    @property
    def is_local(self) -> bool:
        """Whether the registry is on this machine, where plain http is spoken."""
        return self.registry.partition(":")[0] in _LOCAL


Address = ModelAddress | WebAddress | BucketAddress | RegistryAddress


def is_address(text: str) -> bool:
    """Whether a text is meant as an address rather than as the path of a file.

    Args:
        text: as the user typed it.

    Returns:
        True for what begins like `https://`, and for a known scheme with fewer slashes, which is a
        slip of the hand rather than a folder's name.
    """
    return bool(_SCHEME.match(text)) or text.lower().startswith(
        tuple(f"{scheme}:" for scheme in SCHEMES)
    )


def parse_address(text: str) -> Address:
    """Take an address apart.

    Args:
        text: such as "hf://user/name". One that ends with a slash is a folder's.

    Returns:
        The parts. A folder's address has become that of the carrier in it, but for hf://.

    Raises:
        SettingError: the text is no address, or one that leads to no carrier. The message does not
            quote what could be a password.
    """
    match = _SCHEME.match(text)
    scheme = match[1].lower() if match else ""
    if match is None or scheme not in SCHEMES:
        raise SettingError(
            f"an address begins with {', '.join(f'{known}://' for known in SCHEMES)}, "
            f"got {text.partition(':')[0]!r}:",
            hint=_HINT,
        )
    rest = text[match.end() :]
    if not rest.isprintable() or " " in rest:
        raise SettingError(f"an address has no blanks and no control characters: {scheme}://")
    if scheme in ("https", "http"):
        return _web(f"{scheme}://{rest}")
    if "?" in rest or "#" in rest:
        raise SettingError(f"an address of {scheme}:// has no '?' and no '#'", hint=_HINT)
    if scheme == "hf":
        return _model(rest)
    return _bucket(rest) if scheme == "s3" else _registry(rest)


def _model(rest: str) -> ModelAddress:
    match = _MODEL.fullmatch(rest.rstrip("/"))
    if not match:
        raise SettingError(f"expected hf://user/name[@revision][/file], got hf://{rest}")
    if match["user"] in _NOT_MODELS:
        raise SettingError(f"hf://{rest} is no model repository, expected hf://user/name")
    _check_parts(match["file"] or "", f"hf://{rest}")
    revision = None if match["revision"] is None else unquote(match["revision"])
    return ModelAddress(f"{match['user']}/{match['name']}", revision, match["file"] or None)


def _bucket(rest: str) -> BucketAddress:
    match = _BUCKET.fullmatch(rest)
    if not match:
        raise SettingError(f"expected s3://bucket/key, got s3://{rest}")
    key = match["key"] or ""
    _check_parts(key.removesuffix("/"), f"s3://{rest}")
    return BucketAddress(match["bucket"], _in_folder(key))


def _registry(rest: str) -> RegistryAddress:
    match = _REGISTRY.fullmatch(rest)
    if not match:
        raise SettingError(f"expected oci://registry/name[:tag], got oci://{rest}")
    return RegistryAddress(
        match["registry"], match["name"], match["tag"] or "latest", match["digest"]
    )


def _web(url: str) -> WebAddress:
    """Check a URL. Nothing of it is quoted before it is known to hold no password."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SettingError("the address has a wrong host or port", hint=_HINT) from None
    if not host or not host.isascii():
        raise SettingError(
            "the address has no host in ASCII letters", hint="https://host/file; xn-- for others"
        )
    if parts.username is not None or parts.password is not None:
        raise SettingError(f"an address has no user and no password in front of its host: {host}")
    place = host if ":" not in host else f"[{host}]"
    place += "" if port is None else f":{port}"
    path = parts.path or "/"
    path = path if parts.query else _in_folder(path)
    query = f"?{parts.query}" if parts.query else ""
    return WebAddress(f"{parts.scheme}://{place}{quote(path + query, safe=string.punctuation)}")


def _in_folder(path: str) -> str:
    """The carrier's place in a folder, which ends with a slash; that of a file as it is."""
    return f"{path}{SONG}" if path in ("", "/") or path.endswith("/") else path


def _check_parts(path: str, shown: str) -> None:
    if path and any(part in ("", ".", "..") for part in path.split("/")):
        raise SettingError(f"{shown} has an empty part, or one of dots alone")
