"""Programs that tests drive: beside our Python, where `make tools` puts them, or anywhere on the path."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path


def installed(name: str) -> str | None:
    """Where the program is; None where it is not."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
