"""The console started side by side with the ledger."""

from pathlib import Path
from threading import Timer

import pytest

from inventory_cli.clock import SystemClock
from inventory_console.run import wait_for_tables
from inventory_ledger.asking import LedgerNotReady, check
from inventory_ledger.migrating import migrate
from inventory_ledger.store import opened


class Hours(SystemClock):
    """An hour passes between two looks at it."""

    looks = 0

    def monotonic_s(self) -> float:
        self.looks += 1
        return 3_600.0 * self.looks


def test_the_console_waits_until_the_ledger_has_made_its_tables(tmp_path: Path) -> None:
    """Both are started at once; whichever is first, neither ends."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    engine = opened(url)
    making = Timer(0.2, migrate, (engine,))
    making.start()

    wait_for_tables(engine, url, SystemClock())

    making.join()
    check(engine)
    engine.dispose()


def test_the_console_says_that_the_database_does_not_answer() -> None:
    """And waits, as it does for tables; in the end it is a message and no traceback."""
    url = "sqlite:////nowhere/at/all/ledger.db"
    engine = opened(url)
    clock = Hours()

    with pytest.raises(LedgerNotReady, match=r"at sqlite:////nowhere/at/all/ledger\.db does not answer: unable"):
        wait_for_tables(engine, url, clock)

    engine.dispose()
