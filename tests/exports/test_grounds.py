"""What the report says rests on records that show it; shares, prices and expenses are told with what they assume."""

import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from authority import Authority
from bundling import Files, bundled, exported, keeping, scene, unpacked
from click.testing import CliRunner

from scrapeguard.cli import main
from scrapeguard.evidence.incidents import incidents
from scrapeguard.exports import chinese, english
from scrapeguard.exports.bundle import Extras, export
from scrapeguard.exports.loss import Catalogue


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return unpacked(bundled(tmp_path_factory.mktemp("grounds")).path)


def named(files: Files) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(files["data/analysis/references.json"])
    return told


def records(files: Files) -> dict[str, dict[str, Any]]:
    """Leaf, as the report writes it -> its record."""
    found = {}
    for name in [name for name in files if name.endswith("/records.index")]:
        lines = files[name.replace(".index", ".jsonl")].splitlines()
        for place, line in zip(files[name].splitlines(), lines, strict=True):
            found[f"{name.split('/')[2]}/{place.split()[0].decode()}"] = json.loads(line)
    return found


def test_as_many_records_are_named_as_the_figures_say(files: Files) -> None:
    told, incident = named(files), json.loads(files["data/analysis/incident.json"])
    for name, figure in (
        ("requests", incident["requests"]),
        ("refused", incident["refused"]),
        ("measures", incident["measures_total"]),
        ("taken", incident["taken"]["requests"]),
        ("robots", incident["robots"]["asked"]),
        ("returned", incident["after_measure"]["returned"]),
        ("forbidden", incident["forbidden"]["served"]),
        ("captured", 8),
    ):
        assert told[name]["count"] == figure, name


def test_each_leaf_is_a_record_that_shows_what_it_is_named_for(files: Files) -> None:
    told, found = named(files), records(files)
    shows = {
        "refused": lambda what: what["verdict"]["rung"] != "allow",
        "measures": lambda what: what["verdict"]["cause"] == "signals",
        "taken": lambda what: what["status"] == 200 and what["verdict"]["rung"] == "allow",
        "robots": lambda what: what["resource"] == "notice",
        "forbidden": lambda what: what["forbidden"],
        "signals": lambda what: what["signals"],
    }
    for name, holds in shows.items():
        for leaf in [*told[name]["leaves"], told[name]["last"]]:
            assert holds(found[leaf]["what"]), (name, leaf)
    for name in [name for name in told if name.startswith("record.")]:
        for leaf in told[name]["leaves"]:
            assert found[leaf]["k"] == name.removeprefix("record."), leaf


@pytest.mark.parametrize("language", ["en", "zh"])
def test_statements_name_the_leaves_that_they_rest_on(files: Files, language: str) -> None:
    html = files[f"data/analysis/report.{language}.html"].decode()
    told, words = named(files), english if language == "en" else chinese
    (robots,) = told["robots"]["leaves"]
    assert words.SAID["based_one"].format(leaves=robots) in html
    taken = told["taken"]
    leaves = f"{', '.join(taken['leaves'][:3])} … {taken['last']}"
    assert words.SAID["based"].format(count=taken["count"], leaves=leaves) in html
    assert len(re.findall('class="based"', html)) > 12
    assert "data/exhibits/" in html
    assert all(assumption in unescape(html) for assumption in words.ASSUMPTIONS)


def test_the_share_of_the_catalogue_is_told_with_who_says_how_large_it_is(tmp_path: Path) -> None:
    scene(tmp_path / "evidence")
    (found,) = incidents(tmp_path / "evidence")
    without = unpacked(exported(tmp_path).path)
    assert "no share can be told" in without["data/analysis/report.en.html"].decode()
    for catalogue, said in (
        (Catalogue(612, "option"), "the operator said at the export"),
        (Catalogue(612, "sitemap " + "ab" * 32), "SHA-256 abababababababab…"),
    ):
        extras = Extras(catalogue=catalogue)
        out = export(tmp_path / "evidence", found.found, tmp_path / "more.zip", 30, keeping(), extras)
        html = unpacked(out.path)["data/analysis/report.en.html"].decode()
        assert "That is 50.0 % of the catalogue: 306 of 612 objects." in html
        assert said in html


def run(*arguments: str) -> str:
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 0, done.output
    return done.output


