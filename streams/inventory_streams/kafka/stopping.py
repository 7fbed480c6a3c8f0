"""How a process of ours ends: cleanly when it is asked to, at once when it may no longer write."""

from __future__ import annotations

import logging
import os
import sys
from enum import IntEnum
from typing import NoReturn


class ExitCode(IntEnum):
    """Why a process ended by itself; supervisors restart it, operators read the number."""

    OWNERSHIP_LOST = 70
    TRANSACTION_FAILED = 71
    RECOVERY_FAILED = 72
    INVARIANT_BROKEN = 73
    STALLED = 74
    CANNOT_WORK = 76
    NOT_AUTHENTICATED = 75


def end_process(code: ExitCode, why: str) -> NoReturn:
    """End this process now, without committing anything more. Nothing after this line runs, in any thread."""
    logging.getLogger(__name__).critical("process ends itself", extra={"exit_code": int(code), "why": why})
    logging.shutdown()
    sys.stderr.flush()
    os._exit(int(code))
