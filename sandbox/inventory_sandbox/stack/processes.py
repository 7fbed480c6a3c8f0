"""Processes that outlive the command that started them, and are found again by who they are.

A pid alone proves nothing after a restart of the machine. So each process carries its role and its stack's folder
in its own command line, and only a process that still has them there is ever looked at or ended.
"""

import os
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_POLL_S: Final = 0.02
STOP_LIMIT_S: Final = 20.0
"""How long a process may take to end by itself after SIGTERM, in seconds; then it gets SIGKILL."""
_KILL_LIMIT_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class ProcessFile:
    """Where one long-lived process of a stack writes its pid and its log."""

    role: str
    folder: Path

    @property
    def pid_path(self) -> Path:
        """The file that holds the pid."""
        return self.folder / f"{self.role}.pid"

    @property
    def log_path(self) -> Path:
        """Everything that the process prints; the log of the run before is kept beside it as `.log.1`."""
        return self.folder / "logs" / f"{self.role}.log"

    @property
    def marker(self) -> str:
        """The argument that tells this process from any other, a Java system property."""
        return f"-Dinventory.sync.stack.{self.role}={self.folder.resolve()}"

    def start(self, command: Sequence[str], env: dict[str, str] | None = None) -> int:
        """Starts the command (which must contain the marker) in a session of its own and returns its pid."""
        assert self.marker in command, f"the command of {self.role} lacks {self.marker}"
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists():
            self.log_path.replace(self.log_path.with_suffix(".log.1"))
        started = subprocess.run(
            # The shell ends at once, so the process belongs to nobody who would have to wait for it.
            ["/bin/sh", "-c", '"$@" >"$0" 2>&1 & echo $!', str(self.log_path), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd=self.folder,
            env={**os.environ, **(env or {})},
            text=True,
            check=True,
            start_new_session=True,  # Ctrl-C in the terminal must not reach it
        )
        pid = int(started.stdout)
        self.pid_path.write_text(f"{pid}\n")
        return pid

    def find(self) -> int | None:
        """The pid of the running process, None when there is none."""
        pid = self._noted_pid()
        if pid is not None and self._is_ours(pid):
            return pid
        for process in psutil.process_iter():  # the pid file was lost
            if self._is_ours(process.pid):
                return process.pid
        return None

    def stop(self, limit_s: float = STOP_LIMIT_S) -> bool:
        """Ends the process and waits until it is gone; says whether there was one."""
        pid = self.find()
        if pid is not None:
            process = psutil.Process(pid)
            process.terminate()
            if not self._gone_within(pid, limit_s):
                process.kill()
                self._gone_within(pid, _KILL_LIMIT_S)
        self.pid_path.unlink(missing_ok=True)
        return pid is not None

    def _noted_pid(self) -> int | None:
        try:
            return int(self.pid_path.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def _is_ours(self, pid: int) -> bool:
        try:
            return self.marker in psutil.Process(pid).cmdline()
        except (psutil.NoSuchProcess, psutil.ZombieProcess, psutil.AccessDenied):
            return False

    def _gone_within(self, pid: int, limit_s: float) -> bool:
        end = time.monotonic() + limit_s
        while self._is_ours(pid):
            if time.monotonic() > end:
                return False
            time.sleep(_POLL_S)
        return True
