"""Settings files as text: YAML with every key once, and references to secrets in place of secrets."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import yaml

try:
    from yaml import CSafeLoader as _QuickLoader
except ImportError:  # PyYAML was built without libyaml
    from yaml import SafeLoader as _QuickLoader  # type: ignore[assignment]

from inventory_adapters.secrets import Secret
from inventory_domain.errors import ConfigError, ConfigFault

FILE_BYTES_MAX = 4 << 20
SECRET_BYTES_MAX = 64 << 10


class _OneOfEach(yaml.constructor.SafeConstructor):
    """YAML where a key that stands twice is a fault and not a silent last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[object, object]:
        seen: set[object] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, str | int | float | bool) and key in seen:
                mark = key_node.start_mark
                raise ConfigError(
                    [ConfigFault(f"line {mark.line + 1}", f"{key!r} stands twice in one mapping; which one is meant?")]
                )
            if isinstance(key, str | int | float | bool):
                seen.add(key)
        return super().construct_mapping(node, deep=deep)


class _Quick(_OneOfEach, _QuickLoader):
    """By libyaml, in a tenth of the time: each command that is told a settings file waits for it."""


class _Strict(_OneOfEach, yaml.SafeLoader):
    """By PyYAML itself, which says more of what is wrong, and takes no tabs between words."""


def read_document(path: Path) -> Mapping[str, object]:
    """The settings file as a tree.

    Raises:
        ConfigError: it is not there, is too large, is not YAML, or is not a mapping of names.
    """
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise ConfigError([ConfigFault(str(path), f"has more than {FILE_BYTES_MAX >> 20} MiB")])
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError([ConfigFault(str(path), "is not there; `inventory-sync config init` writes one")]) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([ConfigFault(str(path), f"cannot be read: {error}")]) from error
    return parse_document(text)


def parse_document(text: str) -> Mapping[str, object]:
    """The same for text in memory."""
    try:
        tree = _tree(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}" if mark else "the file"
        raise ConfigError([ConfigFault(where, f"is not YAML: {error.problem or error}")]) from error
    except yaml.YAMLError as error:
        raise ConfigError([ConfigFault("the file", f"is not YAML: {error}")]) from error
    if not isinstance(tree, Mapping):
        raise ConfigError([ConfigFault("the file", "must be a mapping of names to settings")])
    return {str(key): value for key, value in tree.items()}


def _tree(text: str) -> object:
    if "\t" not in text:
        with suppress(yaml.YAMLError):  # what is wrong is told by the other one
            return yaml.load(text, _Quick)
    return yaml.load(text, _Strict)


STAND_IN: Final = Secret("not-looked-up-since-it-is-not-used-here")
"""Long enough for every check of a secret's length: who uses none of an account's secrets must not fail by them."""


class SecretSource:
    """Turns `{env: NAME}` and `{file: PATH}` into secrets. Relative paths are relative to the settings file."""

    def __init__(self, env: Mapping[str, str], folder: Path, *, look_up: bool = True) -> None:
        self._env = env
        self._folder = folder
        self._look_up = look_up

    @property
    def folder(self) -> Path:
        """Where the settings file is."""
        return self._folder

    @property
    def look_up(self) -> bool:
        """Whether references are followed; where not, each becomes a stand-in."""
        return self._look_up

    def used_if(self, used: bool) -> SecretSource:
        """This source, or one that looks nothing up where the secrets are not to be used."""
        return self if used else SecretSource(self._env, self._folder, look_up=False)

    def resolved(self, raw: object, path: str, faults: list[ConfigFault]) -> object:
        """The tree with its references replaced by secrets; what cannot be had is a fault at its path.

        Where secrets are not looked up, each reference becomes a stand-in, so that the rest can be checked.
        """
        if isinstance(raw, list):
            return [self.resolved(one, f"{path}.{index}", faults) for index, one in enumerate(raw)]
        if not isinstance(raw, Mapping):
            return raw
        if len(raw) == 1 and next(iter(raw)) in ("env", "file"):
            return self._secret(raw, path, faults)
        return {key: self.resolved(value, f"{path}.{key}", faults) for key, value in raw.items()}

    def _secret(self, raw: Mapping[object, object], path: str, faults: list[ConfigFault]) -> Secret:
        kind, name = next(iter(raw.items()))
        if not isinstance(name, str) or not name:
            faults.append(ConfigFault(path, f"{{{kind}: ...}} must name a {'variable' if kind == 'env' else 'file'}"))
        elif not self._look_up:
            return STAND_IN
        elif kind == "env":
            if self._env.get(name):
                return Secret(self._env[name])
            faults.append(ConfigFault(path, f"environment variable {name} is not set"))
        else:
            return self._from_file(self._folder / Path(name).expanduser(), path, faults)
        return Secret("not-found")  # its fault is noted: nothing is started with it

    def _from_file(self, file: Path, path: str, faults: list[ConfigFault]) -> Secret:
        try:
            if file.stat().st_size > SECRET_BYTES_MAX:
                faults.append(ConfigFault(path, f"file {file} has more than {SECRET_BYTES_MAX >> 10} KiB"))
            else:
                return Secret(file.read_text(encoding="utf-8").rstrip("\r\n"))
        except (OSError, UnicodeDecodeError) as error:
            faults.append(ConfigFault(path, f"file {file} cannot be read ({type(error).__name__})"))
        return Secret("not-found")
