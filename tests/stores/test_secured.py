"""Sentinel and Cluster with nothing left open: TLS and certificates on both sides, and users who may do little."""

import gc
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from programs import program
from several import ADMIN, MAY, PASSWORD, USER, WORD, Cluster, Node, Secrets, Watched, ports
from test_several import PLAN, drive, survive
from traffic import START, feed, request

from scrapeguard.cli import main
from scrapeguard.errors import StoreUnavailable
from scrapeguard.model import Rung
from scrapeguard.stores.redis import RedisStore
from scrapeguard.stores.urls import place_of

DOCS = Path(__file__).parent.parent.parent / "docs" / "operating.md"


# A line over TLS may outlive its event loop by a moment, where that ends at once, as doctor's does.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")


@pytest.fixture(scope="module", autouse=True)
def _let_nobody_else_hear_of_it() -> Iterator[None]:
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    return Secrets.made(tmp_path_factory.mktemp("secrets"))


@pytest.fixture(scope="module")
def secured_cluster(secrets: Secrets) -> Iterator[Cluster]:
    made = Cluster(program("redis-server"), secrets)
    yield made
    made.end()


@pytest.fixture(scope="module")
def secured_watched(secrets: Secrets) -> Iterator[Watched]:
    made = Watched(program("redis-server"), secrets)
    yield made
    made.end()


@pytest.fixture(scope="module")
def secured(secrets: Secrets) -> Iterator[Node]:
    """One server by itself."""
    made = Node.secured(program("redis-server"), ports(1)[0], secrets)
    yield made
    made.end()


@pytest.fixture(params=["secured", "secured_cluster", "secured_watched"])
def url(request: pytest.FixtureRequest, secrets: Secrets) -> str:
    """Of each of them in turn."""
    made: Node | Cluster | Watched = request.getfixturevalue(request.param)
    return secrets.url("rediss", f"127.0.0.1:{made.door}") if isinstance(made, Node) else made.url


async def everything(store: RedisStore) -> None:
    """All that a guard asks of a store."""
    assert (await feed(store, PLAN, [request()] * 3))[0] == 3
    assert (await store.place("address:192.0.2.9", Rung.BLOCK, 60, START)).rung is Rung.BLOCK
    assert (await store.observe(request(address="192.0.2.9"), PLAN)).standing.rung is Rung.BLOCK
    assert [await store.spend("once", 60, START) for _ in range(2)] == [True, False]
    assert (await store.about()).endswith(" answers.")


def test_all_that_a_store_does_is_done_over_tls_by_a_user_who_may_do_no_more(url: str) -> None:
    drive(url, everything)


def test_the_rights_that_the_manual_names_are_those_that_are_enough() -> None:
    text = " ".join(DOCS.read_text("utf-8").split())
    assert f"on >… {' '.join(MAY)}" in text
    assert "-@all +sentinel|get-master-addr-by-name" in text


def test_a_secured_master_that_dies_under_load_loses_no_request(secrets: Secrets) -> None:
    watched = Watched(program("redis-server"), secrets)
    try:
        old = watched.master()
        survive(watched.url, old.kill)
        assert watched.master() is not old
    finally:
        watched.end()


def doctor(folder: Path, url: str, command: str = "doctor") -> Result:
    file = folder / "scrapeguard.toml"
    file.write_text(f'[store]\nurl = "{url}"\n[evidence]\ndirectory = ""\n', "utf-8")
    return CliRunner().invoke(main, ["check", str(file)] if command == "check" else ["doctor", "--config", str(file)])


