"""An object store on loopback, and a proxy before it that fails as networks do.

The store is moto's, which keeps what S3 keeps; the proxy is ours. It forwards each request, or
fails it in one of `FAULTS`, chosen by a seed and the number of the request. One pair serves a test
process; every test gets a bucket of its own.
"""

from __future__ import annotations

import http.client
import logging
import random
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from moto.server import ThreadedMotoServer
from pyarrow import fs

FAULTS: Final = ("reset", "lost", "error", "busy", "truncated", "slow")
"""No answer, the request never arrived; no answer, but it did; 500; 503; half an answer; a slow one."""
_HOP_BY_HOP: Final = {"connection", "transfer-encoding", "keep-alive", "expect"}
_SLOW_PARTS: Final = 4


@dataclass
class Faults:
    """What goes wrong from now on.

    Attributes:
        rate: The share of requests that fail.
        seed: Decides which ones, and how.
        kinds: The faults to choose from.
        methods: The requests that can fail.
        watch: Called with method and path of each request, before anything else.
        happened: The faults so far, with the requests they met.
    """

    rate: float = 0.0
    seed: int = 0
    kinds: tuple[str, ...] = FAULTS
    methods: tuple[str, ...] = ("DELETE", "GET", "HEAD", "POST", "PUT")
    watch: Callable[[str, str], None] | None = None
    happened: list[tuple[str, str, str]] = field(default_factory=list)
    _number: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, method: str, path: str) -> str | None:
        """Decide about a request."""
        with self._lock:
            self._number += 1
            chance = random.Random(f"{self.seed}/{self._number}")
            if chance.random() >= self.rate or method not in self.methods:
                return None
            kind = chance.choice(self.kinds)
            self.happened.append((kind, method, path))
            return kind


class _Proxy(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, upstream: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.faults = Faults()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: clients hang up, and so do we."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Proxy

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _serve(self) -> None:
        body = self._body()
        faults = self.server.faults
        if faults.watch is not None:
            faults.watch(self.command, self.path)
        kind = faults.next(self.command, self.path)
        if kind == "reset":
            self._hang_up()
            return
        if kind in ("error", "busy"):
            self._answer(500 if kind == "error" else 503, [("Content-Length", "0")], b"", None)
            return
        status, headers, content = self._forward(body)
        if kind == "lost":
            self._hang_up()
            return
        self._answer(status, headers, content, kind)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def _forward(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        upstream = http.client.HTTPConnection(*self.server.upstream, timeout=60)
        try:
            headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
            headers["Content-Length"] = str(len(body))
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            content = answer.read()
            kept = [(k, v) for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP]
        finally:
            upstream.close()
        return answer.status, kept, content

    def _answer(
        self, status: int, headers: list[tuple[str, str]], content: bytes, kind: str | None
    ) -> None:
        self.send_response_only(status)
        for name, value in headers:
            self.send_header(name, value)
        if not any(name.lower() == "content-length" for name, _ in headers):
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if kind == "truncated":
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            self._hang_up()
        elif kind == "slow":
            step = max(1, len(content) // _SLOW_PARTS)
            for begin in range(0, len(content), step):
                self.wfile.write(content[begin : begin + step])
                self.wfile.flush()
                threading.Event().wait(0.02)
        else:
            self.wfile.write(content)

    def _hang_up(self) -> None:
        """End the connection so that the client sees a reset."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


@dataclass
class ObjectStore:
    """The store of this test process.

    Attributes:
        url: The proxy's address, for AWS_ENDPOINT_URL.
    """

    url: str
    _system: fs.FileSystem
    _proxy: _Proxy
    _buckets: int = 0

    @property
    def faults(self) -> Faults:
        """What goes wrong."""
        return self._proxy.faults

    def fail(self, **faults: Any) -> Faults:
        """Let other things go wrong from now on; nothing without arguments."""
        self._proxy.faults = Faults(**faults)
        return self._proxy.faults

    def bucket(self) -> Bucket:
        """Make a bucket; nothing goes wrong with it yet."""
        self.fail()
        self._buckets += 1
        name = f"bucket-{self._buckets}"
        self._system.create_dir(name)
        return Bucket(self, name, self._system)


@dataclass
class Bucket:
    """A bucket, reached without the proxy."""

    store: ObjectStore
    name: str
    _system: fs.FileSystem

    @property
    def uri(self) -> str:
        """Its address."""
        return f"s3://{self.name}"

    def put(self, key: str, content: str | bytes) -> str:
        """Write an object and return its URI."""
        data = content.encode() if isinstance(content, str) else content
        with self._system.open_output_stream(f"{self.name}/{key}", compression=None) as out:
            out.write(data)
        return f"{self.uri}/{key}"

    def get(self, key: str) -> bytes:
        """Read an object."""
        with self._system.open_input_file(f"{self.name}/{key}") as file:
            content: bytes = file.read()
        return content

    def remove(self, key: str) -> None:
        """Remove an object."""
        self._system.delete_file(f"{self.name}/{key}")

    def names(self, prefix: str = "") -> list[str]:
        """Return the names of the objects, sorted."""
        found = self._system.get_file_info(fs.FileSelector(self.name, recursive=True))
        names = [info.path[len(self.name) + 1 :] for info in found if info.is_file]
        return sorted(name for name in names if name.startswith(prefix))


@contextmanager
def object_store() -> Iterator[ObjectStore]:
    """Start a store and its proxy, for as long as they are needed."""
    logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
    moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    moto.start()
    host, port = moto.get_host_and_port()
    proxy = _Proxy((host, port))
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield ObjectStore(
            f"http://127.0.0.1:{proxy.server_address[1]}",
            fs.S3FileSystem(
                access_key="test",
                secret_key="test",
                region="us-east-1",
                scheme="http",
                endpoint_override=f"{host}:{port}",
                allow_bucket_creation=True,
            ),
            proxy,
        )
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
        moto.stop()
