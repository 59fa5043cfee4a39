"""The server: on loopback, for as long as the command runs."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence
from importlib import resources

import uvicorn

from sirensong.errors import SettingError, SirensongError
from sirensong.serve.app import Answers
from sirensong.serve.guard import Guard, Tokens, policy_for
from sirensong.serve.jobs import GRACE, Bench
from sirensong.serve.orders import Workbench

LOOPBACK = "127.0.0.1"
_PATIENCE = 1  # seconds for requests that are under way at the end


class Server(uvicorn.Server):
    """A run of the server, bound to a port of this machine, which no other machine can reach.

    Args:
        workbench: what is handed over, and what songs are made with.
        port: of loopback, 0 for any that is free.
        notes: what the page is to tell its user, a line each.
        grace: seconds without a page that watches after which a job is cancelled.

    Raises:
        SettingError: the port cannot be had.
    """

    def __init__(
        self,
        workbench: Workbench,
        *,
        port: int = 0,
        notes: Sequence[str] = (),
        grace: float = GRACE,
    ) -> None:
        self._socket = _bind(port)
        self.port = int(self._socket.getsockname()[1])
        self.tokens = Tokens()
        self._misused = False
        page = resources.files("sirensong.web").joinpath("sender.html").read_text("utf-8")
        self._bench = Bench(grace)
        answers = Answers(page, self.tokens, workbench, self._bench, notes, self._end_misused)
        super().__init__(
            uvicorn.Config(
                Guard(answers.app(), self.port, self.tokens, policy_for(page)),
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="error",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_graceful_shutdown=_PATIENCE,
            )
        )

    def address(self, token: str) -> str:
        """Where the page is. What follows # is never sent."""
        return f"http://{LOOPBACK}:{self.port}/#{token}"

    def serve_until_stopped(self) -> None:
        """Answer until Ctrl-C, or SIGTERM; then all that was handed over and made is gone.

        Raises:
            SirensongError: somebody else has used the token of the browser.
        """
        try:
            with contextlib.suppress(KeyboardInterrupt):  # uvicorn passes it on when it has ended
                self.run(sockets=[self._socket])
        finally:
            self._bench.close()
        if self._misused:
            raise SirensongError(
                "the address that the browser got was used twice: another user of this machine "
                "may have seen it; nothing of yours was shown",
                hint="run it again with --no-browser, and open the address that it prints",
            )

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the job, and with it what is sent of it: no connection has to be waited for."""
        self._bench.close()
        await super().shutdown(sockets)

    def _end_misused(self) -> None:
        self._misused = self.should_exit = True


def _bind(port: int) -> socket.socket:
    """Listen already, so that a browser that is opened at once finds the port."""
    listener = socket.socket()
    try:
        listener.bind((LOOPBACK, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or "ports are 0 to 65535"
        raise SettingError(f"cannot listen on port {port}: {reason.lower()}") from None
    return listener
