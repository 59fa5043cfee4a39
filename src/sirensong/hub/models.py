"""Model repositories of the Hugging Face Hub, by its own client, with its own cache and tokens.

HF_ENDPOINT names another Hub; HF_HOME is where its cache and the token of `hf auth login` are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sirensong.errors import FileError, FormatError, SirensongError, needing
from sirensong.hub.addresses import SONG, ModelAddress
from sirensong.hub.arriving import OnBytes, carrier_size, check_size
from sirensong.hub.refusals import already_there, check_redirect, reason_of

COMMIT = "A picture as a neural function"
"""The text of every commit."""

_HEAD = 2**11


def fetch_model(
    address: ModelAddress, *, largest: int, offline: bool, on_bytes: OnBytes | None
) -> Path:
    """Fetch a file of a repository. What was stopped is resumed.

    Args:
        address: of the file, or of its repository.
        largest: bytes that it may have.
        offline: take what is in the client's cache, and ask nobody.
        on_bytes: told of progress.

    Returns:
        The file, in the client's cache.

    Raises:
        MissingDependencyError: huggingface_hub is not installed.
        FormatError: it is too large, or no carrier.
        FileError: the Hub cannot be reached, or refuses, or there is nothing in the cache.
    """
    with needing("hf:// addresses need huggingface_hub", "hub"):
        import huggingface_hub
    name = address.file or SONG
    place = {"repo_id": address.repository, "filename": name, "revision": address.revision}
    with _errors("fetch", address), _discretion():
        if not offline:
            _check_before(place, largest, address)
        bar = _bar(largest, str(address), on_bytes)
        options = {"local_files_only": offline, "tqdm_class": bar}
        path = Path(huggingface_hub.hf_hub_download(**place, **options))
    check_size(path.stat().st_size, largest, str(address))
    with path.open("rb") as file:
        carrier_size(file.read(_HEAD), str(address))
    return path


def publish_model(address: ModelAddress, files: Mapping[str, bytes], *, overwrite: bool) -> None:
    """Commit files to a repository, which is made if there is none, all in one commit.

    Args:
        address: of the repository.
        files: by name.
        overwrite: replace what is there. It stays in the repository's history.

    Raises:
        MissingDependencyError: huggingface_hub is not installed.
        FileError: one of the files is there already, or the Hub cannot be reached, or refuses.
    """
    with needing("hf:// addresses need huggingface_hub", "hub"):
        from huggingface_hub import CommitOperationAdd, HfApi
    api = HfApi()
    with _errors("publish to", address), _discretion():
        api.create_repo(address.repository, repo_type="model", exist_ok=True)
        head = api.repo_info(address.repository, revision=address.revision)
        there = {sibling.rfilename for sibling in head.siblings or ()}
        for name in files:  # the carrier is the first, and says most
            if name in there and not overwrite:
                raise already_there(f"{address}/{name}")
        additions = [CommitOperationAdd(name, data) for name, data in files.items()]
        api.create_commit(
            address.repository, additions, commit_message=COMMIT, parent_commit=head.sha
        )


def _check_before(place: dict[str, Any], largest: int, address: ModelAddress) -> None:
    """Ask how large a file is, and where it is, before it is fetched."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    url = hf_hub_url(**place)
    facts = get_hf_file_metadata(url)
    check_size(facts.size, largest, str(address))
    check_redirect(url, facts.location)


def _bar(largest: int, shown: str, on_bytes: OnBytes | None) -> type:
    """What the client tells of its progress, which stops it where more comes than was promised."""
    from huggingface_hub.utils import tqdm

    class Bar(tqdm):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options | {"disable": True})
            self.done, self.whole = options.get("initial") or 0, options.get("total") or largest

        def update(self, n: float | None = 1) -> bool | None:
            self.done += int(n or 0)
            check_size(self.done, largest, shown)
            if on_bytes is not None:
                on_bytes(self.done, self.whole)
            return None

    return Bar


@contextlib.contextmanager
def _discretion() -> Iterator[None]:
    """Inside this context the client prints no bars and warnings, and tells nothing of its user.

    By itself it would say whether torch is installed and what runs it, and ask the Hub, even
    offline, for a list of what that may be.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
        logging,
    )

    were, told = are_progress_bars_disabled(), logging.get_verbosity()
    tells_nothing = constants.HF_HUB_DISABLE_TELEMETRY
    disable_progress_bars()
    logging.set_verbosity_error()
    constants.HF_HUB_DISABLE_TELEMETRY = True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_TELEMETRY = tells_nothing
        logging.set_verbosity(told)
        if not were:
            enable_progress_bars()


@contextlib.contextmanager
def _errors(verb: str, address: ModelAddress) -> Iterator[None]:
    """Turn an error of the Hub's client into a FileError."""
    from huggingface_hub import errors

    try:
        yield
    except FormatError:
        raise
    except SirensongError as error:
        if str(address) in error.message:
            raise
        raise FileError(f"cannot {verb} {address}: {error.message}") from None
    except errors.LocalEntryNotFoundError:
        raise FileError(
            f"cannot {verb} {address}: it is not in the cache, or nobody answers",
            hint="without --offline it is fetched",
        ) from None
    except errors.RevisionNotFoundError:
        raise FileError(f"cannot {verb} {address}: there is no such revision") from None
    except errors.GatedRepoError:
        raise FileError(
            f"cannot {verb} {address}: its owner grants access one by one", hint="hf auth login"
        ) from None
    except errors.RepositoryNotFoundError:
        raise FileError(
            f"cannot {verb} {address}: there is no such repository, or it is private",
            hint="hf auth login",
        ) from None
    except errors.EntryNotFoundError:
        raise FileError(f"cannot {verb} {address}: there is no {address.file or SONG}") from None
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        hint = "hf auth login" if status in (401, 403) else None
        raise FileError(f"cannot {verb} {address}: the Hub answers {status}", hint=hint) from None
    except Exception as error:  # of httpx2, and of the client's compiled part
        raise FileError(f"cannot {verb} {address}: {reason_of(error)}") from None
