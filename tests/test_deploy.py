"""The files in config/deploy that no test can run: their form, by schemas of others, their settings and commands.

nginx, Caddy, HAProxy and Apache are run with theirs in tests/doors.
"""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes_validate import utils as kubernetes
from programs import program

from scrapeguard import config, parts
from scrapeguard.cli.auth import auth
from scrapeguard.cli.proxy import proxy
from scrapeguard.doors.forward_auth import demand_proxies

DEPLOY = Path(__file__).parent.parent / "config" / "deploy"
PROGRAM = Path(sys.executable).with_name("scrapeguard")
NOTICES = {"/.well-known/tdmrep.json", "/.well-known/security.txt", "/terms"}
TOLD = ["X-SG-Verdict", "X-SG-Client", "X-SG-Score", "X-SG-Request-Id"]


def load(name: str) -> list[Any]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text("utf-8")))


def is_a_command(words: list[str]) -> None:
    """Whether our command line takes these words. Raises click's error."""
    command = {"auth": auth, "proxy": proxy}[words[0]]
    command.make_context(words[0], words[1:])


@pytest.fixture
def unit() -> str:
    return (DEPLOY / "scrapeguard.service").read_text("utf-8")


def test_the_unit_starts_what_there_is(unit: str) -> None:
    commands = re.findall(r"ExecStart=/opt/scrapeguard/bin/scrapeguard (.*?)(?: …)?$", unit, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        is_a_command(command.split())


def test_the_unit_is_valid_and_exposes_little(unit: str, tmp_path: Path) -> None:
    file = tmp_path / "scrapeguard.service"
    file.write_text(unit.replace("/opt/scrapeguard/bin/scrapeguard", str(PROGRAM)), "utf-8")
    for words in (["verify"], ["security", "--offline=true", "--threshold=20"]):
        done = subprocess.run(
            [program("systemd-analyze"), *words, str(file)], capture_output=True, text=True, timeout=30, check=False
        )
        said = [line for line in (done.stdout + done.stderr).splitlines() if "scrapeguard.service" in line]
        assert done.returncode == 0, said
        assert words != ["verify"] or not said


def test_the_settings_in_the_unit_in_kubernetes_and_in_compose_are_valid(unit: str) -> None:
    (settings_map, *_) = load("kubernetes.yaml")
    (compose,) = load("compose.yaml")
    commented = unit.partition("says at least:\n")[2].partition("\n\n")[0].replace("#   ", "")
    for text in (commented, settings_map["data"]["scrapeguard.toml"]):
        settings = config.load(tomllib.loads(text))
        parts.examine(settings)
        demand_proxies(settings)
    parts.examine(config.load(tomllib.loads(compose["configs"]["guard"]["content"])))


def test_kubernetes_probes_what_is_answered_and_runs_nobody_as_root() -> None:
    documents = {it["kind"]: it for it in load("kubernetes.yaml")}
    pod = documents["StatefulSet"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    is_a_command(container["args"])
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"] == {"path": "/healthz", "port": "auth"}
    assert container["args"][2] == f":{container['ports'][0]['containerPort']}"
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    mounts = {it["name"] for it in container["volumeMounts"]}
    claims = {it["metadata"]["name"] for it in documents["StatefulSet"]["spec"]["volumeClaimTemplates"]}
    assert mounts == claims | {it["name"] for it in pod["spec"]["volumes"]}
    labels = pod["metadata"]["labels"]
    assert documents["StatefulSet"]["spec"]["selector"]["matchLabels"] == labels
    assert documents["Service"]["spec"]["selector"] == labels
    assert documents["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    assert documents["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"] == labels


@pytest.mark.parametrize("place", [0, -1])
def test_kubernetes_takes_the_manifest_whole(place: int) -> None:
    """By the schemas of its API, in which nothing else is allowed: those of its oldest version here, and its newest."""
    version = kubernetes.all_versions()[place]
    documents = {it["kind"]: it for it in load("kubernetes.yaml")}
    for document in documents.values():
        kubernetes.validate(document, version, strict=True)
    (container,) = documents["StatefulSet"]["spec"]["template"]["spec"]["containers"]
    container["readynessProbe"] = container.pop("readinessProbe")
    with pytest.raises(kubernetes.ValidationError, match="readynessProbe"):
        kubernetes.validate(documents["StatefulSet"], version, strict=True)


@pytest.mark.parametrize(("wrong", "valid"), [("", True), ("cap_drop:", False)])
def test_compose_takes_the_file_whole(wrong: str, valid: bool, tmp_path: Path) -> None:
    """By the schema of the Compose specification."""
    file = tmp_path / "compose.yaml"
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    file.write_text(text.replace(wrong, f"x{wrong}") if wrong else text, "utf-8")
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode == 0) is valid, done.stdout + done.stderr


def test_compose_names_only_what_it_has() -> None:
    (compose,) = load("compose.yaml")
    guard = compose["services"]["scrapeguard"]
    is_a_command(guard["command"])
    assert set(guard["depends_on"]) < set(compose["services"])
    assert guard["configs"] == [{"source": "guard", "target": guard["command"][-1]}]
    assert [it.split(":")[0] for it in guard["volumes"]] == list(compose["volumes"])


@pytest.mark.parametrize(("name", "pattern"), [("traefik.yaml", r"#notices:\n    #  rule.*?\n    #  service"),
                                                ("envoy.yaml", r"#- match: .*?disabled: true")])  # fmt: skip
def test_the_lines_for_more_notices_in_what_we_cannot_run_can_be_switched_on(name: str, pattern: str) -> None:
    text = (DEPLOY / name).read_text("utf-8")
    on, count = re.subn(pattern, lambda found: re.sub(r"(^|\n *)#", r"\1", found[0]), text, flags=re.DOTALL)
    assert count == 1
    whole = yaml.safe_load(on)
    if name == "traefik.yaml":
        routers = whole["http"]["routers"]
        assert set(re.findall("`(.*?)`", routers["notices"]["rule"])) == NOTICES
        assert routers["notices"]["service"] == routers["robots"]["service"] == "scrapeguard"
        return
    manager = whole["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    robots, added, *_ = manager["route_config"]["virtual_hosts"][0]["routes"]
    assert {key: added[key] for key in added if key != "match"} == {
        key: robots[key] for key in robots if key != "match"
    }
    regex = added["match"]["safe_regex"]["regex"]
    assert all(re.fullmatch(regex, path) for path in NOTICES)
    assert not re.fullmatch(regex, "/.well-known/securityxtxt")


def test_traefik_asks_and_hands_on_all_that_is_told() -> None:
    (traefik,) = load("traefik.yaml")
    asked = traefik["http"]["middlewares"]["scrapeguard"]["forwardAuth"]
    assert asked["address"].endswith("/check?mode=generic")
    assert asked["trustForwardHeader"] is False
    assert asked["authResponseHeaders"] == TOLD
    routers, services = traefik["http"]["routers"], traefik["http"]["services"]
    assert {it["service"] for it in routers.values()} == set(services)
    assert [name for name, it in routers.items() if "scrapeguard" in it.get("middlewares", [])] == ["site"]


def test_envoy_asks_under_its_prefix_fails_closed_and_hands_on_all_that_is_told() -> None:
    (envoy,) = load("envoy.yaml")
    manager = envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    asked = manager["http_filters"][0]["typed_config"]
    assert asked["http_service"]["path_prefix"] == "/envoy"
    assert asked["failure_mode_allow"] is False
    told = [
        it["exact"] for it in asked["http_service"]["authorization_response"]["allowed_upstream_headers"]["patterns"]
    ]
    assert told == [name.lower() for name in TOLD]
    (mutation,) = manager["early_header_mutation_extensions"]
    assert {it["remove"] for it in mutation["typed_config"]["mutations"]} >= set(told)
    clusters = {it["name"] for it in envoy["static_resources"]["clusters"]}
    (host,) = manager["route_config"]["virtual_hosts"]
    assert {it["route"]["cluster"] for it in host["routes"]} == clusters
