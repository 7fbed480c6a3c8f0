"""What the console is started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from inventory_domain.errors import ConfigFault

PASSWORD_LENGTH_MIN = 12


@dataclass(frozen=True, slots=True)
class ConsoleSettings:
    """`operators` has the password of each, by name; it is not shown.

    `public_url` is where people reach it when that is not where it listens (behind an ingress); sessions then are for
    https only when it says https.
    """

    operators: Mapping[str, str] = field(default_factory=dict, repr=False)
    host: str = "127.0.0.1"
    port: int = 9480
    public_url: str | None = None
    session_hours: float = 12.0
    probe_host: str = "127.0.0.1"
    probe_port: int = 0

    @property
    def origin(self) -> str | None:
        """Scheme, host and port of the public address, as a browser names them; None: where it was asked."""
        if self.public_url is None:
            return None
        parts = urlsplit(self.public_url)
        return f"{parts.scheme}://{parts.netloc}"

    def faults(self, path: str) -> list[ConfigFault]:
        """What is wrong with the settings, each with its place below `path`; never a password."""
        found = []
        if not 0.1 <= self.session_hours <= 168:
            found.append(ConfigFault(f"{path}.session_hours", f"is {self.session_hours:g}; it must be 0.1 to 168"))
        if self.public_url is not None and not _is_address(self.public_url):
            text = f"is {self.public_url!r}; it must be an address like https://stock.example.com, without a path"
            found.append(ConfigFault(f"{path}.public_url", text))
        for name, password in self.operators.items():
            if len(password) < PASSWORD_LENGTH_MIN:
                text = f"is a password of fewer than {PASSWORD_LENGTH_MIN} characters"
                found.append(ConfigFault(f"{path}.operators.{name}", text))
        return found


def _is_address(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.netloc) and parts.path in ("", "/") and not parts.query
