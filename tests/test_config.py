"""The configuration refuses what it does not understand, and says what was meant."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from scrapeguard import config as configuration
from scrapeguard import parts
from scrapeguard.config import LARGEST, Difference, load
from scrapeguard.errors import ConfigError
from scrapeguard.model import Mode


@dataclass(frozen=True, slots=True)
class Kettle:
    mode: Mode = "enforce"
    litres: int = 2
    heat: float = 1.5
    whistle: bool = True
    name: str = "kettle"
    teas: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.litres > 5:
            raise ValueError("litres must be at most 5.")


@dataclass(frozen=True, slots=True)
class Cups:
    sizes: dict[str, int]


def kettle(path: Path) -> Kettle:
    config = load(path)
    settings = config.section("tea.kettle", Kettle)
    config.finish()
    return settings


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        path = tmp_path / "scrapeguard.toml"
        path.write_text(text, "utf-8")
        return path

    return write


MISTAKES = {
    "a mistyped setting": (
        "[tea.kettle]\nlitre = 3",
        "[tea.kettle] has no setting 'litre'. Did you mean 'litres'?",
    ),
    "a setting like no other": (
        "[tea.kettle]\nzzz = 3",
        "[tea.kettle] has no setting 'zzz'. There are: heat, litres, mode, name, teas, whistle.",
    ),
    "a mistyped section": ("[tea.ketle]\nlitres = 3", "there is no section [tea.ketle]. Did you mean 'tea.kettle'?"),
    "a section like no other": ("[zzz]", "there is no section [zzz]. There are: tea.kettle."),
    "a setting outside of a section": ("litres = 3", "there is no setting litres outside of a section."),
    "a section under a section": ("[tea.kettle.lid]", "[tea.kettle] has no setting 'lid'."),
    "a value where a section belongs": ("tea = 3", "tea must be a section. Write [tea] on a line of its own."),
    "a value where a subsection belongs": ("[tea]\nkettle = 3", "tea.kettle must be a section."),
    "text for a number": ('[tea.kettle]\nlitres = "3"', "tea.kettle.litres is '3'. It must be a whole number."),
    "a fraction for a whole number": ("[tea.kettle]\nlitres = 2.5", "tea.kettle.litres is 2.5."),
    "true for a number": ("[tea.kettle]\nlitres = true", "tea.kettle.litres is True. It must be a whole number."),
    "a number for true": ("[tea.kettle]\nwhistle = 1", "tea.kettle.whistle is 1. It must be true or false."),
    "a number for text": ("[tea.kettle]\nname = 1", 'tea.kettle.name is 1. It must be text in "quotes".'),
    "text for a list": ('[tea.kettle]\nteas = "oolong"', "tea.kettle.teas must be a list."),
    "a number in a list of texts": ('[tea.kettle]\nteas = ["oolong", 1]', "tea.kettle.teas[1] is 1."),
    "a choice that is none": (
        '[tea.kettle]\nmode = "enforced"',
        "tea.kettle.mode is 'enforced'. Choose one of 'off', 'observe', 'enforce'.",
    ),
    "a list for a choice": ("[tea.kettle]\nmode = []", "tea.kettle.mode is []."),
    "less than nothing": ("[tea.kettle]\nlitres = -1", f"tea.kettle.litres is -1. It must be from 0 to {LARGEST}."),
    "more than a store can hold": (f"[tea.kettle]\nlitres = {LARGEST + 1}", "It must be from 0 to"),
    "a number beyond floats": (f"[tea.kettle]\nheat = 1{'0' * 400}", "It must be a number."),
    "no number": ("[tea.kettle]\nheat = nan", "tea.kettle.heat is nan."),
    "no end": ("[tea.kettle]\nheat = inf", "tea.kettle.heat is inf."),
    "a date": ("[tea.kettle]\nname = 1979-05-27", "It must be text"),
    "what the settings themselves refuse": ("[tea.kettle]\nlitres = 6", "[tea.kettle] litres must be at most 5."),
    "no TOML": ("[tea.kettle\nlitres = 3", "is not valid TOML:"),
    "the same setting twice": ("[tea.kettle]\nlitres = 3\nlitres = 4", "is not valid TOML:"),
    "depth without end": ("a = " + "[" * 100_000, "is nested too deeply."),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_with_the_file_the_place_and_what_was_meant(
    mistake: str, file: Callable[[str], Path]
) -> None:
    text, message = MISTAKES[mistake]
    path = file(text)
    with pytest.raises(ConfigError) as caught:
        kettle(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "scrapeguard.toml"
    path.write_bytes(b"[tea.kettle]\nname = '\xff'")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        load(path)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path)


def test_what_is_set_is_taken_and_the_rest_keeps_its_default(file: Callable[[str], Path]) -> None:
    settings = kettle(file('[tea.kettle]\nheat = 3\nteas = ["oolong"]\nmode = "off"'))
    assert settings == Kettle(mode="off", heat=3.0, teas=("oolong",))
    assert type(settings.heat) is float


def test_a_table_of_numbers_is_a_setting_too() -> None:
    assert load({"cups": {"sizes": {"small": 1}}}).section("cups", Cups) == Cups({"small": 1})
    with pytest.raises(ConfigError, match=r"cups\.sizes\.small is 'x'"):
        load({"cups": {"sizes": {"small": "x"}}}).section("cups", Cups)
    with pytest.raises(ConfigError, match="must be a table"):
        load({"cups": {"sizes": 1}}).section("cups", Cups)


def test_tables_in_python_may_hold_tuples() -> None:
    assert load({"tea": {"kettle": {"teas": ("oolong",)}}}).section("tea.kettle", Kettle).teas == ("oolong",)


def test_paths_are_relative_to_the_file_that_names_them(file: Callable[[str], Path], tmp_path: Path) -> None:
    assert load(file("")).path("robots.txt") == tmp_path / "robots.txt"
    assert load(file("")).path("/etc/robots.txt") == Path("/etc/robots.txt")


def test_the_digest_changes_with_a_value_and_not_with_the_layout(file: Callable[[str], Path]) -> None:
    first = load(file("[tea.kettle]\nlitres = 3 # enough\nheat = 1.0")).digest
    assert load(file("[tea]\nkettle.heat = 1.0\nkettle.litres = 3")).digest == first
    assert load(file("[tea.kettle]\nlitres = 4\nheat = 1.0")).digest != first


def test_differences_name_only_what_is_not_at_its_default() -> None:
    config = load({"tea": {"kettle": {"litres": 3, "name": "kettle"}}})
    config.section("tea.kettle", Kettle)
    assert config.differences() == [Difference("tea.kettle", "litres", 3, 2)]
    assert load(config) is config


SHIPPED = configuration.shipped("config/scrapeguard.toml")


def test_the_shipped_file_has_every_setting_at_its_default_and_no_other() -> None:
    config = load(SHIPPED)
    parts.examine(config)
    written = {
        (section, setting)
        for section in config.known()
        for setting in configuration.lookup(config.tables, section, "the file")
        if f"{section}.{setting}" not in config.known()
    }
    assert config.differences() == []
    assert written == {(name, key) for name, built in config.known().items() for key, _ in configuration.values(built)}


def test_the_shipped_file_gives_a_reason_for_every_setting() -> None:
    for line in SHIPPED.read_text("utf-8").splitlines():
        if re.match(r"\w+ = ", line):
            assert re.search(r"  # \S.{8,}$", line), line


@pytest.mark.parametrize("preset", sorted((SHIPPED.parent / "presets").glob("*.toml")), ids=lambda path: path.name)
def test_a_preset_is_valid_and_sets_only_what_it_changes(preset: Path) -> None:
    config = load(preset)
    parts.examine(config)
    set_here = sum(len(configuration.lookup(config.tables, name, "the file")) for name in config.known())
    assert len(config.differences()) == set_here > 0
