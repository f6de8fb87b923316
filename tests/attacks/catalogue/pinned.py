"""Clients with pass-through authentication, each with its own pinned backend connection."""
from functools import partial

from harness import gateway, tls
from harness.assault import until_first_ends
from harness.bounds import holder_is_served
from harness.stage import Attack

# More than the backend serves at a time.
CONNECTIONS = 325
ADDRESSES = 20
BODY = 1_000_000
# Concurrent uploads of certificate holders.
UPLOADS = 8
# More bytes of a body than the gateway buffers before it takes a backend connection.
READ_AHEAD = 160 * 1024
# The bytes that an upload sends every tenth of a second.
PIECE = 4096
# The first message of NTLM.
FIRST_MESSAGE = "NTLM TlRMTVNTUAABAAAAB4IIogAAAAAAAAAAAAAAAAAAAAA="


def head(method="GET", *lines):
    """The head of a request to the path with pass-through authentication."""
    return "\r\n".join([f"{method} {gateway.PASS_THROUGH} HTTP/1.1", f"Host: {tls.pki.HOST}", *lines, "", ""]).encode()


async def keep(assault, request, every=None, drip=False):
    """A connection for each client, with one request or one `every` seconds; a closed connection is opened again."""
    context = tls.context()

    async def once(number):
        async with assault.connection(context, assault.source(number % ADDRESSES)) as connection:
            await until_first_ends(receive(connection), send(connection))

    async def receive(connection):
        while True:
            assault.tally.note_responses(await connection.receive())

    async def send(connection):
        await connection.send(request)
        assault.tally.requests += 1
        while True:
            await assault.pause(every or 1)
            if every:
                await connection.send(request)
                assault.tally.requests += 1
            elif drip:
                await connection.send(b"x")

    clients = (partial(once, number) for number in range(CONNECTIONS))
    uploads = (partial(upload, assault) for _ in range(UPLOADS))
    await assault.together([*uploads, *clients])


async def upload(assault):
    """An upload of a certificate holder that is fast enough to keep its backend connection, so that others need new ones."""
    head = f"POST {gateway.REQUIRED} HTTP/1.1\r\nHost: {tls.pki.HOST}\r\nContent-Length: {BODY}\r\n\r\n".encode()
    async with assault.connection(tls.context(assault.keys.folder / "insider.pem"), assault.source(ADDRESSES)) as connection:
        await connection.send(head + bytes(READ_AHEAD))
        for _ in range((BODY - READ_AHEAD) // PIECE):
            await connection.send(bytes(PIECE))
            await assault.pause(0.1)


WAYS = {
    "idle": ("one request each", {"request": head()}),
    "busy": ("one request each second", {"request": head(), "every": 1}),
    "dialogues": ("the first message of a login each second", {"request": head("GET", f"Authorization: {FIRST_MESSAGE}"), "every": 1}),
    "bodies": ("a body that never comes", {"request": head("POST", f"Content-Length: {BODY}")}),
    "drips": ("a body that drips", {"request": head("POST", f"Content-Length: {BODY}"), "drip": True}),
}

ATTACKS = [
    Attack(
        f"pinned-{way}", f"{CONNECTIONS} anonymous clients from {ADDRESSES} addresses with a backend connection each and {words}",
        partial(keep, **options), (holder_is_served,),
    )
    for way, (words, options) in WAYS.items()
]
