"""Starts the demo's processes before anything else: they load what they need while Kafka starts, and then wait."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from inventory_cli.addresses import stack_folder
from inventory_cli.demo.options import DemoOptions
from inventory_cli.demo.processes import ProcessEnded, Processes
from inventory_cli.process_names import ENGINE, process_of
from inventory_domain.identifiers import Marketplace

STACK: Final = "stack"
SANDBOX: Final = "sandbox"
BURST_FACTOR: Final = 10  # limits are scaled with time, and a busy machine cannot keep 300 calls a second even
MARKETPLACES: Final = tuple(Marketplace(name) for name in ("amazon", "ebay", "walmart", "shopify"))


def stack_runs() -> bool:
    """Whether the local stack is running already."""
    from inventory_sandbox.stack import LocalStack

    return LocalStack(stack_folder()).status().running


def start_waiting(processes: Processes, options: DemoOptions, settings_file: Path) -> None:
    """Start everything that can load while Kafka starts. The pipeline's processes wait for their release."""
    if options.bootstrap_servers is None:
        processes.start(STACK, ["stack", "up", "--json", "--data-dir", str(stack_folder())], piped=True)
    sandbox = ["sandbox", "--json", "--skus", "0", "--factor", str(options.factor), "--seed", str(options.seed)]
    sandbox += ["--burst-factor", str(BURST_FACTOR)]
    processes.start(SANDBOX, sandbox, piped=True)
    config = ["--config", str(settings_file)]
    modules = ["inventory_cli.wiring", "inventory_streams.engine.run"]
    processes.start(ENGINE, ["engine", *config], preload=modules)
    for name in MARKETPLACES:
        modules = ["inventory_cli.wiring", "inventory_streams.delivery.run", f"inventory_adapters.{name}.adapter"]
        processes.start(process_of(name), ["deliver", name, *config], preload=modules)


def release(processes: Processes) -> None:
    """The pipeline's processes begin."""
    for name in (ENGINE, *(process_of(marketplace) for marketplace in MARKETPLACES)):
        try:
            processes.get(name).release()
        except BrokenPipeError as error:
            processes.check()
            raise ProcessEnded(f"{name} does not listen") from error