Change = Callable[[str], str]
FAULTS: dict[str, tuple[Change, str]] = {
    "a wrong password": (lambda url: url.replace("pass%2F", "pass%2E"), "Look at user and password"),
    "no password": (lambda url: url.replace(url.partition("://")[2].partition("@")[0] + "@", ""), "Look at user and"),
    "another CA": (lambda url: url.replace("cert.pem", "other/cert.pem", 1), "Let ssl_ca_certs"),
    "no certificate": (lambda url: url.replace("ssl_certfile", "ssl_ca_certs").replace("ssl_keyfile", "ssl_ca_certs"),
                       "ssl_certfile"),
    "no TLS": (lambda url: "redis" + url.removeprefix("rediss").partition("?")[0], "is it rediss:// that is spoken"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_doctor_says_what_is_wrong_and_tells_no_password(
    fault: str, url: str, secrets: Secrets, tmp_path: Path
) -> None:
    other = Path(secrets.cert).parent / "other"
    other.mkdir(exist_ok=True)
    Secrets.made(other)
    change, advice = FAULTS[fault]
    assert change(url) != url
    done = doctor(tmp_path, change(url))
    assert done.exit_code == 1
    said = next(line for line in done.output.splitlines() if " store " in line)
    assert said.startswith("fail")
    assert len(said) < 300
    assert advice in done.output
    for secret in ("pass%2", PASSWORD, WORD, "sen%26", ADMIN):
        assert secret not in said
    assert doctor(tmp_path, url).exit_code == 0


@pytest.mark.parametrize("change", [("=sen%26", "=x"), ("&sentinel_username=asker&sentinel_password=sen%26tinel", "")])
def test_sentinels_have_a_password_of_their_own(
    change: tuple[str, str], secured_watched: Watched, tmp_path: Path
) -> None:
    url = secured_watched.url
    assert change[0] in url
    done = doctor(tmp_path, url.replace(*change))
    assert done.exit_code == 1
    assert "sentinel_username and sentinel_password" in done.output


def test_tls_at_a_port_that_speaks_none_is_told(secured: Node, secrets: Secrets, tmp_path: Path) -> None:
    done = doctor(tmp_path, secrets.url("rediss", f"127.0.0.1:{secured.port}"))
    assert done.exit_code == 1
    assert "redis:// without TLS" in done.output


def test_a_user_who_may_too_little_is_told(secured: Node, secrets: Secrets, tmp_path: Path) -> None:
    secured.ask("ACL", "SETUSER", USER, "-info", "-hmget")
    try:
        url = secrets.url("rediss", f"127.0.0.1:{secured.door}")
        assert "Look at the ACL of this user" in doctor(tmp_path, url).output

        async def story(store: RedisStore) -> None:
            with pytest.raises(StoreUnavailable) as caught:
                await store.observe(request(), PLAN)
            assert "ACL" in caught.value.hint

        drive(url, story)
    finally:
        secured.ask("ACL", "SETUSER", USER, "+info", "+hmget")


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("ssl_ca_certs=/none.pem", "/none.pem"),
        ("ssl_ca_certs=/etc/hostname", "/etc/hostname"),
        ("ssl_certfile=/none.pem", "ssl_certfile=/none.pem"),
        ("ssl_cert_reqs=perhaps", "cannot be read"),
        ("sentinel_colour=red", "sentinel_colour, which is not known"),
    ],
)
def test_check_tells_what_cannot_be_before_anybody_connects(query: str, told: str, tmp_path: Path) -> None:
    done = doctor(tmp_path, f"rediss+sentinel://me:hunter2@127.0.0.1:1/mymaster?{query}", "check")
    assert done.exit_code == 2, done.output
    assert told in done.output
    assert "hunter2" not in done.output


def test_a_certificate_for_another_host_is_believed_only_where_store_url_says_so(
    secured: Node, secrets: Secrets, tmp_path: Path
) -> None:
    """Whoever has a certificate of the same CA is not by that the store."""
    url = secrets.url("rediss", f"127.0.0.2:{secured.door}")
    secured.ask("CONFIG", "SET", "bind", "127.0.0.1 127.0.0.2")
    try:
        assert "IP address mismatch" in doctor(tmp_path, url).output
        assert doctor(tmp_path, f"{url}&ssl_check_hostname=false").exit_code == 0
    finally:
        secured.ask("CONFIG", "SET", "bind", "127.0.0.1")


def test_certificates_are_read_once_and_not_for_each_connection(secrets: Secrets) -> None:
    """It takes longer than a visitor waits for a store."""
    way = place_of([secrets.url("rediss", "127.0.0.1:1")], 0.05).way
    lines = [way.line(), way.line(("127.0.0.1", 2))]
    assert len({id(line._connection_arguments()["ssl"]) for line in lines}) == 1  # type: ignore[attr-defined]
