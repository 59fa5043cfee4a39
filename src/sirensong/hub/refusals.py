"""What is refused, in words that all kinds of addresses share."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from sirensong.errors import FileError

_TWO_VERSIONS = ": two versions of one cover differ where secrets differ"


def check_redirect(old: str, new: str) -> None:
    """Refuse a redirect to what is no web server, or to one that encrypts less.

    Args:
        old: the URL that was asked.
        new: the URL that it names.

    Raises:
        FileError: that is where it leads.
    """
    before, after = urlsplit(old).scheme, urlsplit(new).scheme
    if after not in ("https", "http") or (before == "https" and after == "http"):
        raise FileError(f"refused a redirect from {before}: to {after}:")


def already_there(shown: str) -> FileError:
    """The error of a place where something is published already; of a carrier it says why.

    Args:
        shown: the file that is there, or an artifact.
    """
    why = "" if shown.endswith((".md", ".png", ".html")) else _TWO_VERSIONS
    return FileError(
        f"{shown} exists{why}",
        hint="publish elsewhere, or pass --overwrite; where history is kept, the old one stays",
    )


def reason_of(error: BaseException) -> str:
    """What an error of the network says: one line, lower case, and no more than is needed.

    Args:
        error: as a library raised it.
    """
    inner = _innermost(error)
    if isinstance(inner, TimeoutError):
        return "no answer in time"
    if isinstance(inner, http.client.IncompleteRead):
        return "the connection was closed too early"
    if isinstance(inner, http.client.HTTPException):
        return f"an answer that is not http ({type(inner).__name__})"
    text = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return " ".join(text.split()).lower()


def _innermost(error: BaseException) -> BaseException:
    """The error that others were made of: libraries wrap what the network says several times."""
    below = [error.__cause__, getattr(error, "reason", None), *error.args]
    found = next((one for one in below if isinstance(one, BaseException)), None)
    return error if found is None else _innermost(found)
