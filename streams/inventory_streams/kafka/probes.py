"""The small HTTP server of every process: `/metrics` for Prometheus, `/livez` and `/readyz` for Kubernetes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest


@dataclass(frozen=True, slots=True)
class Probe:
    """An answer to a probe: whether it is well, and why (or why not) in a few words."""

    ok: bool
    why: str


class ProbeServer:
    """Serves metrics and probes on a thread of its own until it is closed. It never shows data of SKUs."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        live: Callable[[], Probe],
        ready: Callable[[], Probe],
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._server = ThreadingHTTPServer((host, port), _handler(registry, live, ready))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="probes", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on, also when a free one was asked for."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def close(self) -> None:
        """Stop serving and give the port back."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def _handler(
    registry: CollectorRegistry, live: Callable[[], Probe], ready: Callable[[], Probe]
) -> type[BaseHTTPRequestHandler]:
    probes = {"/livez": live, "/readyz": ready}

    class Handler(BaseHTTPRequestHandler):
        timeout = 5  # a client that never sends its request holds a thread no longer than this

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif path in probes:
                probe = probes[path]()
                body = json.dumps({"ok": probe.ok, "why": probe.why}).encode()
                self._answer(200 if probe.ok else 503, "application/json", body)
            else:
                self._answer(404, "text/plain", b"there is /metrics, /livez and /readyz\n")

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            return  # one line per probe and scrape would drown the log

    return Handler
