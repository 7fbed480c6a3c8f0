"""Starts the demo's processes before anything else, so that they are ready when Kafka is."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Final

from inventory_cli.addresses import stack_folder
from inventory_cli.demo.options import DemoOptions
from inventory_cli.demo.processes import Processes
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


def start_what_takes_long(processes: Processes, options: DemoOptions) -> None:
    """Kafka and the registry, where none are given, and the marketplaces' stand-ins."""
    if options.bootstrap_servers is None:
        processes.start(STACK, ["stack", "up", "--json", "--data-dir", str(stack_folder())], piped=True)
    sandbox = ["sandbox", "--json", "--skus", "0", "--factor", str(options.factor), "--seed", str(options.seed)]
    processes.start(SANDBOX, [*sandbox, "--burst-factor", str(BURST_FACTOR)], piped=True)


def fork_the_pipeline(processes: Processes, settings_file: Path) -> None:
    """Engine and delivery, which wait for their release. This process must have no thread and no client yet."""
    modules = ["inventory_cli.wiring", "inventory_cli.engine", "inventory_cli.deliver"]
    modules += ["inventory_streams.engine.run", "inventory_streams.delivery.run"]
    modules += [f"inventory_adapters.{name}.adapter" for name in MARKETPLACES]
    for module in modules:
        import_module(module)
    config = ["--config", str(settings_file)]
    processes.fork(ENGINE, ["engine", *config])
    for name in MARKETPLACES:
        processes.fork(process_of(name), ["deliver", name, *config])
