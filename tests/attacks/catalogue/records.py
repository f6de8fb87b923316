"""Requests that are short on the wire and could be long in the audit log and the log."""
import itertools
from functools import partial

from harness import forged, gateway, http2, tls
from harness.assault import until_first_ends
from harness.bounds import holder_is_served, memory_grows_at_most, written_per_byte, written_per_request
from harness.stage import Attack

CONNECTIONS = 4
BATCH = 20
MOST_OUTSTANDING = 200
# Fits into the dynamic table of 4,096 bytes with the name and an overhead of 32 bytes (RFC 7541 4.1).
LONG = 3900
# 100 streams each: more than the 16,384 records that the queue can reserve.
PLACE_CONNECTIONS = 180
PLACE_ADDRESSES = 8


def prepare_certificate(folder, _keys, letter):
    """The self-signed certificate with long names."""
    forged.with_long_names(folder / "long-names.pem", letter)


async def pipelined(assault, changing=False):
    """HTTP/1.1 requests with the forged certificate, sent without waiting for responses; no two alike if `changing`."""
    context = tls.context(assault.folder / "long-names.pem")
    numbers = itertools.count()

    def batch():
        paths = (in_letter_cases(next(numbers)) if changing else gateway.REQUIRED for _ in range(BATCH))
        requests = (f"GET {path} HTTP/1.1\r\nHost: {tls.pki.HOST}\r\n\r\n" for path in paths)
        return "".join(requests).encode()

    tally = assault.tally

    async def once(number):
        outstanding = 0

        async def send():
            nonlocal outstanding
            while True:
                if outstanding > MOST_OUTSTANDING:
                    await assault.pause(0.01)
                    continue
                content = batch()
                await connection.send(content)
                outstanding += BATCH
                tally.requests += BATCH
                tally.request_bytes += len(content)

        async def receive():
            nonlocal outstanding
            while True:
                # Two statements, because `outstanding -= … await …` would read the count before the wait.
                content = await connection.receive()
                outstanding -= tally.note_responses(content)

        async with assault.connection(context, assault.source(number)) as connection:
            await until_first_ends(send(), receive())

    await assault.together(partial(once, number) for number in range(CONNECTIONS))


def in_letter_cases(number):
    """The path of REQUIRED in another letter case for each number; the gateway treats them as one path."""
    letters = (letter.upper() if number >> place & 1 else letter for place, letter in enumerate(reversed(gateway.REQUIRED)))
    return "".join(reversed(list(letters)))


async def indexed(assault, name):
    """HTTP/2 requests in which one octet stands for a long pseudo-header field."""
    context = tls.context(protocols=("h2",))
    values = {":method": "M" * LONG, ":authority": "a" * LONG, ":path": "/" + "p" * (LONG - 1)}
    usual = {":method": "GET", ":scheme": "https", ":authority": tls.pki.HOST, ":path": gateway.IGNORED}
    others = b"".join(http2.field(*pair) for pair in usual.items() if pair[0] != name)
    first = http2.remembered_field(name, values[name]) + others
    following = http2.NEWEST_FIELD + others

    async def once(number):
        async with assault.http2(context, assault.source(number)) as client:
            await until_first_ends(client.receive(), send(client))

    async def send(client):
        block = first
        while True:
            batch = b""
            while len(client.open_streams) < min(100, client.stream_limit):
                batch += http2.headers(client.new_stream(), block)
                block = following
            assault.tally.request_bytes += len(batch)
            if batch:
                await client.connection.send(batch)
            await assault.pause(0.005)

    await assault.together(partial(once, number) for number in range(CONNECTIONS))


def prepare_forged(folder, _keys):
    """A forged certificate of usual size."""
    forged.with_long_names(folder / "forged.pem", "x", 20)


async def places(assault):
    """Requests in progress from eight addresses with a forged certificate, each of which reserves an audit record."""
    context = tls.context(assault.folder / "forged.pem", ("h2",))
    block = http2.request_block("POST", gateway.IGNORED, ("content-length", "1000000"))

    async def once(number):
        async with assault.http2(context, assault.source(number % PLACE_ADDRESSES)) as client:
            await until_first_ends(client.receive(), send(client))

    async def send(client):
        while True:
            missing = min(100, client.stream_limit) - len(client.open_streams)
            heads = (http2.headers(client.new_stream(), block, end_stream=False) for _ in range(missing))
            if missing > 0:
                await client.connection.send(b"".join(heads))
                assault.tally.requests += missing
            await assault.pause(0.2)

    await assault.together(partial(once, number) for number in range(PLACE_CONNECTIONS))


def attacks():
    """Attacks on an audit file and on sinks that are never read."""
    letters = {"ascii": "x", "control": "\x01", "quotes": '"', "beyond-ascii": "\u0430"}
    for key, letter in letters.items():
        yield Attack(
            f"records-certificate-{key}", f"pipelined requests with a forged certificate whose names are 30 KB of {letter!r}",
            pipelined, (holder_is_served, written_per_byte(10)), partial(prepare_certificate, letter=letter),
        )
    yield Attack(
        "records-certificate-changing", "pipelined requests with such a certificate, no two of them alike",
        partial(pipelined, changing=True), (holder_is_served, written_per_byte(10)),
        partial(prepare_certificate, letter="\x01"),
    )
    for name in ("method", "authority", "path"):
        yield Attack(
            f"records-{name}", f"requests whose :{name} of 3,900 bytes is one octet on the wire",
            partial(indexed, name=f":{name}"), (holder_is_served, written_per_request(2048)),
        )
    yield Attack(
        "records-places", f"{PLACE_CONNECTIONS} connections of 100 streams with a forged certificate, whose bodies never come",
        places, (holder_is_served,), prepare_forged,
    )
    for sink in ("pipe", "fifo"):
        words = f"and an audit sink ({sink}) that is never read"
        yield Attack(
            f"unread-records-certificate-{sink}", f"a forged certificate with long names, {words}", pipelined, (memory_grows_at_most(64),),
            partial(prepare_certificate, letter="\x01"), audit=sink,
        )
        yield Attack(
            f"unread-records-authority-{sink}", f"a long :authority by index, {words}", partial(indexed, name=":authority"), (memory_grows_at_most(64),),
            audit=sink,
        )


ATTACKS = list(attacks())
