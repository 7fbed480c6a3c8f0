"""Reads one mapping of the settings file, and notes every fault of it instead of stopping at the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from ipaddress import ip_address
from urllib.parse import urlsplit

from inventory_adapters.secrets import Secret
from inventory_domain.errors import ConfigError, ConfigFault

TEXT_LENGTH_MAX = 500


class Fields:
    """The fields of one mapping. Every method returns a usable value, so that reading goes on after a fault.

    What it returns after a fault is never used: `finished` raises when there was any.
    """

    def __init__(self, raw: Mapping[str, object], path: str, faults: list[ConfigFault]) -> None:
        self._raw = raw
        self._path = path
        self._faults = faults
        self._known: set[str] = set()

    def fault(self, name: str, message: str) -> None:
        """Note that this field is wrong."""
        self._faults.append(ConfigFault(self.path_of(name), message))

    def path_of(self, name: str) -> str:
        """Where the field stands in the file."""
        return f"{self._path}.{name}" if self._path else name

    def text(self, name: str, default: str | None = None) -> str:
        """A line of printable ASCII text, as it may stand in a header or an address."""
        value = self._take(name, default)
        if value is None or value == "" == default:
            return ""
        if not isinstance(value, str) or not value.strip():
            self.fault(name, f"must be text, not {_shown(value)}")
            return ""
        if len(value) > TEXT_LENGTH_MAX or not value.isascii() or not value.isprintable() or value != value.strip():
            self.fault(name, f"must be printable ASCII without spaces around it, at most {TEXT_LENGTH_MAX} characters")
            return ""
        return value

    def choice(self, name: str, choices: Sequence[str], default: str) -> str:
        """One of these words."""
        value = self.text(name, default)
        if value and value not in choices:
            self.fault(name, f"must be one of {', '.join(choices)}, not {value!r}")
            return default
        return value

    def secret(self, name: str) -> Secret:
        """A credential that came from the environment or a file; one written into the settings is a fault."""
        value = self._take(name, None)
        if value is None:
            return Secret("")
        if not isinstance(value, Secret):
            self.fault(name, "secrets come from the environment or a file only: write {env: NAME} or {file: PATH}")
            return Secret("")
        text = value.reveal()
        if not text or not text.isascii() or not text.isprintable() or text != text.strip():
            self.fault(name, "is empty, or has spaces, line ends or other unprintable characters in or around it")
        return value

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        """A number within these bounds, both included."""
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.fault(name, f"must be a number, not {_shown(value)}")
            return default
        if not least <= value <= most:
            self.fault(name, f"must be from {least:g} to {most:g}, not {value:g}")
            return default
        return float(value)

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        """A whole number within these bounds, both included."""
        value = self._take(name, default)
        if isinstance(value, bool) or not isinstance(value, int):
            self.fault(name, f"must be a whole number, not {_shown(value)}")
            return default
        if not least <= value <= most:
            self.fault(name, f"must be from {least} to {most}, not {value}")
            return default
        return value

    def whole_or_none(self, name: str, default: int | None, *, least: int, most: int) -> int | None:
        """A whole number within these bounds, or `null` for none."""
        if name in self._raw and self._raw[name] is None:
            self._known.add(name)
            return None
        if name not in self._raw and default is None:
            self._known.add(name)
            return None
        return self.whole(name, default if default is not None else least, least=least, most=most)

    def texts(self, name: str, default: Sequence[str]) -> tuple[str, ...]:
        """A list of words."""
        value = self._take(name, list(default))
        if not isinstance(value, list):
            self.fault(name, f"must be a list of words, not {_shown(value)}")
            return tuple(default)
        if wrong := [each for each in value if not isinstance(each, str) or not each]:
            self.fault(name, f"must be a list of words: {_shown(wrong[0])} in it is none; a number stands in quotes")
            return tuple(str(each) for each in value)
        return tuple(value)

    def mapping(self, name: str, *, required: bool = False) -> Mapping[str, object]:
        """A mapping of names to something; empty when it is left out."""
        value = self._take(name, None if required else {})
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            self.fault(name, f"must be a mapping, not {_shown(value)}")
            return {}
        for key in value:
            if not isinstance(key, str):
                self.fault(name, f"the name {key} in it is read as a {type(key).__name__}: write it in quotes")
        return {key: each for key, each in value.items() if isinstance(key, str)}

    def section(self, name: str, raw: object) -> Fields:
        """The fields of a mapping inside this one, whose faults are noted with this one's."""
        if raw is None:
            raw = {}
        if not isinstance(raw, Mapping):
            self.fault(name, f"must be a mapping, not {_shown(raw)}")
            raw = {}
        return Fields({str(key): each for key, each in raw.items()}, self.path_of(name), self._faults)

    def url(self, name: str, default: str, hosts: Sequence[str]) -> str:
        """An address to call: https on an allowed host, or anything on this machine itself (a sandbox)."""
        value = self.text(name, default).rstrip("/")
        parts = urlsplit(value)
        try:
            port_is_good = parts.port is None or parts.port > 0
        except ValueError:
            port_is_good = False
        if not value:
            return value
        if parts.scheme not in ("http", "https") or not parts.hostname or not port_is_good:
            self.fault(name, f"must be an address like https://host/path, not {value!r}")
        elif parts.username is not None or parts.query or parts.fragment:
            self.fault(name, "must hold no user name, query or fragment")
        elif not is_loopback(parts.hostname):
            if parts.scheme != "https":
                self.fault(name, "must begin with https: plain http is for addresses of this machine only")
            if not host_allowed(parts.hostname, hosts):
                self.fault(name, f"host {parts.hostname!r} is not in allowed_hosts ({', '.join(hosts)})")
        return value

    def end(self) -> None:
        """Note every field that nobody asked for: a misspelled setting must not be a silent default."""
        for name in self._raw:
            if name not in self._known:
                like = get_close_matches(str(name), self._known, 1)
                self.fault(name, "is not a setting here" + (f"; {like[0]} is" if like else ""))

    def _take(self, name: str, default: object) -> object:
        self._known.add(name)
        value = self._raw.get(name, default)
        if value is None and name in self._raw and default is not None:
            self.fault(name, "has no value")
            return default
        if value is None:
            self.fault(name, "is missing")
        return value


@contextmanager
def all_faults() -> Iterator[list[ConfigFault]]:
    """A list to note faults in; leaving the block raises them together.

    Raises:
        ConfigError: there was at least one.
    """
    faults: list[ConfigFault] = []
    yield faults
    if faults:
        raise ConfigError(faults)


def is_loopback(host: str) -> bool:
    """Whether this names the machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def host_allowed(host: str, hosts: Sequence[str]) -> bool:
    """Whether the host is one of these; an entry that begins with a dot stands for all hosts that end in it."""
    host = host.lower().rstrip(".")
    return any(host.endswith(each) and host != each if each.startswith(".") else host == each for each in hosts)


def _shown(value: object) -> str:
    """The value for a message, unless it may be a credential in the wrong place."""
    return repr(value) if isinstance(value, bool | int | float) else f"a {type(value).__name__}"
