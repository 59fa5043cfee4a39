"""Objects in buckets of S3 and of stores that speak its language, by s3fs.

Keys, regions and endpoints are where S3's other tools look for them: AWS_ACCESS_KEY_ID,
AWS_ENDPOINT_URL_S3, ~/.aws. Without keys, buckets are read that anybody may read.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from sirensong.errors import FileError, SirensongError, needing
from sirensong.hub import arriving
from sirensong.hub.addresses import SONG, BucketAddress
from sirensong.hub.arriving import Stream
from sirensong.hub.cache import Known
from sirensong.hub.card import MEDIA_TYPES
from sirensong.hub.refusals import already_there

_PIECE = 2**22  # bytes of one request


@contextlib.contextmanager
def open_bucket(address: BucketAddress, known: Known) -> Iterator[Stream | None]:
    """Ask a store for an object, or for the rest of it.

    Args:
        address: of the object.
        known: what is there already.

    Yields:
        What the store sends; None if the version that is there whole is its latest.

    Raises:
        MissingDependencyError: s3fs is not installed.
        FileError: the store cannot be reached, or refuses.
    """
    store = _store()
    path = f"{address.bucket}/{address.key}"
    with _errors("fetch", address):
        facts = store.info(path)
        version, size = facts["ETag"], int(facts["size"])
        if version == known.whole:
            yield None
            return
        start = known.start if version == known.part else 0
        with store.open(path, "rb", block_size=_PIECE, cache_type="none") as file:
            yield Stream(version, size, start, _pieces(file, start))


def publish_to_bucket(
    address: BucketAddress, files: Mapping[str, bytes], *, overwrite: bool
) -> None:
    """Put files into a folder of a bucket, the carrier last.

    Args:
        address: of the carrier.
        files: by name.
        overwrite: replace what is there.

    Raises:
        MissingDependencyError: s3fs is not installed.
        FileError: one of the files is there already, or the store cannot be reached, or refuses.
    """
    store = _store()
    folder = f"{address.bucket}/{address.key.removesuffix(SONG)}"
    with _errors("publish to", address):
        for name in files:
            if not overwrite and store.exists(folder + name):
                raise already_there(f"s3://{folder}{name}")
        for name in sorted(files, key=SONG.__eq__):
            new = not overwrite and name == SONG
            mode = "create" if new else "overwrite"
            store.pipe_file(folder + name, files[name], mode=mode, ContentType=MEDIA_TYPES[name])


def _store() -> Any:
    with needing("s3:// addresses need s3fs", "hub"):
        import botocore.session
        import s3fs
    named = botocore.session.get_session().get_credentials() is not None
    return s3fs.S3FileSystem(
        anon=not named,
        use_listings_cache=False,
        config_kwargs={
            "connect_timeout": arriving.TIMEOUT,
            "read_timeout": arriving.TIMEOUT,
            "retries": {"max_attempts": 2},
        },
    )


@contextlib.contextmanager
def _errors(verb: str, address: BucketAddress) -> Iterator[None]:
    """Turn an error of s3fs, or of botocore below it, into a FileError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except SirensongError:
        raise
    except FileExistsError:
        raise already_there(str(address)) from None
    except FileNotFoundError:
        raise FileError(f"cannot {verb} {address}: there is no such object or bucket") from None
    except PermissionError:
        raise FileError(
            f"cannot {verb} {address}: access is denied",
            hint="keys are taken from where the aws command takes them",
        ) from None
    except (OSError, ValueError, BotoCoreError, ClientError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        raise FileError(f"cannot {verb} {address}: {text.lower()}") from None


def _pieces(file: Any, start: int) -> Iterator[bytes]:
    file.seek(start)
    while piece := file.read(_PIECE):
        yield piece
