"""The console started side by side with the ledger."""

from pathlib import Path
from threading import Timer

from inventory_cli.clock import SystemClock
from inventory_console.run import wait_for_tables
from inventory_ledger.asking import check
from inventory_ledger.migrating import migrate
from inventory_ledger.store import opened


def test_the_console_waits_until_the_ledger_has_made_its_tables(tmp_path: Path) -> None:
    """Both are started at once; whichever is first, neither ends."""
    engine = opened(f"sqlite:///{tmp_path / 'ledger.db'}")
    making = Timer(0.2, migrate, (engine,))
    making.start()

    wait_for_tables(engine, SystemClock())

    making.join()
    check(engine)
    engine.dispose()
