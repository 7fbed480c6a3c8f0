"""Installs what the Makefile asks for into the virtual environment whose Python runs this file.

    install.py packages LOCK...   the locked packages, each checked against its hash
    install.py wheel              this repository as users get it: built, then installed from the wheel
    install.py editable           this repository as a link to its sources
    install.py clients LOCK       other people's clients, locked likewise, in an environment of their own inside ours

uv does the work where it can be had and pip where it cannot. uv does not read pip's configuration,
so an index or a folder of wheels that pip is told to use is handed to uv for the one run.
"""

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
UV = BIN / "uv"
UV_LOCK = ROOT / "requirements-uv.lock"

# pip's option -> uv's environment variable, and what joins several values there
PIP_TO_UV = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "no-index": ("UV_NO_INDEX", " "),
    "trusted-host": ("UV_INSECURE_HOST", " "),
    "cert": ("SSL_CERT_FILE", " "),
    "proxy": ("ALL_PROXY", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
    "default-timeout": ("UV_HTTP_TIMEOUT", " "),
}


def main(arguments: list[str]) -> int:
    """Carries out one of the commands; returns the exit status."""
    command, *rest = arguments
    have_uv()
    if command == "packages":
        return install("--require-hashes", *(argument for lock in rest for argument in ("-r", lock)))
    if command == "wheel":
        return install_wheel()
    if command == "editable":
        return install("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    if command == "clients":
        return install_clients(*rest)
    raise SystemExit(f"unknown command {command!r}: packages, wheel, editable or clients")


def have_uv() -> None:
    """Gets uv at the locked version; without it everything works, more slowly."""
    if os.environ.get("INVENTORY_SYNC_NO_UV"):
        UV.unlink(missing_ok=True)
        return
    wanted = UV_LOCK.read_text()
    note = BIN.parent / "uv.lock"
    if UV.exists() and note.exists() and note.read_text() == wanted:
        return
    done = subprocess.run([*pip("install"), "--quiet", "--require-hashes", "-r", str(UV_LOCK)], check=False)
    if done.returncode == 0:
        note.write_text(wanted)
    else:
        print("uv cannot be installed here; pip does its work, which takes longer", file=sys.stderr)


def install(*arguments: str, python: str = sys.executable) -> int:
    """Installs with uv, or with pip where there is no uv."""
    if UV.exists():
        command = [str(UV), "pip", "install", "--quiet", "--python", python, *arguments]
        return subprocess.run(command, env=uv_environment(), check=False).returncode
    return subprocess.run([*pip("--python", python, "install"), "--quiet", *arguments], check=False).returncode


def install_clients(lock: str) -> int:
    """Their packages may be of other versions than ours, and one of them ships a package called tests."""
    folder = BIN.parent / "clients"
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)], check=False)
    if made.returncode != 0:
        return made.returncode
    return install("--require-hashes", "-r", lock, python=str(folder / "bin" / "python"))


def install_wheel() -> int:
    """Builds the wheel into a folder that does not stay, and replaces what is installed by it."""
    folder = Path(tempfile.mkdtemp(prefix="inventory-sync-wheel-"))
    try:
        built = subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if built.returncode != 0:
            print(built.stdout + built.stderr, file=sys.stderr)
            return built.returncode
        (wheel,) = folder.glob("*.whl")
        return install("--no-deps", "--force-reinstall", str(wheel))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def pip(*command: str) -> list[str]:
    """How pip is called."""
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", *command]


def uv_environment() -> dict[str, str]:
    """The present environment, with what pip is configured to use; what is already said to uv has the last word."""
    environment = dict(os.environ)
    for option, value in pip_configuration().items():
        name, joint = PIP_TO_UV.get(option, ("", ""))
        if name and name not in os.environ:
            environment[name] = joint.join(value.split())
    return environment


def pip_configuration() -> dict[str, str]:
    """pip's settings by option, from its files and its environment; the later line of `pip config list` wins."""
    listed = subprocess.run([*pip("config"), "list"], capture_output=True, text=True, check=False).stdout
    settings: dict[str, str] = {}
    for section in ("global.", "install.", ":env:."):  # pip's own order of precedence, rising
        for line in listed.splitlines():
            name, separator, value = line.partition("=")
            if separator and name.startswith(section):
                settings[name.removeprefix(section)] = str(ast.literal_eval(value))
    return settings


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
