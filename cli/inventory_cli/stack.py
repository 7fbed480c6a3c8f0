"""`inventory-sync stack`: a real Kafka and a real schema registry on this machine."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from rich.console import Console

    # the sandbox is loaded inside the commands that need it, never by what runs in production
    from inventory_sandbox.stack import LocalStack, StackInfo, StackStatus
    from inventory_sandbox.stack import Progress as StackProgress

app = typer.Typer(
    no_args_is_help=True,
    help="Run a real single-node Kafka and a schema registry here, without Docker or an installed Java. "
    "The first `up` fetches about 200 MB once per user; later ones take a few seconds.",
)

NAMES = {"kafka": "Kafka", "registry": "schema registry"}


def default_data_dir() -> Path:
    """Where the stack keeps its data unless told otherwise: the platform's folder for a user's own data."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "inventory-sync" / "stack"


DataDir = Annotated[
    Path | None,
    typer.Option(
        envvar="INVENTORY_SYNC_STACK_DIR",
        show_default="~/.local/share/inventory-sync/stack",
        help="Folder for data, logs and remembered ports. Each folder is a stack of its own.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object, for scripts.")]


def _port(what: str) -> object:
    return typer.Option(min=1, max=65535, show_default="the last one, else a free one", help=f"Port of {what}.")


@app.command()
def up(
    data_dir: DataDir = None,
    kafka_port: Annotated[int | None, _port("Kafka")] = None,
    registry_port: Annotated[int | None, _port("the schema registry")] = None,
    as_json: AsJson = False,
) -> None:
    """Start Kafka and the registry, and return when both answer.

    Safe to repeat: what already runs is left alone. Data and ports survive `down` and a restart of the machine.
    The processes go on after this command; end them with `inventory-sync stack down`.
    """
    from rich.console import Console

    from inventory_sandbox.stack import LocalStack, StackError

    stack = LocalStack(data_dir or default_data_dir(), kafka_port=kafka_port, registry_port=registry_port)
    try:
        info = start_with_progress(stack, Console(stderr=True))
    except (StackError, OSError) as error:
        _fail(error)
    if as_json:
        typer.echo(json.dumps(_up_facts(info)))
        return
    typer.echo("already running" if info.was_running else "started")
    typer.echo(f"  Kafka            {info.bootstrap_servers}  (pid {info.kafka_pid})")
    typer.echo(f"  schema registry  {info.schema_registry_url}  (pid {info.registry_pid})")
    typer.echo(f"  data and logs    {info.data_dir}")


@app.command()
def down(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Stop both and wait until they are gone. The data stays for the next `up`."""
    from inventory_sandbox.stack import LocalStack, StackError

    folder = data_dir or default_data_dir()
    try:
        stopped = LocalStack(folder).down()
    except (StackError, OSError) as error:
        _fail(error)
    if as_json:
        typer.echo(json.dumps({"stopped": stopped, "data_dir": str(folder)}))
    else:
        typer.echo(f"stopped; data kept in {folder}" if stopped else f"nothing was running in {folder}")


@app.command()
def status(data_dir: DataDir = None, as_json: AsJson = False) -> None:
    """Say what runs, where it answers and where its logs are. Exit status 1 unless both answer."""
    from inventory_sandbox.stack import LocalStack, StackError

    try:
        found = LocalStack(data_dir or default_data_dir()).status()
    except (StackError, OSError) as error:
        _fail(error)
    if as_json:
        typer.echo(json.dumps(_status_facts(found)))
    else:
        typer.echo(_line("Kafka", found.bootstrap_servers, found.kafka_pid, found.kafka_answers))
        typer.echo(_line("schema registry", found.schema_registry_url, found.registry_pid, found.registry_answers))
        typer.echo(f"logs             {found.logs}")
        if not found.running:
            typer.echo("start it with: inventory-sync stack up")
    if not found.running:
        raise typer.Exit(1)


def start_with_progress(stack: "LocalStack", console: "Console") -> "StackInfo":
    """`stack.up()` while the console shows what is being waited for; raises what `up` raises."""
    return _up_with_bars(stack, console) if console.is_terminal else _up_with_lines(stack, console)


def _up_with_bars(stack: "LocalStack", console: "Console") -> "StackInfo":
    from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bars:
        tasks = {component: bars.add_task(name, total=None) for component, name in NAMES.items()}

        def observe(progress: "StackProgress") -> None:
            if progress.step == "moved":
                console.print(_description(progress))
                return
            bars.update(
                tasks[progress.component],
                description=_description(progress),
                completed=progress.done_bytes,
                total=progress.total_bytes or None,
            )
            if progress.step == "ready":
                bars.stop_task(tasks[progress.component])

        return stack.up(observe)


def _up_with_lines(stack: "LocalStack", console: "Console") -> "StackInfo":
    """For logs and pipes: a line at each new step, nothing for each piece that arrives."""
    last: dict[str, str] = {}

    def observe(progress: "StackProgress") -> None:
        if last.get(progress.component) != progress.step:
            last[progress.component] = progress.step
            console.print(_description(progress), soft_wrap=True)

    return stack.up(observe)


def _description(progress: "StackProgress") -> str:
    return f"{NAMES[progress.component]}: {_ACTIVITIES[progress.step]}"


_ACTIVITIES = {
    "download": "fetching (once per user)",
    "prepare": "preparing its folder",
    "start": "starting",
    "ready": "answers",
    "moved": "its last port is taken by another program, so it gets a new one",
}


def _up_facts(info: "StackInfo") -> dict[str, object]:
    return {
        "bootstrap_servers": info.bootstrap_servers,
        "schema_registry_url": info.schema_registry_url,
        "kafka_pid": info.kafka_pid,
        "registry_pid": info.registry_pid,
        "data_dir": str(info.data_dir),
        "was_running": info.was_running,
    }


def _status_facts(found: "StackStatus") -> dict[str, object]:
    return {
        "running": found.running,
        "bootstrap_servers": found.bootstrap_servers,
        "schema_registry_url": found.schema_registry_url,
        "kafka": {"pid": found.kafka_pid, "answers": found.kafka_answers},
        "registry": {"pid": found.registry_pid, "answers": found.registry_answers},
        "data_dir": str(found.data_dir),
        "logs": str(found.logs),
    }


def _line(name: str, address: str | None, pid: int | None, answers: bool) -> str:
    if answers:
        state = f"answers at {address} (pid {pid})"
    elif pid is not None:
        state = f"runs (pid {pid}) but does not answer at {address}"
    elif address is not None:
        state = f"stopped (was at {address})"
    else:
        state = "never started here"
    return f"{name:<17}{state}"


def _fail(error: Exception) -> NoReturn:
    typer.secho(str(error), err=True, fg=typer.colors.RED)
    raise typer.Exit(1) from error
