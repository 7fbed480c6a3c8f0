"""Runs a part of a client's program: the sandbox's announcement comes by standard input, the result goes out as JSON.

Exits with 77 where the client is not installed.
"""

import json
import runpy
import sys

NOT_INSTALLED = 77


def main() -> int:
    program, part = sys.argv[1:]
    known = json.load(sys.stdin)
    try:
        parts = runpy.run_path(program)
    except ModuleNotFoundError as missing:
        sys.stderr.write(f"{missing.name} is not installed: see tests/contract/clients/requirements.txt\n")
        return NOT_INSTALLED
    result = parts[part](known)
    sys.stdout.write(f"\n{json.dumps(result)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
