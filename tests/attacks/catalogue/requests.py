"""Valid requests, as many as the gateway accepts."""
from functools import partial

from harness import gateway, http2, tls
from harness.assault import until_first_ends
from harness.bounds import holder_is_served
from harness.stage import Attack

CONNECTIONS = 8
STREAMS = 100


async def endless(assault, certificate=None):
    """Endless requests without bodies on eight HTTP/2 connections."""
    context = tls.context(certificate and assault.keys.folder / certificate, ("h2",))
    block = http2.request_block("GET", gateway.REQUIRED if certificate else gateway.IGNORED)

    async def once(number):
        async with assault.http2(context, assault.source(number)) as client:
            await until_first_ends(client.receive(), send(client))

    async def send(client):
        while True:
            missing = min(STREAMS, client.stream_limit) - len(client.open_streams)
            if missing > 0:
                await client.connection.send(b"".join(http2.headers(client.new_stream(), block) for _ in range(missing)))
            await assault.pause(0.005)

    await assault.together(partial(once, number) for number in range(CONNECTIONS))


ATTACKS = [
    Attack(
        "requests-anonymous", f"{CONNECTIONS} anonymous HTTP/2 connections with endless requests",
        endless, (holder_is_served,),
    ),
    Attack(
        "requests-insider", f"{CONNECTIONS} HTTP/2 connections with a valid certificate and endless requests",
        partial(endless, certificate="insider.pem"), (holder_is_served,),
    ),
]
