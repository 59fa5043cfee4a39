"""Who is answered: the page that this server has sent, on this machine, and nobody else."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sirensong.serve.answers import RefusedError, refuse

TOKEN_HEADER = "x-sirensong-token"  # noqa: S105
"""The header that has the token, in lower case."""

PAGE, SESSION = "/", "/session"
"""The page, the one path that takes no token, and where one for a browser becomes the run's."""

WHERE = "open the address that sirensong serve has printed"
"""What to do without a token."""

_INLINE = re.compile(r"<(script|style)\b[^>]*>(.*?)</\1>", re.DOTALL)


def policy_for(page: str) -> str:
    """The policy under which a page runs its own scripts and styles, and asks its own server alone.

    Args:
        page: the HTML, with its scripts and styles inside.

    Returns:
        A Content-Security-Policy.
    """
    hashes: dict[str, list[str]] = {"script": [], "style": []}
    for kind, text in _INLINE.findall(page):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        hashes[kind].append(f"'sha256-{digest}'")
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(hashes["script"]) or "'none'",
        "style-src": " ".join(hashes["style"]) or "'none'",
        "connect-src": "'self'",
        "img-src": "blob: data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


class Tokens:
    """What tells the page of this run from others on this machine: the run's token, and another.

    Other users see the command line that opens the browser, so the address there has a token that
    is good once, for the run's.
    """

    def __init__(self) -> None:
        self.run, self.once = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._used = False

    def is_of_run(self, token: bytes) -> bool:
        """Whether it is the run's."""
        return hmac.compare_digest(token, self.run.encode())

    def is_once(self, token: bytes) -> bool:
        """Whether it is the one of the browser, used or not."""
        return hmac.compare_digest(token, self.once.encode())

    def use(self, token: bytes) -> bool:
        """Take a token for the run's. Returns whether it is good; the browser's is so once."""
        if not self.is_once(token):
            return self.is_of_run(token)
        good, self._used = not self._used, True
        return good


class Guard:
    """Stands before the application, and answers those requests itself that it refuses.

    A foreign page in the same browser is told by Origin and Sec-Fetch-Site, one whose name has come
    to mean this machine by Host; other users of the machine lack the token.

    Args:
        app: what answers the rest.
        port: of the server.
        tokens: of this run; the browser's is good for `SESSION` alone.
        policy: of the page.
    """

    def __init__(self, app: ASGIApp, port: int, tokens: Tokens, policy: str) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}".encode() for name in ("127.0.0.1", "localhost")}
        self._origins = {b"http://" + host for host in self._hosts}
        self._tokens = tokens
        self._headers = {
            "content-security-policy": policy,
            "cache-control": "no-store",
            "referrer-policy": "no-referrer",
            "cross-origin-resource-policy": "same-origin",
            "cross-origin-opener-policy": "same-origin",
            "x-content-type-options": "nosniff",
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or have it answered."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(self._headers)
            await send(message)

        try:
            self.check(scope)
        except RefusedError as error:
            response = refuse(error.status, error.message, error.hint)
            await response(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)

    def check(self, scope: Scope) -> None:
        """Look at a request, but not at its body.

        Raises:
            RefusedError: it is refused.
        """
        if scope["type"] != "http":
            raise RefusedError(400, "only HTTP is spoken here")
        path = scope["path"]
        if _only(scope, b"host") not in self._hosts:
            raise RefusedError(400, "this server goes by another name")
        origin = _only(scope, b"origin")
        if origin is not None and origin not in self._origins:
            raise RefusedError(403, "a page from elsewhere is not answered")
        site, visit = _only(scope, b"sec-fetch-site"), _only(scope, b"sec-fetch-dest")
        followed = path == PAGE and visit == b"document"  # a link, from wherever: it shows the page
        if site not in (None, b"same-origin", b"none") and not followed:
            raise RefusedError(403, "a page from elsewhere is not answered")
        if path == PAGE:
            return
        token = _only(scope, TOKEN_HEADER.encode()) or b""
        browser = path == SESSION and self._tokens.is_once(token)
        if not (browser or self._tokens.is_of_run(token)):
            raise RefusedError(403, "the token is missing or wrong", hint=WHERE)


def _only(scope: Scope, name: bytes) -> bytes | None:
    """The value of a header, None for none.

    Raises:
        RefusedError: it is there twice.
    """
    values = [value for key, value in scope["headers"] if key == name]
    if len(values) > 1:
        raise RefusedError(400, f"the header {name.decode()} is there twice")
    return values[0] if values else None
