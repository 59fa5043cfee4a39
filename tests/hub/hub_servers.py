"""Servers that tests talk to: a web server that can lie, a registry, a stub of the Hub."""

import base64
import contextlib
import hashlib
import json
import re
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen


class Handler(BaseHTTPRequestHandler):
    """Answers as the server's `answers` say, by path; a file of bytes is served with ranges."""

    protocol_version = "HTTP/1.1"
    timeout = 20

    def do_GET(self):
        path = urlsplit(self.path).path
        self.server.asked.append((path, dict(self.headers)))
        answer = self.server.answers.get(path)
        if answer is None:
            self.send(404, b"nothing here")
        elif isinstance(answer, bytes):
            self.serve(answer)
        else:
            answer(self)

    def serve(self, data, etag=None):
        """Serve a file as a good server does."""
        etag = f'"{hashlib.sha256(data).hexdigest()}"' if etag is None else etag
        if etag and self.headers.get("If-None-Match") == etag:
            self.send(304, b"", ETag=etag)
            return
        match = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if match and self.headers.get("If-Range") in (None, etag):
            start = int(match[1])
            if start >= len(data):
                self.send(416, b"", **{"Content-Range": f"bytes */{len(data)}"})
                return
            place = f"bytes {start}-{len(data) - 1}/{len(data)}"
            self.send(206, data[start:], **{"Content-Range": place, "ETag": etag})
            return
        self.send(200, data, **({"ETag": etag} if etag else {}))

    def send(self, status, data, length=None, **headers):
        """Send an answer, of another length than it says perhaps."""
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)
        if length is not None:
            self.close_connection = True

    def send_endlessly(self, beginning, *, chunked=False):
        """Send without end, until the other side has had enough; count what it took."""
        self.send_response(200)
        self.send_header(
            *(("Transfer-Encoding", "chunked") if chunked else ("Connection", "close"))
        )
        self.end_headers()
        self.close_connection = True
        more = b"\0" * 65536
        with contextlib.suppress(OSError):
            for piece in (beginning, *[more] * 4000):
                framed = b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece
                self.wfile.write(framed)
                self.server.sent += len(piece)

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(handler=Handler, wrap=None):
    """Serve on a free port, until the context ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if wrap is not None:
        server.socket = wrap(server.socket)
    server.daemon_threads = True
    server.answers, server.asked, server.sent = {}, [], 0
    server.url = f"{'http' if wrap is None else 'https'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def registry(folder):
    """Debian's docker-registry, on a free port. Yields its host and port."""
    port = free_port()
    config = folder / "config.yml"
    config.write_text(
        "version: 0.1\nlog: {level: error}\n"
        f"storage: {{filesystem: {{rootdirectory: {folder / 'data'}}}}}\n"
        f"http: {{addr: '127.0.0.1:{port}'}}\n"
    )
    with (folder / "log").open("wb") as log:
        command = ["docker-registry", "serve", str(config)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), urlopen(f"http://127.0.0.1:{port}/v2/"):
                    break
                time.sleep(0.05)
            else:
                raise RuntimeError((folder / "log").read_text())
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(timeout=20)


class HubStub(Handler):
    """A stub of the Hugging Face Hub, not the Hub: what its client needs to commit and to fetch.

    It keeps repositories as a list of commits, each a dictionary of files.
    """

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        self.server.asked.append((f"{self.command} {path}", dict(self.headers)))
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision/(.+))?", path):
            self.info(match[1], match[3] or "main")
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/(refs/pr/\d+|[^/]+)/(.+)", path):
            self.resolve(*match.groups())
        else:
            self.send(404, b"")

    def do_POST(self):
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append((f"POST {path}", dict(self.headers)))
        if path == "/api/repos/create":
            given = json.loads(body)
            name = "/".join(part for part in (given.get("organization"), given["name"]) if part)
            self.server.repositories.setdefault(name, [{".gitattributes": b"*.safetensors lfs"}])
            self.json({"url": f"{self.server.url}/{name}"})
        elif match := re.fullmatch(r"/api/models/(.+)/preupload/main", path):
            files = json.loads(body)["files"]
            kinds = [
                {"path": one["path"], "uploadMode": "regular", "shouldIgnore": False}
                for one in files
            ]
            for kind in kinds:
                if not kind["path"].endswith((".md", ".html")):
                    kind["uploadMode"] = "lfs"
            self.json({"files": kinds})
        elif path == "/api/validate-yaml":
            self.json({"errors": [], "warnings": []})
        elif match := re.fullmatch(r"/(.+)\.git/info/lfs/objects/batch", path):
            objects = [
                one | {"actions": {"upload": {"href": f"{self.server.url}/lfs/{one['oid']}"}}}
                for one in json.loads(body)["objects"]
            ]
            self.json({"transfer": "basic", "objects": objects})
        elif match := re.fullmatch(r"/api/models/(.+)/commit/main", path):
            self.commit(match[1], [json.loads(line) for line in body.splitlines()])
        else:
            self.send(404, b"")

    def do_PUT(self):
        data = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.objects[hashlib.sha256(data).hexdigest()] = data
        self.send(200, b"")

    def info(self, name, revision):
        commits = self.server.repositories.get(name)
        if commits is None:
            self.missing("RepoNotFound")
            return
        siblings = [{"rfilename": path} for path in commits[-1]]
        self.json({"id": name, "sha": self.sha(commits), "siblings": siblings, "tags": []})

    def sha(self, commits):
        return hashlib.sha1(str(len(commits)).encode()).hexdigest()

    def commit(self, name, lines):
        commits = self.server.repositories[name]
        (header,) = [line["value"] for line in lines if line["key"] == "header"]
        if header.get("parentCommit", self.sha(commits)) != self.sha(commits):
            self.send(412, b"")
            return
        files = dict(commits[-1])
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            if line["key"] == "lfsFile":
                files[value["path"]] = self.server.objects[value["oid"]]
        self.server.summaries.append((header["summary"], header.get("description")))
        commits.append(files)
        sha = self.sha(commits)
        url = f"{self.server.url}/{name}/commit/{sha}"
        self.json({"success": True, "commitOid": sha, "commitUrl": url})

    def resolve(self, name, revision, path):
        commits = self.server.repositories.get(name)
        if commits is None:
            self.missing("RepoNotFound")
            return
        shas = [self.sha(commits[: index + 1]) for index in range(len(commits))]
        if revision not in (*shas, "main"):
            self.missing("RevisionNotFound")
            return
        files = commits[-1 if revision == "main" else shas.index(revision)]
        if path not in files:
            self.missing("EntryNotFound")
            return
        data = files[path]
        headers = {
            "X-Repo-Commit": shas[-1] if revision == "main" else revision,
            "ETag": f'"{hashlib.sha256(data).hexdigest()}"',
        }
        if self.command == "HEAD":
            headers["X-Linked-Size"] = str(self.server.claimed.get(path, len(data)))
            self.send_response(200)
            for key, value in (headers | {"Content-Length": str(len(data))}).items():
                self.send_header(key, value)
            self.end_headers()
        elif path in self.server.answers:
            self.server.answers[path](self)
        else:
            self.serve(data, headers["ETag"])

    def missing(self, code):
        self.send(404, b"{}", **{"X-Error-Code": code})

    def json(self, value):
        self.send(200, json.dumps(value).encode(), **{"Content-Type": "application/json"})
