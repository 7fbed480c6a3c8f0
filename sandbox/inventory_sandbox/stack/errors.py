"""Why the local stack could not do what was asked.

    StackError
    ├── JavaMissing         no Java runtime new enough on this machine
    ├── PortTaken           a port that was asked for belongs to another program
    ├── DownloadFailed      a jar could not be fetched, or is not the one that is expected
    ├── StackBusy           another process is starting or stopping the same stack
    └── ComponentFailed     Kafka or the registry ended, or did not answer in time

Each message names the thing and says what the reader can do about it.
"""

from pathlib import Path


class StackError(Exception):
    """The local stack could not be started, stopped or looked at; the message is meant for the user."""


class JavaMissing(StackError):
    """No Java runtime of the needed version was found."""


class PortTaken(StackError):
    """A port that the user asked for is in use by another program."""

    def __init__(self, component: str, port: int) -> None:
        super().__init__(
            f"port {port} for {component} is already in use on 127.0.0.1: "
            "give another one, or none to have a free one chosen"
        )
        self.component = component
        self.port = port


class DownloadFailed(StackError):
    """An artifact could not be fetched from the Maven repository, or its contents are not the expected ones."""


class StackBusy(StackError):
    """Another process holds the stack's folder: it is starting or stopping the same stack right now."""


class ComponentFailed(StackError):
    """Kafka or the registry ended by itself, or did not answer within its time limit."""

    def __init__(self, component: str, what: str, log: Path) -> None:
        super().__init__(f"{component} {what}; its log is {log}{_last_lines(log)}")
        self.component = component
        self.log = log


def _last_lines(log: Path, count: int = 5) -> str:
    if not log.exists():
        return ""
    lines = log.read_text(errors="replace").splitlines()[-count:]
    return "".join(f"\n    {line[:300]}" for line in lines)
