"""What the server answers: a line of JSON, for what went wrong too; and requests in JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sirensong.errors import SettingError, SirensongError

LARGEST_ORDER = 2**20
"""Bytes of a request in JSON."""

_Value = TypeVar("_Value")


class RefusedError(SirensongError):
    """A request that is not answered.

    Args:
        status: of HTTP.
        message: as in every SirensongError.
        hint: as in every SirensongError.
    """

    def __init__(self, status: int, message: str, *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


def answer(value: Any, status: int = 200) -> Response:
    """Answer with one line of JSON."""
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return Response(text + "\n", status, media_type="application/json")


def refuse(status: int, message: str, hint: str | None = None) -> Response:
    """Answer with what went wrong; the connection ends, since its request may not be read."""
    response = answer(failure(message, hint), status)
    response.headers["connection"] = "close"
    return response


def failure(message: str, hint: str | None) -> dict[str, str | None]:
    """What went wrong, by name. Options of the command are choices of the page: "--" goes."""
    return {"error": message, "hint": hint.replace("--", "") if hint else None}


async def on_error(_: Request, error: Exception) -> Response:
    """Answer for an exception. What is no mistake of the user's is named by its type alone."""
    if isinstance(error, RefusedError):
        return refuse(error.status, error.message, error.hint)
    if isinstance(error, SirensongError):
        return refuse(400, error.message, error.hint)
    if isinstance(error, HTTPException):
        return refuse(error.status_code, error.detail.lower())
    return refuse(500, f"this is a defect: {type(error).__name__}", "please report it")


async def read_json(request: Request) -> dict[str, Any]:
    """Read a request's body as one object of JSON.

    Raises:
        RefusedError: it is too large, or is none.
    """
    parts: list[bytes] = []
    room = LARGEST_ORDER
    async for part in request.stream():
        room -= len(part)
        if room < 0:
            raise RefusedError(413, f"the request has more than {LARGEST_ORDER} bytes")
        parts.append(part)
    try:
        value = json.loads(b"".join(parts))
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise RefusedError(400, "the request is no object of JSON")
    return value


def take(values: dict[str, Any], name: str, kind: type[_Value], what: str) -> _Value:
    """Take a value of a request.

    Args:
        values: of the request.
        name: of the value.
        kind: its type.
        what: the same in words, such as "a text".

    Raises:
        SettingError: it is missing, or of another type. The message does not quote it.
    """
    value = values.get(name)
    if type(value) is not kind:
        raise SettingError(f"{name} must be {what}, got {type(value).__name__}")
    return value


def only(values: dict[str, Any], names: Iterable[str]) -> None:
    """Refuse values that are not known.

    Raises:
        SettingError: there are some.
    """
    if not values.keys() <= set(names):
        raise SettingError(f"a request has {', '.join(names)} and nothing else")
