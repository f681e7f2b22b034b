"""Every scenario: recorded shapes of scrapers and of people, and what must come out. Half of them are people."""

import asyncio
import json
from pathlib import Path

import pytest
from scenario import HERE, perform

FOLDERS = sorted(path.parent for path in HERE.glob("*/traffic.toml"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_what_must_come_out_comes_out(folder: Path) -> None:
    """expected.json: per address the rung, every signal, and the requests by which it was flagged and stopped."""
    expected = json.loads((folder / "expected.json").read_text())
    accounts = asyncio.run(perform(folder))
    assert accounts.keys() == expected.keys()
    for address, wanted in expected.items():
        account = accounts[address]
        told = "\n".join(account.reasons)
        assert account.rung.label == wanted["rung"], told
        assert sorted(account.signals) == wanted["signals"], told
        for limit, happened in (("flagged_by", account.first_signal), ("stopped_by", account.first_measure)):
            assert (happened is not None) == (limit in wanted), (limit, told)
            assert happened is None or happened <= wanted[limit], (limit, happened, told)


def test_half_of_the_scenarios_are_people_and_welcome_machines() -> None:
    rungs = [
        account["rung"] for folder in FOLDERS for account in json.loads((folder / "expected.json").read_text()).values()
    ]
    welcome = [rung for rung in rungs if rung == "allow"]
    assert len(welcome) * 2 >= len(rungs)
