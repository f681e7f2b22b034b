"""`robots` answers whether an agent may fetch a path, and which line says so, one question or many."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from scrapeguard.cli.robots import robots

GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
FILE = "User-agent: Googlebot\nDisallow: /g\n\nUser-agent: *\nDisallow: /x\nAllow: /x/y\n"


def run(*arguments: str, lines: bytes = b"") -> Result:
    return CliRunner().invoke(robots, arguments, input=lines, catch_exceptions=False)


def ask(folder: Path, agent: str, path: str) -> dict[str, object]:
    (folder / "r.txt").write_text(FILE)
    told = run(agent, path, "--json", "--file", str(folder / "r.txt"))
    assert told.exit_code == 0
    answer = json.loads(told.output)
    assert isinstance(answer, dict)
    return answer


def test_the_answer_names_the_line_and_the_group(tmp_path: Path):
    assert ask(tmp_path, "AnyBot", "/x/1") == {
        "agent": "AnyBot", "path": "/x/1", "allowed": False, "group": "*", "line": 5, "rule": "Disallow: /x",
    }  # fmt: skip
    assert ask(tmp_path, "AnyBot", "/x/y")["rule"] == "Allow: /x/y"
    assert ask(tmp_path, "AnyBot", "/")["line"] is None
    told = run("AnyBot", "/x", "--file", str(tmp_path / "r.txt"))
    assert told.output == "AnyBot must not fetch /x: line 5: Disallow: /x (the group of *).\n"


@pytest.mark.parametrize("agent", ["googlebot", "Googlebot/2.1", GOOGLEBOT])
def test_a_whole_user_agent_obeys_the_group_of_its_token(tmp_path: Path, agent: str):
    assert ask(tmp_path, agent, "/g")["allowed"] is False
    assert ask(tmp_path, agent, "/x")["allowed"] is True


@pytest.mark.parametrize("path", ["https://shop.example/x?a#b", "https://shop.example:8080/x", "/x#/x/y", "/%78"])
def test_a_url_is_taken_for_its_path(tmp_path: Path, path: str):
    assert ask(tmp_path, "AnyBot", path)["allowed"] is False
    assert ask(tmp_path, "AnyBot", "https://shop.example")["allowed"] is True


def test_the_configuration_answers_for_each_host(tmp_path: Path):
    (tmp_path / "shop.txt").write_text(FILE)
    (tmp_path / "c.toml").write_text('[notices]\nhosts = { "shop.example" = "shop.txt" }\n[facts]\ntraps = []\n')
    for url, allowed in (("https://shop.example:8443/x", False), ("https://other.example/x", True), ("/x", True)):
        told = run("AnyBot", url, "--json", "--config", str(tmp_path / "c.toml"))
        assert json.loads(told.output)["allowed"] is allowed
    assert "must not fetch" in run("GPTBot", "/item/7").output


def test_a_batch_answers_each_line_in_order(tmp_path: Path):
    (tmp_path / "r.txt").write_text(FILE)
    name = str(tmp_path / "r.txt")
    asked = [{"file": name, "agent": "AnyBot", "path": path, "id": path} for path in ("/x", "/x/y", "//x", "/é")]
    told = run("--batch", lines="\n".join(map(json.dumps, asked)).encode() + b"\n\n")
    assert told.exit_code == 0
    answers = [json.loads(line) for line in told.output.splitlines()]
    assert answers == [it | {"allowed": allowed} for it, allowed in zip(asked, (False, True, True, True), strict=True)]


def test_a_bad_line_is_told_and_the_others_are_answered(tmp_path: Path):
    (tmp_path / "r.txt").write_text(FILE)
    good = json.dumps({"file": str(tmp_path / "r.txt"), "agent": "AnyBot", "path": "/x"}).encode()
    bad = [
        b"{", b"[]", b"3", b"\xff", b"[" * 100_000, b'{"file": 1, "agent": "a", "path": "/"}', b'{"agent": "a"}',
        b'{"file": "/missing", "agent": "a", "path": "/"}', b'{"file": "/", "agent": "a", "path": "/"}',
        b'{"file": "a\\u0000b", "agent": "a", "path": "/"}', good.replace(b'"/x"', b'"x"'),
    ]  # fmt: skip
    told = run("--batch", lines=b"\n".join([*bad, good]))
    answers = [json.loads(line) for line in told.output.splitlines()]
    assert told.exit_code == 2
    assert ["error" in it for it in answers] == [True] * len(bad) + [False]
    assert answers[-1]["allowed"] is False


def test_half_characters_do_no_harm(tmp_path: Path):
    (tmp_path / "r.txt").write_text(FILE)
    line = json.dumps({"file": str(tmp_path / "r.txt"), "agent": "\ud800", "path": "/\udcff\ud83d"}).encode()
    assert json.loads(run("--batch", lines=line).output)["allowed"] is True


def test_a_file_cannot_write_to_the_terminal(tmp_path: Path):
    (tmp_path / "r.txt").write_bytes(b"User-agent: *\nDisallow: /x\x1b[31m*\nDisallow: /\n")
    assert "\x1b" not in run("a\x1bb", "/x\x1b[31m", "--file", str(tmp_path / "r.txt")).output


@pytest.mark.parametrize(
    "arguments", [(), ("AnyBot",), ("AnyBot", "/", "--file", "a", "--config", "b"), ("AnyBot", "/", "--batch")]
)
def test_half_a_question_is_refused(arguments: tuple[str, ...]):
    assert run(*arguments).exit_code == 2
