"""One run of the demo, from nothing to the verdict and back to nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Final

import psutil
from rich.console import Console

from inventory_cli.demo.dead import told
from inventory_cli.demo.options import DemoOptions
from inventory_cli.demo.processes import Processes
from inventory_cli.demo.view import View, seconds, verdict_table
from inventory_cli.demo.waiting import fork_the_pipeline, stack_runs, start_what_takes_long
from inventory_cli.logging import LogFormat, configure
from inventory_sandbox.ending import on_end

if TYPE_CHECKING:  # what takes a second to load is loaded when the processes load too
    from inventory_cli.demo.performance import Performance
    from inventory_cli.demo.report import Report
    from inventory_cli.demo.stage import Stage

RUNS_KEPT: Final = 5
INTERRUPTED: Final = 130


def run(options: DemoOptions) -> int:
    """Run the demo. 0: all is as it must be; 1: it is not; 130: it was interrupted.

    Raises:
        InventorySyncError: it could not be done; everything that was started is ended again.
    """
    began_s = psutil.Process().create_time()
    name = f"demo-{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}"
    folder = _run_folder(options.data_dir, name)
    view = View(Console())
    view.say(f"settings and logs of this run: {folder}")
    settings_file = folder / "sync.yaml"
    processes = Processes(folder / "logs")
    staged: list[Stage] = []
    had_stack = options.bootstrap_servers is not None or stack_runs()
    with (folder / "demo.log").open("a", encoding="utf-8", buffering=1) as log_file:
        try:
            with _interruptible():
                start_what_takes_long(processes, options)
                fork_the_pipeline(processes, settings_file)
                configure("demo", form=LogFormat.JSON, stream=log_file)
                return _staged_and_played(options, name, settings_file, processes, staged, view, began_s)
        except KeyboardInterrupt:
            view.say("interrupted")
            return INTERRUPTED
        finally:
            with _uninterruptible():
                processes.stop_all()
                from inventory_cli.demo.cleaning import clean_up

                clean_up(staged[0].connection if staged else None, keep=options.keep, stop_stack=not had_stack)


def _staged_and_played(
    options: DemoOptions,
    name: str,
    settings_file: Path,
    processes: Processes,
    staged: list[Stage],
    view: View,
    began_s: float,
) -> int:
    """Everything between the first process and the verdict. All clients are gone when it returns."""
    from inventory_cli.demo.catalog import demo_catalog
    from inventory_cli.demo.performance import Performance
    from inventory_cli.demo.stage import stage

    def say(text: str) -> None:
        view.say(f"{time.time() - began_s:6.1f} s  {text}")

    with ExitStack() as closing:
        closing.callback(view.close)
        catalog = demo_catalog(options.skus, options.seed)
        say("catalog made; processes are loading")
        staged.append(stage(processes, options, name, settings_file, catalog, say))
        processes.release()
        performance = Performance(options, catalog, staged[0], processes, view, began_s)
        closing.callback(performance.close)
        report = performance.play()
        view.close()
        _tell(view.console, report, performance, options, settings_file)
        return 0 if report.is_good else 1


def _tell(
    console: Console, report: Report, performance: Performance, options: DemoOptions, settings_file: Path
) -> None:
    if options.report is not None:
        report.write(options.report)
    console.print(verdict_table(performance.verdict_rows(report.mismatches)))
    for one in report.mismatches[:20]:
        console.print(
            f"[red]{one.listing_id}: shows {one.live}, must show {one.expected}: {one.why}[/]", soft_wrap=True
        )
    for letter in report.dead_letters_missing:
        console.print(f"[red]not in the dead letters: {letter.key} ({letter.reason})[/]", soft_wrap=True)
    console.print(
        f"{report.events:,} events; first push after {report.first_push_s} s; "
        f"settled {report.settle_s} s after the last event; "
        f"{report.sold_units} units sold by marketplaces, {report.oversold_units} of them oversold; "
        f"never-written listings written: {report.never_written}",
        soft_wrap=True,
        highlight=False,
    )
    for line in told(report.dead_letters, performance.sent_wrong, settings_file, kept=options.keep):
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    for missing in report.outage_missing:
        console.print(f"[red]not seen in the outage: {missing}[/]", soft_wrap=True)
    for what, took in report.restarts.items():
        console.print(
            f"{what} was killed, and served its probes again after {seconds(int(took * 1000))}", highlight=False
        )
    word = "[bold green]all listings show what they must[/]" if report.is_good else "[bold red]not as it must be[/]"
    if not report.settled:
        word += " [red](the time limit came before all had settled)[/]"
    console.print(word)


def _run_folder(data_dir: Path, name: str) -> Path:
    """A folder of its own for this run; those of the last few runs are kept."""
    runs = data_dir / "runs"
    folder = runs / name
    folder.mkdir(parents=True)
    old = sorted(one for one in runs.iterdir() if one.is_dir() and one.name.startswith("demo-"))
    for one in old[:-RUNS_KEPT]:
        _remove(one)
    return folder


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM ends the demo as Ctrl-C does: through every `finally`."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with on_end(interrupt):
        yield


@contextmanager
def _uninterruptible() -> Iterator[None]:
    """A second Ctrl-C does not leave half of the processes behind."""

    def ignore(number: int, frame: FrameType | None) -> None:
        return

    with on_end(ignore):
        yield
