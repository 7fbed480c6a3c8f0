"""Fetching from a Maven repository that answers badly; the repository is a server on this machine."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from inventory_sandbox.stack import DownloadFailed
from inventory_sandbox.stack.artifacts import ArtifactCache

JAR = b"a jar" * 100_000
JAR_PATH = "/org/a/kafka/1/kafka-1.jar"


def an_archive() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        member = tarfile.TarInfo("lib/registry.txt")
        member.size = 8
        archive.addfile(member, io.BytesIO(b"unpacked"))
    return buffer.getvalue()


ARCHIVE = an_archive()
ARCHIVE_PATH = "/org/a/registry/1/registry-1-all.tar.gz"
LOCK = (
    f"kafka org.a:kafka:jar::1 {hashlib.sha256(JAR).hexdigest()} {len(JAR)}\n"
    f"registry org.a:registry:tar.gz:all:1 {hashlib.sha256(ARCHIVE).hexdigest()} {len(ARCHIVE)}\n"
)


class MavenServer(ThreadingHTTPServer):
    """Serves `files`; the first answers can be replaced by what `faults` holds: a status, or a cut-off body."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.files = {JAR_PATH: JAR, ARCHIVE_PATH: ARCHIVE}
        self.faults: list[int | str] = []
        self.asked: list[str] = []

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: MavenServer

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        fault = self.server.faults.pop(0) if self.server.faults else None
        body = self.server.files.get(self.path)
        if isinstance(fault, int) or body is None:
            self.send_response(fault if isinstance(fault, int) else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if fault == "cut off":
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        else:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def maven() -> Iterator[MavenServer]:
    with MavenServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def a_cache(folder: Path, *roots: str) -> ArtifactCache:
    return ArtifactCache(folder, lambda: roots, LOCK)


def ignore(count: int) -> None:
    """For tests that do not look at progress."""


def test_what_was_fetched_once_is_not_fetched_again(maven: MavenServer, tmp_path: Path) -> None:
    first = a_cache(tmp_path, maven.root).kafka_jars(ignore)
    second = a_cache(tmp_path, maven.root).kafka_jars(ignore)

    assert first == second
    assert first[0].read_bytes() == JAR
    assert maven.asked == [JAR_PATH]


def test_an_unpacked_registry_is_not_unpacked_again(maven: MavenServer, tmp_path: Path) -> None:
    first = a_cache(tmp_path, maven.root).registry_home(ignore)
    (first / "mine.txt").write_text("kept")

    second = a_cache(tmp_path, maven.root).registry_home(ignore)

    assert (second / "lib" / "registry.txt").read_text() == "unpacked"
    assert (second / "mine.txt").exists()
    assert maven.asked == [ARCHIVE_PATH]


def test_a_connection_that_breaks_off_is_tried_again_and_its_bytes_are_not_counted_twice(
    maven: MavenServer, tmp_path: Path
) -> None:
    maven.faults = ["cut off"]
    counted: list[int] = []

    a_cache(tmp_path, maven.root).kafka_jars(counted.append)

    assert sum(counted) == len(JAR)
    assert maven.asked == [JAR_PATH, JAR_PATH]


def test_an_archive_that_breaks_off_leaves_no_half_unpacked_folder(maven: MavenServer, tmp_path: Path) -> None:
    maven.faults = ["cut off"]

    home = a_cache(tmp_path, maven.root).registry_home(ignore)

    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == [home.name]


@pytest.mark.parametrize("path", [JAR_PATH, ARCHIVE_PATH])
def test_a_file_with_other_contents_is_refused_and_not_kept(maven: MavenServer, tmp_path: Path, path: str) -> None:
    """Whatever a mirror or a proxy serves, only the files that were locked are ever run."""
    maven.files[path] = maven.files[path][:-1] + b"?"
    cache = a_cache(tmp_path, maven.root)

    with pytest.raises(DownloadFailed):
        cache.kafka_jars(ignore) if path == JAR_PATH else cache.registry_home(ignore)

    assert not list(tmp_path.rglob("*.jar"))
    assert not [found for found in tmp_path.iterdir() if found.is_dir() and found.name != "jars"]


def test_the_next_repository_is_asked_when_the_first_lacks_the_file(maven: MavenServer, tmp_path: Path) -> None:
    with MavenServer() as other:
        other.files = {}
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        jars = a_cache(tmp_path, other.root, maven.root).kafka_jars(ignore)
        other.shutdown()
        thread.join()

    assert jars[0].read_bytes() == JAR
    assert other.asked == [JAR_PATH]


def test_a_repository_that_never_has_the_file_is_named(maven: MavenServer, tmp_path: Path) -> None:
    maven.faults = [503, 503, 503]

    with pytest.raises(DownloadFailed, match=rf"kafka-1.jar.*{maven.root}{JAR_PATH}: HTTP 503"):
        a_cache(tmp_path, maven.root).kafka_jars(ignore)
