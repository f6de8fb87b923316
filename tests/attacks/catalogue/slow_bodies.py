"""Requests with slow or missing bodies, each of which could occupy a backend connection."""
from functools import partial

from harness import gateway, http2, tls
from harness.assault import until_first_ends
from harness.bounds import all_get, holder_is_served
from harness.stage import Attack

STREAMS = 100
# Below the body limit of the path.
LENGTH = 1_000_000
DRIP = 1.0
BURST = 64 * 1024


async def over_http2(assault, connections, burst=0, drip=1, certificate=None, length=LENGTH):
    """Connections of a hundred streams each; closed streams and connections are opened again."""
    path = gateway.REQUIRED if certificate else gateway.IGNORED
    context = tls.context(certificate and assault.keys.folder / certificate, ("h2",))
    fields = [("content-length", str(length))] if length else []
    block = http2.request_block("POST", path, *fields)

    async def once(number):
        async with assault.http2(context, assault.source(number)) as client:
            await until_first_ends(client.receive(), send(client))

    async def send(client):
        while True:
            # Ended streams are replaced, but not so fast that this becomes a flood of requests.
            for _ in range(int(DRIP / 0.1)):
                await refill(client)
                await assault.pause(0.1)
            drops = b"".join(client.data(stream, drip) for stream in client.open_streams) if drip else b""
            if drops:
                await client.connection.send(drops)

    async def refill(client):
        while len(client.open_streams) < min(STREAMS, client.stream_limit):
            stream = client.new_stream()
            await client.connection.send(http2.headers(stream, block, end_stream=False))
            left = burst
            while left and (piece := client.data(stream, left)):
                left -= len(piece) - 9
                await client.connection.send(piece)

    await assault.together(partial(once, number) for number in range(connections))


async def over_http1(assault, connections, addresses, expect=False, drip=True, certificate=None):
    """One request on each connection; a closed connection is opened again."""
    path = gateway.REQUIRED if certificate else gateway.IGNORED
    context = tls.context(certificate and assault.keys.folder / certificate)
    lines = [f"POST {path} HTTP/1.1", f"Host: {tls.pki.HOST}", f"Content-Length: {LENGTH}"]
    lines += ["Expect: 100-continue"] if expect else []
    head = "\r\n".join([*lines, "", ""]).encode()

    async def once(number):
        async with assault.connection(context, assault.source(number % addresses)) as connection:
            assault.tally.requests += 1
            await connection.send(head)
            await until_first_ends(receive(connection), send(connection))

    async def receive(connection):
        while True:
            assault.tally.note_responses(await connection.receive())

    async def send(connection):
        while True:
            await assault.pause(DRIP)
            if drip:
                await connection.send(b"x")

    await assault.together(partial(once, number) for number in range(connections))


def http2_attacks():
    """Attacks on two, three and eight connections, with each kind of slow body."""
    ways = {
        "dripping": ("bodies that drip", {}),
        "heads": ("heads whose bodies never come", {"drip": 0}),
        "burst": ("64 KiB of the body at once, and then drips", {"burst": BURST}),
    }
    for connections in (2, 3, 8):
        for way, (words, options) in ways.items():
            yield Attack(
                f"slow-bodies-http2-{connections}-{way}",
                f"{connections} anonymous HTTP/2 connections of 100 streams with {words}",
                partial(over_http2, connections=connections, **options), (holder_is_served,),
            )
    yield Attack(
        "slow-bodies-http2-8-steady", "8 anonymous HTTP/2 connections of 100 streams with bodies of 2 KiB a second",
        partial(over_http2, connections=8, drip=2048), (holder_is_served,),
    )
    yield Attack(
        "slow-bodies-http2-8-unknown-length", "8 anonymous HTTP/2 connections of 100 streams with bodies of unknown length that drip",
        partial(over_http2, connections=8, length=None), (holder_is_served,),
    )


def http1_attacks():
    """Attacks from one address and from twenty, with each kind of slow body."""
    for addresses in (1, 20):
        origin = "one address" if addresses == 1 else f"{addresses} addresses"
        yield Attack(
            f"slow-bodies-http1-{addresses}", f"210 anonymous HTTP/1.1 connections from {origin} with bodies that drip",
            partial(over_http1, connections=210, addresses=addresses), (holder_is_served,),
        )
        yield Attack(
            f"slow-bodies-http1-{addresses}-expect", f"210 anonymous HTTP/1.1 connections from {origin} with Expect: 100-continue and no body",
            partial(over_http1, connections=210, addresses=addresses, expect=True, drip=False), (holder_is_served,),
        )


def certificate_attacks():
    """Attacks on the path that requires a certificate, with a valid and with a revoked one."""
    for certificate, more in (("insider", ()), ("revoked", (all_get(403, 429, 503),))):
        pem = f"{certificate}.pem"
        bounds = (holder_is_served, *more)
        kind = "a valid" if certificate == "insider" else "a revoked"
        yield Attack(
            f"slow-bodies-http2-{certificate}", f"8 HTTP/2 connections with {kind} certificate, bodies that drip",
            partial(over_http2, connections=8, certificate=pem), bounds,
        )
        yield Attack(
            f"slow-bodies-http1-{certificate}", f"210 HTTP/1.1 connections with {kind} certificate, bodies that drip",
            partial(over_http1, connections=210, addresses=20, certificate=pem), bounds,
        )


ATTACKS = [*http2_attacks(), *http1_attacks(), *certificate_attacks()]
