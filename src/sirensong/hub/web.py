"""Files on web servers, by the standard library alone, so that every receiver has them.

fsspec's client follows a redirect wherever it leads and has no If-Range; here both are wanted.
"""

from __future__ import annotations

import contextlib
import http.client
import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus
from typing import IO, Any

from sirensong.errors import FileError
from sirensong.hub import arriving
from sirensong.hub.addresses import WebAddress
from sirensong.hub.arriving import PIECE, Stream
from sirensong.hub.cache import Known
from sirensong.hub.refusals import check_redirect, reason_of

_RANGE = re.compile(r"bytes (\d{1,15})-\d{1,15}/(\d{1,15})")
_ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e]{1,256}"')


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to web servers, and never from https to http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        check_redirect(req.full_url, newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


@contextlib.contextmanager
def open_web(address: WebAddress, known: Known) -> Iterator[Stream | None]:
    """Ask a web server for a file, or for the rest of it.

    Args:
        address: of the file.
        known: what is there already.

    Yields:
        What the server sends; None if the version that is there whole is its latest.

    Raises:
        FileError: the server cannot be reached, or refuses.
    """
    with web_errors(address):
        response = _opened(address, known)
        if response is None:
            yield None
            return
        with response:
            yield _stream(response, known)


@contextlib.contextmanager
def web_errors(address: WebAddress) -> Iterator[None]:
    """Turn an error of the web's machinery into a FileError.

    Raises:
        FileError: there was one.
    """
    try:
        yield
    except FileError as error:
        if str(address) in error.message:
            raise
        raise FileError(f"cannot fetch {address}: {error.message}", hint=error.hint) from None
    except urllib.error.HTTPError as error:
        with error:
            reason = http.client.responses.get(error.code, "an unknown answer").lower()
        if error.code // 100 == 3:  # urllib's own word on redirects: too many, or not to the web
            reason = "a redirect that is not followed"
        raise FileError(f"cannot fetch {address}: {error.code}, {reason}") from None
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise FileError(f"cannot fetch {address}: {reason_of(error)}") from None


def _opened(address: WebAddress, known: Known) -> http.client.HTTPResponse | None:
    """The server's answer; None if it says that nothing has changed."""
    headers = {"User-Agent": "sirensong", "Accept-Encoding": "identity"}
    if known.whole is not None:
        headers["If-None-Match"] = known.whole
    if known.part is not None:
        headers |= {"Range": f"bytes={known.start}-", "If-Range": known.part}
    request = urllib.request.Request(address.url, headers=headers)  # noqa: S310
    try:
        answer: Any = _opener().open(request, timeout=arriving.TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == HTTPStatus.NOT_MODIFIED and known.whole is not None:
            error.close()
            return None
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and known.part:
            error.close()
            return _opened(address, replace(known, part=None))
        raise
    response: http.client.HTTPResponse = answer
    return response


def _opener() -> urllib.request.OpenerDirector:
    """What opens http and https and nothing else: no files, no FTP, no data."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener


def _stream(response: http.client.HTTPResponse, known: Known) -> Stream:
    etag = response.headers.get("ETag", "")
    version = etag if _ETAG.fullmatch(etag) else None
    if response.status == HTTPStatus.PARTIAL_CONTENT:
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if match is None or int(match[1]) != known.start or version != known.part:
            raise FileError("the server sends another part than it was asked for")
        return Stream(version, int(match[2]), known.start, _pieces(response))
    length = response.headers.get("Content-Length", "")
    size = int(length) if length.isascii() and length.isdigit() else None
    return Stream(version, size, 0, _pieces(response))


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    while piece := response.read1(PIECE):
        yield piece
