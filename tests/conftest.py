"""What tests of several parts share."""

from collections.abc import Iterator

import pytest
from servers import RedisServer, binaries
from several import Cluster, Watched


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--mutations", type=int, default=200, help="how many changed bytes a bundle is tried with")


@pytest.fixture(scope="session")
def redis_servers() -> Iterator[dict[str, RedisServer]]:
    """A running server of each kind that this machine has."""
    servers = {name: RedisServer(binary) for name, binary in binaries().items()}
    yield servers
    for server in servers.values():
        server.end()


@pytest.fixture(params=list(binaries()))
def redis_server(request: pytest.FixtureRequest, redis_servers: dict[str, RedisServer]) -> RedisServer:
    """Each of them in turn, emptied."""
    return redis_servers[request.param].emptied()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """Three masters and their replicas, for tests that kill nobody."""
    made = Cluster(next(iter(binaries().values())))
    yield made
    made.end()


@pytest.fixture(scope="session")
def watched() -> Iterator[Watched]:
    """A master and its replica, with sentinels, for tests that kill nobody."""
    made = Watched(next(iter(binaries().values())))
    yield made
    made.end()


@pytest.fixture
def own_server() -> Iterator[RedisServer]:
    """A server that the test may kill."""
    server = RedisServer(next(iter(binaries().values())))
    yield server
    server.end()
