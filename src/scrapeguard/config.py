"""Read scrapeguard.toml into frozen settings; an unknown key or a wrong type is an error that says what was meant."""

import difflib
import hashlib
import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from scrapeguard.errors import ConfigError

Table = Mapping[str, Any]
T = TypeVar("T")

PACKAGE = Path(__file__).parent
LARGEST = 2**53 - 1  # the largest whole number that every reader of JSON, and Lua in Redis, holds exactly
WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: 'text in "quotes"'}


def shipped(relative: str) -> Path:
    """A file or folder that travels with the package ("config/scrapeguard.toml"): inside a wheel, or in a checkout."""
    inside = PACKAGE / "_data" / relative
    return inside if inside.exists() else PACKAGE.parent.parent / relative


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting that is not at its default."""

    section: str
    setting: str
    value: object
    default: object


class Config:
    """The tables of one configuration. `section` turns one into settings; `finish` refuses what nobody asked for."""

    def __init__(self, tables: Table, source: str = "the built-in defaults", folder: Path | None = None) -> None:
        self.tables = tables
        self.source = source
        self.folder = folder or Path.cwd()  # relative paths in the file are relative to it
        self.digest = hashlib.sha256(json.dumps(tables, sort_keys=True, default=str).encode()).hexdigest()
        self._known: dict[str, object] = {}

    def section(self, name: str, settings: type[T]) -> T:
        """Settings of the section `name` ("signals.pace"), with defaults for what is not set. Raises ConfigError.

        Sections under it that are read already are not settings of it.
        """
        table = lookup(self.tables, name, self.source)
        own = {key: value for key, value in table.items() if f"{name}.{key}" not in self._known}
        built = bind(settings, own, name, self.source)
        self._known[name] = built
        return built

    def known(self) -> dict[str, object]:
        """Every section read so far, by name."""
        return dict(self._known)

    def path(self, value: str) -> Path:
        """A path from the file, relative to the folder the file is in."""
        return self.folder / value

    def finish(self) -> None:
        """Raise ConfigError for a section that nothing has read."""
        self._refuse_unknown(self.tables, "")

    def differences(self) -> list[Difference]:
        """Where the sections read so far are not at their defaults."""
        found = []
        for name, settings in self._known.items():
            defaults = dict(values(type(settings)()))
            found += [Difference(name, key, it, defaults[key]) for key, it in values(settings) if it != defaults[key]]
        return found

    def _refuse_unknown(self, table: Table, prefix: str) -> None:
        for key, value in table.items():
            name = prefix + key
            if name in self._known:
                continue
            if isinstance(value, Mapping) and any(known.startswith(name + ".") for known in self._known):
                self._refuse_unknown(value, name + ".")
                continue
            what = f"section [{name}]" if isinstance(value, Mapping) else f"setting {name} outside of a section"
            raise ConfigError(f"{self.source}: there is no {what}.", meant(name, self._known))


Source = str | Path | Table | Config | None


def load(source: Source = None) -> Config:
    """Read a configuration: a path to a TOML file, tables, or None for the defaults. Raises ConfigError."""
    if isinstance(source, Config):
        return source
    if source is None:
        return Config({})
    if isinstance(source, Mapping):
        return Config(source, "the given settings")
    path = Path(source)
    try:
        tables = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).", "Name an existing file.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: is not valid TOML: {error}.", "Mend the line it names.") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deeply.", "No setting is nested more than three levels.") from error
    return Config(tables, str(path), path.resolve().parent)


def values(settings: object) -> list[tuple[str, object]]:
    """The fields of a settings dataclass with their values, in order."""
    assert is_dataclass(settings)
    return [(field.name, getattr(settings, field.name)) for field in fields(settings)]


def lookup(tables: Table, name: str, source: str) -> Table:
    """The table under a dotted name; empty when it is not there."""
    table, place = tables, ""
    for part in name.split("."):
        table = table.get(part, {})
        place = f"{place}.{part}" if place else part
        if not isinstance(table, Mapping):
            raise ConfigError(f"{source}: {place} must be a section.", f"Write [{place}] on a line of its own.")
    return table


def bind(settings: type[T], table: Table, name: str, source: str) -> T:
    """A frozen dataclass from a table, each value checked against its annotation. Raises ConfigError."""
    assert is_dataclass(settings)
    hints = get_type_hints(settings)
    known = [field.name for field in fields(settings)]
    given: dict[str, object] = {}
    for key, value in table.items():
        if key not in known:
            raise ConfigError(f"{source}: [{name}] has no setting {key!r}.", meant(key, known))
        given[key] = convert(value, hints[key], f"{source}: {name}.{key}")
    try:
        return settings(**given)
    except ValueError as error:
        raise ConfigError(f"{source}: [{name}] {error}") from error


def convert(value: object, hint: Any, place: str) -> object:
    """`value` as the annotation `hint` wants it: bool, int, float, str, Literal, tuple[T, ...] or dict[str, T]."""
    origin = get_origin(hint)
    if origin is Literal:
        choices = get_args(hint)
        if value not in choices:
            raise ConfigError(f"{place} is {value!r}.", f"Choose one of {', '.join(map(repr, choices))}.")
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise ConfigError(f"{place} must be a list.", 'Write it like ["one", "two"].')
        return tuple(convert(item, get_args(hint)[0], f"{place}[{i}]") for i, item in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise ConfigError(f"{place} must be a table.", 'Write it like { "a" = "b" }.')
        return {str(key): convert(item, get_args(hint)[1], f"{place}.{key}") for key, item in value.items()}
    if hint is float and type(value) is int and abs(value) <= LARGEST:
        value = float(value)
    if type(value) is not hint:
        raise ConfigError(f"{place} is {value!r}.", f"It must be {WORDS[hint]}.")
    if isinstance(value, (int, float)) and not 0 <= value <= LARGEST:
        raise ConfigError(f"{place} is {value}.", f"It must be from 0 to {LARGEST}.")
    return value


def meant(word: str, known: Iterable[str]) -> str:
    """ "Did you mean …?" for a mistyped word, or the list of what there is."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"There are: {', '.join(choices)}."
