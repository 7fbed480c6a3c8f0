"""A schema registry behind TLS and a password: what stands in front of a registry in production."""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.support.secured_broker import Certificates

ANSWER_LIMIT_S = 30


@contextmanager
def guarded_registry(url: str, login: str, certificates: Certificates) -> Iterator[str]:
    """The registry at `url`, for whoever knows the login (user:password); yields the guarded URL."""
    behind = urlsplit(url)
    wanted = f"Basic {base64.b64encode(login.encode()).decode()}"

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if self.headers.get("Authorization") != wanted:
                self._answer(401, b'{"error_code": 40101, "message": "who are you?"}')
                return
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            connection = http.client.HTTPConnection(behind.netloc, timeout=ANSWER_LIMIT_S)
            headers = {name: self.headers[name] for name in ("Accept", "Content-Type") if name in self.headers}
            try:
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                self._answer(answer.status, answer.read())
            finally:
                connection.close()

        do_POST = do_PUT = do_GET  # noqa: N815 - http.server asks for these names

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server_chain, certificates.server_key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}{behind.path}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
