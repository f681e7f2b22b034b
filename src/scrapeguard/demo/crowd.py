"""The passers-by: hundreds of people, each from an address of their own, who look at a mineral and go.

They are what a busy site has, and what any guess about who is who is measured against: the more strangers are on
record, the smaller can be the chance, as it is shown, that a link between two addresses joins strangers.
"""

import asyncio
from dataclasses import replace

from scrapeguard.demo.browser import Browser, Engine, chromium, firefox, phone
from scrapeguard.demo.people import LINUX, MAC, WINDOWS, Role
from scrapeguard.demo.site import ITEMS
from scrapeguard.demo.visitor import Visitor

PEOPLE = 400
EVERY = 0.026  # seconds from one to the next
SYSTEMS = (WINDOWS, MAC, LINUX)


def _engine(number: int) -> Engine:
    """The browser of one of them."""
    system = SYSTEMS[number // 4 % 3]
    return (chromium(system), firefox(system), phone(), chromium(system, 155))[number % 4]


async def crowd(visitor: Visitor) -> None:
    """All of them, one after the other, each opening one page with what belongs to it; counted together."""

    async def one(number: int) -> None:
        await asyncio.sleep(number * EVERY)
        person = replace(visitor, address=f"127.{32 + number // 4}.{number * 37 % 250}.{1 + number * 59 % 250}")
        try:
            await Browser(person, _engine(number)).open(f"/item/{1 + number * 211 % ITEMS}")
        finally:
            person.close()

    async with asyncio.TaskGroup() as group:
        for number in range(PEOPLE):
            group.create_task(one(number))


PASSERS_BY = Role("passers-by", "person", f"are {PEOPLE} people, who look at a mineral each", "127.32.0.1", crowd)
