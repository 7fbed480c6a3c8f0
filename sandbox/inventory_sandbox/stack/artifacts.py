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
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import resources
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, BinaryIO, Final

from inventory_sandbox.stack.errors import DownloadFailed
from inventory_sandbox.stack.folders import held
from inventory_sandbox.stack.maven import ATTEMPTS, Artifact, BytesSeen, Connection, repository_roots

if TYPE_CHECKING:
    from typing_extensions import Buffer

CONNECTIONS: Final = 4
FETCH_WAIT_S: Final = 900.0
"""How long one process waits for another one that is fetching the same component, in seconds."""


def default_cache_dir() -> Path:
    """The user's own cache folder: INVENTORY_SYNC_CACHE_DIR, else the platform's habit."""
    given = os.environ.get("INVENTORY_SYNC_CACHE_DIR")
    if given:
        return Path(given).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "inventory-sync"


def locked_artifacts(component: str) -> tuple[Artifact, ...]:
    """What ``stack.lock`` lists for ``kafka`` or ``registry``."""
    text = resources.files("inventory_sandbox.stack").joinpath("stack.lock").read_text()
    return tuple(_parse(line) for line in text.splitlines() if line.startswith(f"{component} "))


def _parse(line: str) -> Artifact:
    _, coordinate, sha256, size = line.split()
    group, name, extension, classifier, version = coordinate.split(":")
    return Artifact(group, name, version, classifier, extension, sha256, int(size))


class ArtifactCache:
    """Kafka's jars and the unpacked registry in one folder that all stacks of a user share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def kafka_jars(self, on_bytes: BytesSeen) -> tuple[Path, ...]:
        """Kafka's class path, fetched first where it is not there yet; raises DownloadFailed."""
        artifacts = locked_artifacts("kafka")
        jars = self._folder / "jars"
        if _missing(jars, artifacts):
            with held(self._folder / "jars.lock", FETCH_WAIT_S):
                _fetch_all(_missing(jars, artifacts), jars, on_bytes)
        return tuple(jars / artifact.file_name for artifact in artifacts)

    def kafka_bytes_missing(self) -> int:
        """What `kafka_jars` would fetch, in bytes."""
        return sum(a.size_bytes for a in _missing(self._folder / "jars", locked_artifacts("kafka")))

    def registry_home(self, on_bytes: BytesSeen) -> Path:
        """The registry's folder, fetched and unpacked first where it is not there yet; raises DownloadFailed."""
        (artifact,) = locked_artifacts("registry")
        home = self._registry_folder(artifact)
        if not home.is_dir():
            with held(self._folder / "registry.lock", FETCH_WAIT_S):
                if not home.is_dir():
                    _fetch_unpacked(artifact, home, on_bytes)
        return home

    def registry_bytes_missing(self) -> int:
        """What `registry_home` would fetch, in bytes."""
        (artifact,) = locked_artifacts("registry")
        return 0 if self._registry_folder(artifact).is_dir() else artifact.size_bytes

    def _registry_folder(self, artifact: Artifact) -> Path:
        return self._folder / f"{artifact.name}-{artifact.version}-{artifact.sha256[:8]}"


def _missing(folder: Path, artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Files arrive whole or not at all (they are renamed into place), so their size tells enough."""
    return [a for a in artifacts if not _has_size(folder / a.file_name, a.size_bytes)]


def _has_size(path: Path, size_bytes: int) -> bool:
    try:
        return path.stat().st_size == size_bytes
    except FileNotFoundError:
        return False


def _fetch_all(artifacts: Sequence[Artifact], folder: Path, on_bytes: BytesSeen) -> None:
    if not artifacts:
        return
    folder.mkdir(parents=True, exist_ok=True)
    waiting: SimpleQueue[Artifact] = SimpleQueue()
    for artifact in sorted(artifacts, key=lambda a: -a.size_bytes):
        waiting.put(artifact)
    roots = repository_roots()
    failed = threading.Event()

    def work() -> None:
        with Connection(roots) as connection:
            while not failed.is_set():
                try:
                    artifact = waiting.get_nowait()
                except Empty:
                    return
                try:
                    _fetch_file(connection, artifact, folder, on_bytes)
                except DownloadFailed:
                    failed.set()
                    raise

    workers = min(CONNECTIONS, len(artifacts))
    with ThreadPoolExecutor(workers, thread_name_prefix="fetch") as pool:
        for future in [pool.submit(work) for _ in range(workers)]:
            future.result()


def _fetch_file(connection: Connection, artifact: Artifact, folder: Path, on_bytes: BytesSeen) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        seen = 0

        def count(number: int) -> None:
            nonlocal seen
            seen += number
            on_bytes(number)

        partial = folder / f".{artifact.file_name}.part"
        try:
            with connection.chunks(artifact, count) as chunks, partial.open("wb") as file:
                for chunk in chunks:
                    file.write(chunk)
        except DownloadFailed:
            partial.unlink(missing_ok=True)
            on_bytes(-seen)
            if attempt == ATTEMPTS:
                raise
            continue
        partial.replace(folder / artifact.file_name)
        return


def _fetch_unpacked(artifact: Artifact, home: Path, on_bytes: BytesSeen) -> None:
    """Unpacks while the bytes arrive; the folder gets its name only when the whole file had the right hash."""
    home.parent.mkdir(parents=True, exist_ok=True)
    roots = repository_roots()
    for attempt in range(1, ATTEMPTS + 1):
        seen = 0

        def count(number: int) -> None:
            nonlocal seen
            seen += number
            on_bytes(number)

        folder = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=home.parent))
        try:
            with Connection(roots) as connection, connection.chunks(artifact, count) as chunks:
                _unpack(io.BufferedReader(_Stream(chunks)), folder)
            folder.chmod(0o755)
            folder.replace(home)
            return
        except (DownloadFailed, tarfile.TarError) as error:
            on_bytes(-seen)
            if attempt == ATTEMPTS:
                raise DownloadFailed(f"{artifact.file_name} could not be unpacked: {error}") from error
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
