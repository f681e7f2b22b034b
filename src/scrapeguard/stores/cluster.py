"""Redis Cluster: each subject is counted where its slot is, all nodes at the same time, one round trip to each.

A command is sent again only where a node said that it did not run it: the slot has moved (MOVED), is just moving (ASK),
or the script is not known there. What was not answered is not: it would count twice.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import AskError, ClusterDownError, MovedError, NoScriptError, ResponseError, TryAgainError

from scrapeguard.errors import ConfigError, StoreUnavailable
from scrapeguard.stores.batch import unavailable
from scrapeguard.stores.lines import Lines, Lost, Node, Script, Word
from scrapeguard.stores.urls import CONNECT_SECONDS, place_of, several

ROUNDS = 5  # in which a command may be sent on to where its slot is now


@dataclass(slots=True)
class Call:
    """One command for one slot, and what became of it."""

    slot: int
    words: tuple[Word, ...]
    script: Script | None = None
    asked: Node | None = None  # that takes it over just now (ASK)
    answer: object = None


class Cluster:
    """The masters of a cluster. Raises StoreUnavailable when one of those asked does not answer, or refuses."""

    apart = True  # the subjects of a request are counted on different nodes

    def __init__(self, url: str, timeout: float, lost: Lost) -> None:
        urls, path, _ = several(url)
        if path not in ("", "0"):
            raise ConfigError("store.url names a database; a cluster has only 0.", "Leave out what follows the hosts.")
        place = place_of(urls, timeout)
        if place.way.options.get("db"):
            raise ConfigError("store.url names a database; a cluster has only 0.", "Leave db= out.")
        self._lost = lost
        self._way, self._seeds = place.way, place.nodes
        self._nodes: dict[Node, Lines] = {}
        self._slots: list[Node | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        self._order = list(self._seeds)  # who is asked which node has which slots; those who did not answer come last
        self._stale = True
        self._looking = asyncio.Lock()

    async def command(self, *words: Word) -> object:
        """The answer to one command, from the node that has its first argument as a key."""
        call = Call(key_slot(str(words[1]).encode()), words)
        await self._through([call])
        return call.answer

    async def run(self, script: Script, keys: Sequence[bytes], shared: Sequence[Word], each: Sequence[bytes]) -> object:
        """As of one server; without `each` there is one key. All that is for one key is one call, in its order."""
        places: dict[bytes, list[int]] = {}
        for place, key in enumerate(keys):
            places.setdefault(key, []).append(place)
        calls = []
        for key, at in places.items():
            own = [each[place] for place in at] if each else []
            words = ("EVALSHA", script.digest, len(at), *[key] * len(at), *shared, *own)
            calls.append(Call(key_slot(key), words, script))
        await self._through(calls)
        if not each:
            return calls[0].answer
        answers: list[object] = [None] * len(keys)
        for call, at in zip(calls, places.values(), strict=True):
            assert isinstance(call.answer, list)
            for place, answer in zip(at, call.answer, strict=True):
                answers[place] = answer
        return answers

    async def close(self) -> None:
        for lines in self._nodes.values():
            await lines.close()

    async def _through(self, calls: list[Call]) -> None:
        """Have all calls answered."""
        for _ in range(ROUNDS):
            if self._stale:
                await self._look()
            by_node: dict[Node, list[Call]] = {}
            for call in calls:
                by_node.setdefault(self._node(call), []).append(call)
            done = await asyncio.gather(
                *(self._visit(it, some) for it, some in by_node.items()), return_exceptions=True
            )
            for each in done:
                if each is not None:
                    raise each
            calls = [call for call in calls if isinstance(call.answer, ResponseError)]
            if not calls:
                return
            if any(isinstance(call.answer, NoScriptError) for call in calls):
                await self._lost()
        raise unavailable("its slots kept moving")

    def _node(self, call: Call) -> Node:
        node = call.asked or self._slots[call.slot]
        if node is None:
            self._stale = True
            raise unavailable(f"no node of the cluster has the slot {call.slot}")
        return node

    async def _visit(self, node: Node, calls: list[Call]) -> None:
        """Send calls to a node in one round trip. What is to be sent again has an error as its answer."""
        asking = any(call.asked for call in calls)
        commands = [words for call in calls for words in ((("ASKING",), call.words) if asking else (call.words,))]
        try:
            answers = await self._at(node).ask(*commands)
        except StoreUnavailable:
            self._stale = True
            self._later(node)
            raise
        for call, answer in zip(calls, answers[1::2] if asking else answers, strict=True):
            call.asked, call.answer = None, answer
            if isinstance(answer, ResponseError):
                self._redirect(call, answer, node)

    def _redirect(self, call: Call, error: ResponseError, node: Node) -> None:
        """Turn a call to where it may be run. Raises StoreUnavailable for a refusal that will not change."""
        if isinstance(error, NoScriptError) and call.script is not None:
            call.words = ("EVAL", call.script.text, *call.words[2:])
        elif isinstance(error, MovedError):
            at = (error.host or node[0], error.port)
            self._slots[call.slot] = at
            self._order = [at, *(each for each in self._order if each != at)]  # who knows best
            self._stale = True
        elif isinstance(error, AskError):
            call.asked = (error.host or node[0], error.port)
        else:
            self._stale = self._stale or isinstance(error, ClusterDownError | TryAgainError)
            raise unavailable(str(error)) from error

    async def _look(self) -> None:
        """Learn which node has which slots, from the first that answers; the rest of the batch waits for the same."""
        async with self._looking:
            if not self._stale:
                return
            said = unavailable("no node of the cluster says which has which slots")
            for node in list(self._order):
                try:
                    async with asyncio.timeout(CONNECT_SECONDS):
                        (answer,) = await self._at(node).ask(("CLUSTER", "SLOTS"))
                except (StoreUnavailable, TimeoutError) as error:
                    said = error if isinstance(error, StoreUnavailable) else said
                    self._later(node)
                    continue
                if isinstance(answer, ResponseError):
                    raise unavailable(str(answer)) from answer
                await self._learn(answer, node)
                return
            raise said

    async def _learn(self, answer: object, asked: Node) -> None:
        """The answer to CLUSTER SLOTS: [first slot, last slot, [host, port, …] of the master, of replicas, …]."""
        assert isinstance(answer, list)
        slots: list[Node | None] = [None] * REDIS_CLUSTER_HASH_SLOTS
        found = list[Node]()
        for first, last, *nodes in answer:
            names = [((host or b"").decode() or asked[0], int(port)) for host, port, *_ in nodes]
            slots[first : last + 1] = [names[0]] * (last + 1 - first)
            found += names
        self._slots, self._stale = slots, False
        known = {*found, *self._seeds}
        self._order = [node for node in self._order if node in known]
        self._order += [node for node in dict.fromkeys(found) if node not in self._order]
        for node in [node for node in self._nodes if node not in known]:
            await self._nodes.pop(node).close()

    def _at(self, node: Node) -> Lines:
        lines = self._nodes.get(node)
        if lines is None:
            lines = self._nodes[node] = Lines(self._way, node)
        return lines

    def _later(self, node: Node) -> None:
        if node in self._order:
            self._order.remove(node)
            self._order.append(node)
