"""Sentinel: which server is the master just now; one sentinel after the other is asked, for every new connection."""

from redis.exceptions import ResponseError

from scrapeguard.errors import StoreUnavailable
from scrapeguard.stores.batch import unavailable
from scrapeguard.stores.lines import Lines, Node


class Sentinels:
    """The sentinels of one service."""

    def __init__(self, sentinels: list[Lines], service: str) -> None:
        self._order = sentinels  # who answered last comes first
        self._service = service

    async def master(self, again: bool) -> Node:
        """Host and port. `again`: whoever was named last is none; then another sentinel is asked first.

        Raises StoreUnavailable, with what the last sentinel said.
        """
        if again:
            self._order.append(self._order.pop(0))
        said = unavailable("no sentinel answered")
        for sentinel in list(self._order):
            try:
                (answer,) = await sentinel.ask(("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._service))
            except StoreUnavailable as error:
                said = error
                continue
            if isinstance(answer, list):
                self._order.remove(sentinel)
                self._order.insert(0, sentinel)
                host, port = answer
                return host.decode(), int(port)
            why = str(answer) if isinstance(answer, ResponseError) else f"Sentinel knows no master {self._service!r}"
            said = unavailable(why)
        raise said

    async def close(self) -> None:
        for sentinel in self._order:
            await sentinel.close()
