"""Which hosts serve their own assets: learnt from people, not to be learnt wrongly from robots."""

from scrapeguard.facts.site import CLIENTS, HOSTS, Sites
from scrapeguard.model import Resource

PAGE, ASSET = Resource.PAGE, Resource.ASSET


def visit(sites: Sites, client: str, *, assets: bool, host: str = "shop.example") -> bool | None:
    told = sites.learn(host, client, PAGE, "/")
    return sites.learn(host, client, ASSET, "/logo.png") if assets else told


def test_nothing_is_known_at_first_and_readers_with_assets_make_it_known() -> None:
    sites = Sites()
    assert [visit(sites, f"person-{n}", assets=True) for n in range(5)] == [None, None, None, True, True]
    assert sites.learn("other.example", "person-1", PAGE, "/") is None


def test_one_client_alone_teaches_nothing() -> None:
    sites = Sites()
    assert [visit(sites, "one", assets=True) for _ in range(1_000)][-1] is None


def test_a_favicon_is_no_sign_that_a_site_serves_its_own_assets() -> None:
    sites = Sites()
    for n in range(20):
        sites.learn("shop.example", f"person-{n}", PAGE, "/")
        assert sites.learn("shop.example", f"person-{n}", ASSET, "/favicon.ico") is None


def test_where_nobody_takes_assets_there_are_none() -> None:
    sites = Sites()
    told = [visit(sites, f"person-{n}", assets=False) for n in range(CLIENTS)]
    assert set(told[:-1]) == {None}
    assert told[-1] is False


def test_a_crowd_of_robots_afterwards_does_not_unlearn_it_while_people_still_come() -> None:
    sites = Sites()
    for n in range(10):
        visit(sites, f"person-{n}", assets=True)
    told = [visit(sites, f"client-{n}", assets=n % 10 == 0) for n in range(3 * CLIENTS)]
    assert set(told) == {True}


def test_made_up_hosts_take_no_memory_and_do_not_crowd_out_a_real_one() -> None:
    sites = Sites()
    for n in range(10 * HOSTS):
        visit(sites, f"robot-{n}", assets=False, host=f"{n}.example")
        assert len(sites._hosts) <= HOSTS
    for n in range(5):
        told = visit(sites, f"person-{n}", assets=True)
    assert told is True


def test_the_same_requests_give_the_same_answers() -> None:
    def story() -> list[bool | None]:
        sites = Sites()
        return [visit(sites, f"client-{n % 40}", assets=n % 3 == 0) for n in range(2_000)]

    assert story() == story()
