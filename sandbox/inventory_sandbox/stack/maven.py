"""Files of a Maven repository, fetched over few connections and checked against known hashes."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Self

import httpx

from inventory_sandbox.stack.errors import DownloadFailed

SILENCE_LIMIT_S: Final = 30.0
"""Longest silence of the repository that is waited for, in seconds."""
ATTEMPTS: Final = 3
CHUNK_BYTES: Final = 1 << 16

BytesSeen = Callable[[int], None]
"""Told how many more bytes have arrived; called from the thread that fetches."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a Maven repository, with the size and the SHA-256 that it must have."""

    group: str
    name: str
    version: str
    classifier: str
    extension: str
    sha256: str
    size_bytes: int

    @property
    def file_name(self) -> str:
        """The name that the repository gives the file."""
        suffix = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{suffix}.{self.extension}"

    @property
    def path(self) -> str:
        """Where the file is below the repository's root."""
        return f"{self.group.replace('.', '/')}/{self.name}/{self.version}/{self.file_name}"


def repository_roots() -> tuple[str, ...]:
    """The repositories to ask, in order: those of the user's own jgo settings, then Maven Central."""
    from jgo.config import GlobalSettings  # imported late: half a second, needed only where something is fetched
    from jgo.constants import MAVEN_CENTRAL_URL

    configured: dict[str, str] = GlobalSettings.load().repositories
    roots = [*configured.values(), str(MAVEN_CENTRAL_URL)]
    return tuple(dict.fromkeys(root.rstrip("/") for root in roots))


class Connection:
    """One kept-alive connection to the repositories, for use by one thread.

    Connections are opened one after the other: some resolvers drop one of two name look-ups that
    are asked at the same moment, which then costs five seconds (seen).
    """

    _opening = threading.Lock()

    def __init__(self, roots: tuple[str, ...]) -> None:
        self._roots = roots
        self._client = httpx.Client(timeout=SILENCE_LIMIT_S, follow_redirects=True)
        self._is_open = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @contextmanager
    def chunks(self, artifact: Artifact, on_bytes: BytesSeen) -> Iterator[Iterator[bytes]]:
        """The artifact's bytes as they arrive; raises DownloadFailed when they end and are not the expected ones."""
        with self._response(artifact) as response:
            yield _checked(response, artifact, on_bytes)

    @contextmanager
    def _response(self, artifact: Artifact) -> Iterator[httpx.Response]:
        refusals: list[str] = []
        for root in self._roots:
            url = f"{root}/{artifact.path}"
            try:
                response = self._send(url)
            except httpx.HTTPError as error:
                refusals.append(f"{url}: {error or type(error).__name__}")
                continue
            if response.status_code == httpx.codes.OK:
                try:
                    yield response
                finally:
                    response.close()
                return
            refusals.append(f"{url}: HTTP {response.status_code}")
            response.close()
        raise DownloadFailed(f"{artifact.file_name} cannot be fetched ({'; '.join(refusals)})")

    def _send(self, url: str) -> httpx.Response:
        request = self._client.build_request("GET", url, headers={"accept-encoding": "identity"})
        if self._is_open:
            return self._client.send(request, stream=True)
        with self._opening:
            response = self._client.send(request, stream=True)
        self._is_open = True
        return response


def _checked(response: httpx.Response, artifact: Artifact, on_bytes: BytesSeen) -> Iterator[bytes]:
    digest = hashlib.sha256()
    try:
        for chunk in response.iter_raw(CHUNK_BYTES):
            digest.update(chunk)
            on_bytes(len(chunk))
            yield chunk
    except httpx.HTTPError as error:
        raise DownloadFailed(f"{artifact.file_name} broke off: {error or type(error).__name__}") from error
    if digest.hexdigest() != artifact.sha256:
        raise DownloadFailed(
            f"{artifact.file_name} from {response.url} is not the file that is expected: "
            f"SHA-256 {digest.hexdigest()} instead of {artifact.sha256}"
        )