def test_expenses_price_and_catalogue_go_from_the_command_line_into_the_bundle(tmp_path: Path) -> None:
    scene(tmp_path / "evidence")
    config, sitemap = tmp_path / "scrapeguard.toml", tmp_path / "sitemap.xml"
    config.write_text('[evidence]\ndirectory = "evidence"\n')
    pages = "".join(f"<url><loc>https://shop.example/item/{n}</loc></url>" for n in range(400))
    sitemap.write_text(f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{pages}</urlset>')
    (found,) = incidents(tmp_path / "evidence")
    for amount, what in (("1200.50", "a notary"), ("90", "two hours of an engineer")):
        words = ("--amount", amount, "--currency", "EUR", "--what", what, "--config", str(config))
        run("expense", "add", found.found.id, *words)
    out = str(tmp_path / "case.zip")
    words = ("--licence-price", "0.05 EUR", "--catalogue", str(sitemap), "-e", str(tmp_path / "evidence"))
    run("export", found.found.id, "--out", out, *words)
    files = unpacked(Path(out))
    loss = json.loads(files["data/analysis/loss.json"])
    assert loss["expenses"] == {"EUR": "1290.50"}
    assert loss["licence"] == "15.30 EUR"
    assert (loss["catalogue"]["objects"], loss["catalogue_taken_per_mille"]) == (400, 765)
    assert set(loss["loads"]) == {"before", "during", "after"}
    html = files["data/analysis/report.en.html"].decode()
    for told in ("1290.50 EUR", "1200.50 EUR: a notary", "306 objects at 0.05 EUR", "76.5 % of the catalogue"):
        assert told in html, told
    assert len(loss["assumptions"]) == len(english.ASSUMPTIONS) == len(chinese.ASSUMPTIONS)


@pytest.mark.parametrize("given", ["nonsense", "index.xml"])
def test_what_is_no_catalogue_is_refused_in_a_sentence(tmp_path: Path, given: str) -> None:
    scene(tmp_path / "evidence")
    (tmp_path / "index.xml").write_text("<sitemapindex><sitemap><loc>https://x/</loc></sitemap></sitemapindex>")
    (found,) = incidents(tmp_path / "evidence")
    words = ("--catalogue", str(tmp_path / given), "-e", str(tmp_path / "evidence"))
    done = CliRunner().invoke(main, ["export", found.found.id, *words, "--out", str(tmp_path / "x.zip")])
    assert (done.exit_code, isinstance(done.exception, SystemExit)) == (2, True)
    assert "no number" in done.output or "lists no page" in done.output


@pytest.mark.parametrize("heading", ["How to check it", "如何核验"])
def test_the_readme_s_commands_run_as_they_are_written(tmp_path: Path, heading: str) -> None:
    scene(tmp_path / "evidence")
    authority = Authority(tmp_path / "tsa")
    with authority.serve() as url:
        bundle = exported(tmp_path, keeping(url, authority))
    bag = tmp_path / "bag"
    for name, data in unpacked(bundle.path).items():
        (bag / name).parent.mkdir(parents=True, exist_ok=True)
        (bag / name).write_bytes(data)
    text = (bag / "README.txt").read_text()
    pem = re.search(r"-----BEGIN PUBLIC KEY-----.*?END PUBLIC KEY-----", text, re.DOTALL)
    assert pem
    (bag / "KEY.pem").write_text("".join(f"{line.strip()}\n" for line in pem[0].splitlines()))
    given = r"^ {7}((?:sha256sum|openssl|bash|python) [^\n\\]*(?:\\\n.*)?)$"
    commands = re.findall(given, text.partition(heading)[2], re.MULTILINE)[:7]
    assert [each.split()[0] for each in commands] == ["sha256sum"] * 3 + ["openssl"] * 2 + ["bash", "python"]
    for command in commands:
        if not command.startswith(("sha256sum", "openssl pkeyutl", "openssl ts")):
            (bag / "KEY.pem").unlink(missing_ok=True)  # a file that no manifest lists
        words = command.replace("VKEY]", "").replace("[--witness", "").replace("VKEY", f"'{bundle.key}'")
        words = words.replace("ROOT.pem", str(authority.root)).replace("BUNDLE", str(bundle.path))
        words = re.sub(r"^python ", f"{sys.executable} ", words)
        done = subprocess.run(["bash", "-c", words], cwd=bag, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
    assert "ANCHORED" in done.stdout
