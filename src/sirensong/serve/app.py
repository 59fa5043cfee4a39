"""What the page may ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response, StreamingResponse
from starlette.routing import Route

from sirensong.carrier.slots import SLOTS
from sirensong.errors import SirensongError
from sirensong.payload.content import safe_name
from sirensong.pictures.image import size_of
from sirensong.serve.answers import RefusedError, answer, on_error, read_json
from sirensong.serve.guard import PAGE, SESSION, TOKEN_HEADER, WHERE, Tokens
from sirensong.serve.jobs import Bench
from sirensong.serve.orders import Workbench, estimate_asked, job_asked, key_file
from sirensong.serve.uploads import COVER, Upload, place_of
from sirensong.training.quality import QUALITIES
from sirensong.verify import Expected
from sirensong.web.page import page_of


class Answers:
    """The routes of one run.

    Args:
        page: the HTML.
        tokens: of the run.
        workbench: what is handed over, and what songs are made with.
        bench: where they are made.
        notes: what the page is to tell its user at once, a line each.
        on_misuse: called when the browser's token has been used a second time.
    """

    def __init__(
        self,
        page: str,
        tokens: Tokens,
        workbench: Workbench,
        bench: Bench,
        notes: Sequence[str],
        on_misuse: Callable[[], object],
    ) -> None:
        self._page, self._tokens = page, tokens
        self._workbench, self._bench = workbench, bench
        self._notes, self._on_misuse = list(notes), on_misuse
        self._sessions = 0

    def app(self) -> Starlette:
        """The application, which relies on a `Guard` before it."""
        jobs = "/jobs/{name}"
        routes = [
            Route(PAGE, self.page),
            Route(SESSION, self.session, methods=["POST"]),
            Route(SESSION + "/{number}", self.leave, methods=["DELETE"]),
            Route("/pictures/{place}", self.put_picture, methods=["PUT"]),
            Route("/pictures/{place}", self.remove_picture, methods=["DELETE"]),
            Route("/estimates", self.estimate, methods=["POST"]),
            Route("/jobs", self.start, methods=["POST"]),
            Route(jobs, self.cancel, methods=["DELETE"]),
            Route(jobs + "/events", self.events),
            Route(jobs + "/song.safetensors", self.song),
            Route(jobs + "/song.html", self.song_page),
        ]
        handled = (SirensongError, HTTPException, Exception)
        return Starlette(
            routes=routes,
            exception_handlers={ClientDisconnect: _nobody, **dict.fromkeys(handled, on_error)},
        )

    async def page(self, _: Request) -> Response:
        """The page, which has no secrets."""
        return HTMLResponse(self._page)

    async def session(self, request: Request) -> Response:
        """A page begins: what another one has left is forgotten."""
        self._bench.forget()
        if not self._tokens.use(request.headers.get(TOKEN_HEADER, "").encode("latin-1")):
            self._on_misuse()
            raise RefusedError(403, "this address was used before", hint=WHERE)
        shelf = self._workbench.shelf
        shelf.clear()
        self._sessions += 1
        return answer(
            {
                "token": self._tokens.run,
                "number": self._sessions,
                "largest": shelf.largest,
                "secrets": SLOTS,
                "qualities": list(QUALITIES),
                "notes": self._notes,
            }
        )

    async def leave(self, request: Request) -> Response:
        """A page ends, and with it its job and all that it has left, unless another has begun."""
        if request.path_params["number"] == str(self._sessions):
            self._bench.abandon()
            self._workbench.shelf.clear()
        return answer({})

    async def put_picture(self, request: Request) -> Response:
        """Take a picture or a file, and say what it is."""
        place = place_of(request.path_params["place"])
        shelf = self._workbench.shelf
        declared = request.headers.get("content-length")
        data = await shelf.read(declared, request.stream())
        name = safe_name(request.query_params.get("name", ""))
        upload = Upload(name, data, exactly="exactly" in request.query_params)
        read = upload.as_cover if place == COVER else upload.as_secret
        opened = await asyncio.to_thread(read)
        shelf.put(place, upload)
        if not isinstance(opened, Expected):
            size = len(opened.file.content)
            return answer({"kind": "file", "bytes": size, "notes": opened.notes})
        height, width = size_of(opened.rgb)
        return answer({"kind": "picture", "width": width, "height": height, "notes": opened.notes})

    async def remove_picture(self, request: Request) -> Response:
        """Let go of a picture."""
        self._workbench.shelf.remove(place_of(request.path_params["place"]))
        return answer({})

    async def estimate(self, request: Request) -> Response:
        """What would be made, and how long it takes."""
        order = estimate_asked(self._workbench, await read_json(request))
        outcome = await self._bench.estimate(order)
        return answer(outcome, 400 if outcome["event"] == "failed" else 200)

    async def start(self, request: Request) -> Response:
        """Begin a job. This answer alone has the keys that are made for it."""
        self._bench.check_free()
        asked = job_asked(self._workbench, await read_json(request))
        job = self._bench.start(asked.order)
        keys = [
            {"place": place, "text": key_file(key), "fingerprint": key.fingerprint}
            for place, key in asked.made.items()
        ]
        return answer({"job": job.name, "keys": keys, "notes": asked.notes}, 201)

    async def events(self, request: Request) -> Response:
        """How the job is doing, until it is over."""
        job = self._bench.find(request.path_params["name"])
        return StreamingResponse(job.watch(), media_type="text/event-stream")

    async def cancel(self, request: Request) -> Response:
        """End the job at once."""
        self._bench.cancel(self._bench.find(request.path_params["name"]))
        return answer({})

    async def song(self, request: Request) -> Response:
        """The carrier."""
        return _download(self._song(request))

    async def song_page(self, request: Request) -> Response:
        """The carrier in a page that shows it."""
        return _download(page_of(self._song(request)).encode())

    def _song(self, request: Request) -> bytes:
        job = self._bench.find(request.path_params["name"])
        if job.song is None:
            raise RefusedError(404, "the song is not made yet")
        return job.song


def _download(data: bytes) -> Response:
    return Response(data, media_type="application/octet-stream")


async def _nobody(_request: Request, _error: Exception) -> Response:
    """Answer to a page that has gone, which nobody will read."""
    return Response(status_code=400)
