"""`python -m deploy.sources write` writes every generated file; `check` names those that are not as they would be."""

from __future__ import annotations

import sys

from deploy.sources.generating import ROOT, files


def main(command: str) -> int:
    """The exit status."""
    differing = []
    for name, text in files().items():
        path = ROOT / name
        if path.exists() and path.read_text() == text:
            continue
        differing.append(name)
        if command == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            print(f"wrote {name}")
    if command == "check" and differing:
        print(f"not as its source says: {', '.join(differing)}; run `make generate`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1]))
