"""Handshakes, and chains that are costly to verify."""
import asyncio
from functools import partial

from harness import forged, gateway, http2, tls
from harness.assault import until_first_ends
from harness.bounds import holder_is_served, latency_grows_at_most
from harness.stage import Attack

HELLOS_AT_A_TIME = 64
CONNECTIONS = 60
STREAMS = 100
CHAINS = 800


async def hellos(assault, addresses):
    """ClientHellos whose senders read the first flight of the server and disconnect."""
    hello = tls.client_hello()
    loop = asyncio.get_running_loop()

    async def once(number):
        client = tls.new_socket(assault.source(number % addresses))
        try:
            await loop.sock_connect(client, assault.address)
            await loop.sock_sendall(client, hello)
            assault.tally.requests += 1
            assault.tally.connected += 1
            if not await loop.sock_recv(client, tls.BLOCK):
                assault.tally.failures["closed"] += 1
        except OSError as failure:
            assault.tally.failures[type(failure).__name__] += 1
            await assault.pause(0.01)
        finally:
            client.close()

    async def client(number):
        while assault.is_on():
            try:
                async with asyncio.timeout(10):
                    await once(number)
            except TimeoutError:
                assault.tally.failures["TimeoutError"] += 1

    await asyncio.gather(*(client(number) for number in range(HELLOS_AT_A_TIME)))


def prepare_chains(folder, _keys):
    """More chains than the gateway can validate during the attack."""
    list(forged.costly_chains(folder / "presented", CHAINS))


async def costly_chains(assault):
    """A hundred requests on each connection, each connection with another chain to validate."""
    waiting = sorted((assault.folder / "presented").iterdir())
    block = http2.request_block("GET", gateway.REQUIRED)

    async def once(number):
        if not waiting:
            return await assault.pause(3600)
        context = tls.context(waiting.pop(), ("h2",))
        async with assault.http2(context, assault.source(number)) as client:
            await until_first_ends(client.receive(), send(client))

    async def send(client):
        batch = b"".join(http2.headers(client.new_stream(), block) for _ in range(STREAMS))
        await client.connection.send(batch)
        while client.open_streams:
            await assault.pause(0.02)

    await assault.together(partial(once, number) for number in range(CONNECTIONS))


def attacks():
    """Attacks from one address and from many."""
    for addresses in (1, 20):
        origin = "one address" if addresses == 1 else f"{addresses} addresses"
        yield Attack(
            f"hellos-{addresses}", f"{HELLOS_AT_A_TIME} ClientHellos at a time from {origin}",
            partial(hellos, addresses=addresses), (holder_is_served, latency_grows_at_most(5)), with_probe=True,
        )
    yield Attack(
        "costly-chains", f"{CONNECTIONS} HTTP/2 connections of {STREAMS} streams with distinct forged P-521 chains",
        costly_chains, (holder_is_served,), prepare_chains,
    )


ATTACKS = list(attacks())
