"""The one settings file: read once, checked whole, and turned into one typed value per room."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from inventory_adapters.accounts import AccountSettings
from inventory_adapters.catalog import MARKETPLACES
from inventory_cli.connecting import Connection, read_connection
from inventory_cli.defaults import APPLICATION_DEFAULT
from inventory_cli.documents import SecretSource, read_document
from inventory_cli.fields import FileFields
from inventory_cli.ledger_settings import read_console, read_ledger
from inventory_cli.policy_settings import POLICY_KEYS, Serving, read_policy
from inventory_cli.process_settings import ANY, Processes, read_processes
from inventory_console.settings import ConsoleSettings
from inventory_domain.errors import ConfigError, ConfigFault
from inventory_domain.identifiers import AccountId, ChannelId, Marketplace
from inventory_domain.modes import LIVE, ChannelMode, Mode
from inventory_domain.policies import AllocationPolicy
from inventory_ledger.settings import LedgerSettings
from inventory_streams.delivery.settings import deadline_s

_OURS: Final = POLICY_KEYS | {"mode", "canary_percent", "seen_within_s"}  # all else of a channel is its marketplace's


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a process of ours is told, checked."""

    connection: Connection
    application_id: str
    profile: str
    policy: AllocationPolicy
    accounts: Mapping[AccountId, AccountSettings]
    processes: Processes
    ledger: LedgerSettings
    console: ConsoleSettings
    modes: Mapping[ChannelId, ChannelMode]
    deadlines_s: Mapping[ChannelId, float]


def load(
    path: Path,
    env: Mapping[str, str] | None = None,
    *,
    look_up_secrets: bool = True,
    secrets_at: Collection[str] | None = None,
) -> Settings:
    """The settings in this file. `env` replaces the environment; it overrides the two addresses and holds secrets.

    `secrets_at`: only accounts at these marketplaces are to be used, and of the sections `ledger` and `console` those
    that are named too, so that a process needs nobody else's secrets; None uses all.

    Raises:
        ConfigError: with every fault of the file, each with its path in it.
    """
    env = os.environ if env is None else env
    secrets = SecretSource(env, path.absolute().parent, look_up=look_up_secrets)
    return read(read_document(path), env, secrets, secrets_at)


def read(
    document: Mapping[str, object],
    env: Mapping[str, str],
    secrets: SecretSource,
    secrets_at: Collection[str] | None = None,
) -> Settings:
    """The settings in this tree; see `load`."""
    faults: list[ConfigFault] = []
    root = FileFields(document, "", faults)
    connection = read_connection(root, env, secrets, faults)
    application_id = root.text("application_id", APPLICATION_DEFAULT)
    raw_channels = {name: _mapping(raw) for name, raw in root.mapping("channels", required=True).items()}
    if not raw_channels:
        root.fault("channels", "must name at least one channel")

    def used(by: str) -> SecretSource:
        return secrets.used_if(secrets_at is None or by in secrets_at)

    accounts = _accounts(root, raw_channels, used, faults)
    serving = {
        name: Serving(one.marketplace, one.settings.settling_s_max if one.settings is not None else 1.0)
        for name, one in accounts.items()
    }
    profile, policy = read_policy(root, raw_channels, serving, faults)
    modes = _modes(root, raw_channels, faults)
    deadlines_s = _deadlines_s(root, raw_channels, serving)
    processes = read_processes(root, secrets.used_if(secrets_at is None or bool(secrets_at)), faults)
    ledger, console = read_ledger(root, used("ledger"), faults), read_console(root, used("console"), faults)
    root.end()
    faults.extend(
        ConfigFault(f"reconcile.pools.{name}", "is no channel of this file")
        for name in processes.reconcile.pools
        if name not in raw_channels
    )
    faults = _each_once(faults)
    if faults:
        raise ConfigError(faults)
    return Settings(
        connection=connection,
        application_id=application_id,
        profile=profile,
        policy=policy,
        accounts={name: account.settings for name, account in accounts.items() if account.settings is not None},
        processes=processes,
        ledger=ledger,
        console=console,
        modes=modes,
        deadlines_s=deadlines_s,
    )


