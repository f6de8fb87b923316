"""Idle connections."""
import asyncio
import contextlib
from functools import partial

from harness import tls
from harness.bounds import connections_are_capped_below, holder_is_served
from harness.stage import Attack

CONNECTIONS = 3000
AT_A_TIME = 50


async def idle(assault, handshake):
    """Opens connections from one address and keeps them open; closed ones are not reopened."""
    context = tls.context()
    loop = asyncio.get_running_loop()
    places = asyncio.Semaphore(AT_A_TIME)

    async def shaken():
        async with contextlib.AsyncExitStack() as stack:
            async with places:
                connection = await stack.enter_async_context(assault.connection(context, assault.source()))
            await connection.receive()

    async def silent():
        async with places:
            client = tls.new_socket(assault.source())
            await loop.sock_connect(client, assault.address)
        assault.note_opened()
        try:
            await loop.sock_recv(client, 1)
        finally:
            assault.note_closed()
            client.close()

    async def one():
        try:
            async with asyncio.timeout_at(assault.until):
                await (shaken() if handshake else silent())
        except tls.FAILURES as failure:
            if assault.is_on():
                assault.tally.failures[type(failure).__name__] += 1

    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))


ATTACKS = [
    Attack(
        f"idle-connections{suffix}", f"{CONNECTIONS} idle connections from one address, {words}",
        partial(idle, handshake=handshake), (holder_is_served, connections_are_capped_below(CONNECTIONS)),
    )
    for suffix, words, handshake in (("", "after their handshakes", True), ("-silent", "without a handshake", False))
]
