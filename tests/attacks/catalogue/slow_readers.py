"""Clients that do not read responses, each of which could occupy a backend connection."""
from functools import partial

from harness import gateway, http2, tls
from harness.assault import until_first_ends
from harness.bounds import holder_is_served
from harness.stage import Attack

STREAMS = 100
SMALLEST_BUFFER = 2048


async def over_http1(assault, connections, addresses, trickle=False):
    """One large response on each connection; the client reads nothing, or a little each second."""
    context = tls.context()
    request = f"GET {gateway.LARGE} HTTP/1.1\r\nHost: {tls.pki.HOST}\r\n\r\n".encode()

    async def once(number):
        async with assault.connection(context, assault.source(number % addresses), SMALLEST_BUFFER) as connection:
            assault.tally.requests += 1
            await connection.send(request)
            while True:
                await assault.pause(1)
                if trickle:
                    assault.tally.note_responses(await connection.receive())

    await assault.together(partial(once, number) for number in range(connections))


async def over_http2(assault, connections, path, trickle=0):
    """Streams with a window of zero, or one that opens by `trickle` bytes each second; closed streams are opened again."""
    context = tls.context(protocols=("h2",))
    block = http2.request_block("GET", path)

    async def once(number):
        async with assault.http2(context, assault.source(number), window=0) as client:
            await until_first_ends(client.receive(), send(client))

    async def send(client):
        while True:
            for _ in range(10):
                while len(client.open_streams) < min(STREAMS, client.stream_limit):
                    await client.connection.send(http2.headers(client.new_stream(), block))
                await assault.pause(0.1)
            if trickle:
                updates = (http2.window_update(stream, trickle) for stream in client.open_streams)
                await client.connection.send(b"".join(updates))

    await assault.together(partial(once, number) for number in range(connections))


def attacks():
    """Attacks over both versions of HTTP."""
    for addresses in (1, 20):
        origin = "one address" if addresses == 1 else f"{addresses} addresses"
        yield Attack(
            f"slow-readers-http1-{addresses}", f"210 HTTP/1.1 connections from {origin} that never read a response of 8 MiB",
            partial(over_http1, connections=210, addresses=addresses), (holder_is_served,),
        )
    yield Attack(
        "slow-readers-http1-trickle", "210 HTTP/1.1 connections that read a little of a response of 8 MiB each second",
        partial(over_http1, connections=210, addresses=20, trickle=True), (holder_is_served,),
    )
    for size, path in (("small", gateway.IGNORED), ("large", gateway.LARGE)):
        yield Attack(
            f"slow-readers-http2-{size}", f"4 HTTP/2 connections of 100 streams with window 0, {size} responses",
            partial(over_http2, connections=4, path=path), (holder_is_served,),
        )
    yield Attack(
        "slow-readers-http2-trickle", "4 HTTP/2 connections of 100 streams whose windows open by one byte each second",
        partial(over_http2, connections=4, path=gateway.LARGE, trickle=1), (holder_is_served,),
    )


ATTACKS = list(attacks())
