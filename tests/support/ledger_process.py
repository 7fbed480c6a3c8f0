"""Ledgers as processes of their own: `python -m tests.support.ledger_process JSON` is one."""

from __future__ import annotations

import json
import logging
import signal
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

from prometheus_client import CollectorRegistry

from inventory_domain.identifiers import Marketplace
from inventory_ledger.run import run
from inventory_streams.topics import Topics
from tests.support.engine import SystemClock
from tests.support.ledger import REGISTRY, settings_for


@dataclass
class Ledgers:
    """Starts ledger processes and leaves none behind."""

    kafka: str
    topics: Topics
    url: str
    group: str
    folder: Path
    _all: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """What all of them said."""
        return self.folder / "ledger.log"

    def start(self, **changes: object) -> subprocess.Popen[bytes]:
        """A ledger with these settings changed."""
        given = {
            "kafka": self.kafka,
            "prefix": self.topics.prefix,
            "marketplaces": list(self.topics.marketplaces),
            "url": self.url,
            "group": self.group,
            "changes": changes,
        }
        command = [sys.executable, "-m", "tests.support.ledger_process", json.dumps(given)]
        with self.log.open("ab") as output:
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
        self._all.append(process)
        return process

    def stop(self, process: subprocess.Popen[bytes]) -> int:
        """SIGTERM, and its exit status."""
        process.send_signal(signal.SIGTERM)
        return process.wait(60)

    def close(self) -> None:
        """Kill what still runs."""
        for process in self._all:
            if process.poll() is None:
                process.kill()
            process.wait(10)


def main(told: str) -> int:
    """Run a ledger until it is asked to stop."""
    given = json.loads(told)
    logging.basicConfig(level=logging.INFO)
    topics = Topics(tuple(Marketplace(one) for one in given["marketplaces"]), given["prefix"])
    settings = settings_for(topics, kafka=given["kafka"], url=given["url"], group=given["group"])
    return run(replace(settings, **given["changes"]), REGISTRY, CollectorRegistry(), SystemClock())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
