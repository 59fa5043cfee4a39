"""A real server on a real socket, with small caps and a short recipe, and a client of it."""

import contextlib
import dataclasses
import http.client
import io
import json
import threading
from typing import NamedTuple

from command import QUICK, photograph
from sirensong.serve.orders import Workbench
from sirensong.serve.server import Server
from sirensong.serve.uploads import Shelf

LARGEST, TOTAL = 200_000, 500_000
TOKEN = "x-sirensong-token"
LONG = dataclasses.replace(
    QUICK, joint=dataclasses.replace(QUICK.joint, steps=100_000), hidden_features=24, omega=15.0
)
"""A training that nobody waits for."""
SHORT = dataclasses.replace(QUICK, hidden_layers=4, omega=15.0)


def png(seed, width=24, height=24):
    buffer = io.BytesIO()
    photograph(seed, width, height).save(buffer, "PNG")
    return buffer.getvalue()


class Answer(NamedTuple):
    """What a request has got."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Client:
    """Asks as the page does."""

    def __init__(self, port, token):
        self.port, self.headers = port, {TOKEN: token}

    def send(self, method, path, body=None, headers=None):
        with self.opened(method, path, body, headers) as response:
            return Answer(response.status, response.headers, response.read())

    @contextlib.contextmanager
    def opened(self, method, path, body=None, headers=None):
        """A response whose body is yet to be read."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body, self.headers if headers is None else headers)
            with connection.getresponse() as response:
                yield response

    def ask(self, method, path, body=None, headers=None):
        """The status, and the JSON of an answer."""
        content = json.dumps(body) if isinstance(body, dict | list) else body
        found = self.send(method, path, content, headers)
        return found.status, json.loads(found.body)

    def put(self, place, data, name="a.png", more=""):
        return self.ask("PUT", f"/pictures/{place}?name={name}{more}", data)

    def order(self, *keys, quality="archive"):
        secrets = [{"place": place, "key": key} for place, key in enumerate(keys, 1)]
        return {"quality": quality, "secrets": secrets}

    def events(self, job):
        """The events of a job to its end, as they come."""
        with self.opened("GET", f"/jobs/{job}/events") as response:
            assert response.status == 200
            while line := response.readline():
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])


def running(recipe, **more):
    """A server in a thread of its own, and what ends it. What it raises is kept."""
    workbench = Workbench(Shelf(LARGEST, TOTAL), recipe)
    server = Server(workbench, **more)
    raised = []

    def run():
        try:
            server.serve_until_stopped()
        except Exception as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def end():
        server.should_exit = True
        thread.join(60)
        assert not thread.is_alive()
        return raised

    client = Client(server.port, server.tokens.run)
    client.server, client.workbench = server, workbench
    return client, end