@dataclass(frozen=True, slots=True)
class _Account:
    """An account of the file: its marketplace, and its settings where they hold no fault."""

    marketplace: Marketplace
    settings: AccountSettings | None


def _accounts(
    root: FileFields,
    channels: Mapping[str, Mapping[str, object]],
    secrets_at: Callable[[str], SecretSource],
    faults: list[ConfigFault],
) -> dict[AccountId, _Account]:
    """Every account, each read by its marketplace's own rules together with the channels that name it."""
    given = root.mapping("accounts", required=True)
    if not given:
        root.fault("accounts", "must name at least one account")
    accounts: dict[AccountId, _Account] = {}
    for name, raw in given.items():
        path = f"accounts.{name}"
        own = _mapping(raw)
        marketplace = Marketplace(str(own.get("marketplace", "")))
        if marketplace not in MARKETPLACES:
            faults.append(ConfigFault(f"{path}.marketplace", f"must be one of {', '.join(MARKETPLACES)}"))
            continue
        served = {
            channel: {key: value for key, value in options.items() if key not in _OURS}
            for channel, options in channels.items()
            if options.get("account") == name
        }
        if "channels" in own:
            faults.append(ConfigFault(f"{path}.channels", "stands below `channels` of the file, with `account` there"))
        if not served:
            faults.append(
                ConfigFault(path, "no channel sells through it: name it as `account` of one below `channels`")
            )
            served = {}
        tree = {**_mapping(secrets_at(marketplace).resolved(own, path, faults)), "channels": served}
        accounts[AccountId(name)] = _Account(marketplace, _account(marketplace, tree, path, faults))
    return accounts


def _account(
    marketplace: Marketplace, tree: Mapping[str, object], path: str, faults: list[ConfigFault]
) -> AccountSettings | None:
    try:
        return MARKETPLACES[marketplace].parse(tree, path)
    except ConfigError as error:
        inner = f"{path}.channels"
        for fault in error.faults:
            if fault.path == inner:
                continue  # said above, in words of this file
            place = fault.path.removeprefix(f"{path}.") if fault.path.startswith(f"{inner}.") else fault.path
            faults.append(ConfigFault(place, fault.message))
        return None


def _modes(
    root: FileFields, raw_channels: Mapping[str, Mapping[str, object]], faults: list[ConfigFault]
) -> dict[ChannelId, ChannelMode]:
    """How each channel is written."""
    channels = root.of("channels", raw_channels)
    modes: dict[ChannelId, ChannelMode] = {}
    for name, raw in raw_channels.items():
        fields = channels.of(name, raw)
        mode = Mode(fields.choice("mode", [one.value for one in Mode], Mode.LIVE.value))
        percent = fields.number("canary_percent", LIVE.canary_percent, least=-ANY, most=ANY)
        modes[ChannelId(name)] = ChannelMode(mode, percent)
        faults.extend(modes[ChannelId(name)].faults(f"channels.{name}"))
    return modes


def _deadlines_s(
    root: FileFields, raw_channels: Mapping[str, Mapping[str, object]], serving: Mapping[AccountId, Serving]
) -> dict[ChannelId, float]:
    """By when each channel's falls and sampled rises must be seen live; by its account's marketplace if not said."""
    channels = root.of("channels", raw_channels)
    found = {}
    for name, raw in raw_channels.items():
        known = serving.get(AccountId(str(raw.get("account"))))
        usual_s = deadline_s(known.settling_s_max if known is not None else 1.0)
        found[ChannelId(name)] = channels.of(name, raw).number("seen_within_s", usual_s, least=1, most=86_400)
    return found


def _mapping(raw: object) -> Mapping[str, object]:
    return {str(key): value for key, value in raw.items()} if isinstance(raw, Mapping) else {}


def _each_once(faults: Sequence[ConfigFault]) -> list[ConfigFault]:
    """The faults in the order found; a channel is read twice (policy and adapter), so one may be found twice."""
    return list(dict.fromkeys(faults))
