"""The sandbox's control endpoint is asked over one connection, which both sides may drop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from inventory_cli.demo.sandbox_control import IDLE_S_MAX, SandboxControl


class Served(ThreadingHTTPServer):
    """Counts connections; answers every order."""

    connections = 0

    def get_request(self) -> tuple[object, object]:  # type: ignore[override]
        self.connections += 1
        return super().get_request()


class Orders(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "14")
        self.end_headers()
        self.wfile.write(b'{"sold": true}')

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Served]:
    served = Served(("127.0.0.1", 0), Orders)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield served
    served.shutdown()
    served.server_close()
    thread.join(5)


@pytest.mark.parametrize(("idle_s", "connections"), [(IDLE_S_MAX / 2, 1), (IDLE_S_MAX * 2, 2)])
def test_an_order_does_not_go_over_a_connection_that_was_idle_for_long(
    server: Served, idle_s: float, connections: int
) -> None:
    """It may be dropped just then, and nobody could say whether the order was taken."""
    now_s = [0.0]
    control = SandboxControl(f"http://127.0.0.1:{server.server_address[1]}", lambda: now_s[0])

    first = control.buy("shopify", "1", 1)
    now_s[0] += idle_s
    second = control.buy("shopify", "1", 1)
    control.close()

    assert (first, second) == (True, True)
    assert server.connections == connections
