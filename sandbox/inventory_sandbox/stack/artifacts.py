"""The Java programs of the stack, fetched once per user and kept in a cache folder.

Which jars make up Kafka is written down in ``stack.lock`` (made by ``make lock``), so nothing is resolved at run
time: reading the 50 project files behind them took twice as long as fetching the jars.
"""

import io
import os
import shutil
import tarfile
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import resources
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, BinaryIO, Final

from inventory_sandbox.stack.errors import DownloadFailed
from inventory_sandbox.stack.folders import held
from inventory_sandbox.stack.maven import ATTEMPTS, Artifact, BytesSeen, Connection, repository_roots

if TYPE_CHECKING:
    from typing_extensions import Buffer

Roots = Callable[[], tuple[str, ...]]
"""Gives the addresses of the Maven repositories to ask, in order."""

CONNECTIONS: Final = 4
PAUSE_S: Final = 0.3
"""Wait after the first failed try, in seconds; it grows with each further one."""
FETCH_WAIT_S: Final = 900.0
"""How long one process waits for another one that is fetching the same component, in seconds."""


def default_cache_dir() -> Path:
    """The user's own cache folder: INVENTORY_SYNC_CACHE_DIR, else the platform's habit."""
    given = os.environ.get("INVENTORY_SYNC_CACHE_DIR")
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "inventory-sync"


def locked_artifacts(component: str, lock: str | None = None) -> tuple[Artifact, ...]:
    """What a lock, by default ``stack.lock``, lists for ``kafka`` or ``registry``."""
    text = lock or resources.files("inventory_sandbox.stack").joinpath("stack.lock").read_text()
    return tuple(_parse(line) for line in text.splitlines() if line.startswith(f"{component} "))


def _parse(line: str) -> Artifact:
    _, coordinate, sha256, size = line.split()
    group, name, extension, classifier, version = coordinate.split(":")
    return Artifact(group, name, version, classifier, extension, sha256, int(size))


class ArtifactCache:
    """Kafka's jars and the unpacked registry in one folder that all stacks of a user share.

    `roots` is asked for the repositories only when something must be fetched; `lock` is the text of another lock file.
    """

    def __init__(self, folder: Path, roots: Roots = repository_roots, lock: str | None = None) -> None:
        self._folder = folder
        self._roots = roots
        self._kafka = locked_artifacts("kafka", lock)
        (self._registry,) = locked_artifacts("registry", lock)

    def kafka_jars(self, on_bytes: BytesSeen) -> tuple[Path, ...]:
        """Kafka's class path, fetched first where it is not there yet; raises DownloadFailed."""
        jars = self._folder / "jars"
        if _missing(jars, self._kafka):
            with held(self._folder / "jars.lock", FETCH_WAIT_S):
                _fetch_all(self._roots, _missing(jars, self._kafka), jars, on_bytes)
        return tuple(jars / artifact.file_name for artifact in self._kafka)

    def kafka_bytes_missing(self) -> int:
        """What `kafka_jars` would fetch, in bytes."""
        return sum(artifact.size_bytes for artifact in _missing(self._folder / "jars", self._kafka))

    def registry_home(self, on_bytes: BytesSeen) -> Path:
        """The registry's folder, fetched and unpacked first where it is not there yet; raises DownloadFailed."""
        home = self._registry_folder()
        if not home.is_dir():
            with held(self._folder / "registry.lock", FETCH_WAIT_S):
                if not home.is_dir():
                    _fetch_unpacked(self._roots(), self._registry, home, on_bytes)
        return home

    def registry_bytes_missing(self) -> int:
        """What `registry_home` would fetch, in bytes."""
        return 0 if self._registry_folder().is_dir() else self._registry.size_bytes

    def _registry_folder(self) -> Path:
        artifact = self._registry
        return self._folder / f"{artifact.name}-{artifact.version}-{artifact.sha256[:8]}"


def _missing(folder: Path, artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Files arrive whole or not at all (they are renamed into place), so their size tells enough."""
    return [a for a in artifacts if not _has_size(folder / a.file_name, a.size_bytes)]


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except FileNotFoundError:
        return False


def _fetch_all(roots: Roots, artifacts: Sequence[Artifact], folder: Path, on_bytes: BytesSeen) -> None:
    if not artifacts:
        return
    folder.mkdir(parents=True, exist_ok=True)
    asked = roots()
    waiting: SimpleQueue[Artifact] = SimpleQueue()
    for artifact in sorted(artifacts, key=lambda one: -one.size_bytes):
        waiting.put(artifact)
    failed = threading.Event()

    def work() -> None:
        with Connection(asked) as connection:
            while not failed.is_set():
                try:
                    artifact = waiting.get_nowait()
                except Empty:
                    return
                try:
                    _repeated(artifact, on_bytes, partial(_fetch_file, connection, artifact, folder))
                except DownloadFailed:
                    failed.set()
                    raise

    workers = min(CONNECTIONS, len(artifacts))
    with ThreadPoolExecutor(workers, thread_name_prefix="fetch") as pool:
        for future in [pool.submit(work) for _ in range(workers)]:
            future.result()


def _fetch_unpacked(roots: tuple[str, ...], artifact: Artifact, home: Path, on_bytes: BytesSeen) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    with Connection(roots) as connection:
        _repeated(artifact, on_bytes, partial(_fetch_folder, connection, artifact, home))


def _repeated(artifact: Artifact, on_bytes: BytesSeen, fetch: Callable[[BytesSeen], None]) -> None:
    """Fetches again what broke off; bytes that came to nothing are taken back from the sum."""
    for attempt in range(1, ATTEMPTS + 1):
        seen: list[int] = []
        try:
            fetch(partial(_count, seen, on_bytes))
            return
        except (DownloadFailed, tarfile.TarError, zlib.error, EOFError) as error:
            on_bytes(-sum(seen))
            if attempt == ATTEMPTS:
                raise DownloadFailed(
                    f"{artifact.file_name} could not be fetched in {ATTEMPTS} tries: {error}"
                ) from error
            time.sleep(PAUSE_S * attempt)


def _count(seen: list[int], on_bytes: BytesSeen, number: int) -> None:
    seen.append(number)
    on_bytes(number)


def _fetch_file(connection: Connection, artifact: Artifact, folder: Path, on_bytes: BytesSeen) -> None:
    unfinished = folder / f".{artifact.file_name}.part"
    try:
        with connection.chunks(artifact, on_bytes) as chunks, unfinished.open("wb") as file:
            file.writelines(chunks)
        unfinished.replace(folder / artifact.file_name)
    finally:
        unfinished.unlink(missing_ok=True)


def _fetch_folder(connection: Connection, artifact: Artifact, home: Path, on_bytes: BytesSeen) -> None:
    """Unpacks while the bytes arrive; the folder gets its name only when the whole file had the right hash."""
    folder = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=home.parent))
    try:
        with connection.chunks(artifact, on_bytes) as chunks:
            _unpack(io.BufferedReader(_Stream(chunks)), folder)
        folder.chmod(0o755)
        folder.replace(home)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpack(stream: BinaryIO, folder: Path) -> None:
    with tarfile.open(fileobj=stream, mode="r|gz") as archive:
        archive.extractall(folder, filter="data")
    while stream.read(1 << 16):
        """The rest is padding, but it belongs to the hash."""


class _Stream(io.RawIOBase):
    """A file of chunks that are still arriving, as tarfile wants it."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> int:
        if not self._rest:
            self._rest = memoryview(next(self._chunks, b""))
        target = memoryview(buffer)
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
