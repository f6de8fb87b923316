"""Many different certificates, each of which the gateway might cache."""
import asyncio
from functools import partial

from harness import forged, gateway, tls
from harness.bounds import holder_is_served, memory_grows_at_most
from harness.stage import Attack

CERTIFICATES = 600
AT_A_TIME = 8


def prepare_beside(folder, keys, certificate):
    """A valid or revoked certificate followed by unrelated ones."""
    list(forged.beside_junk(folder / "presented", keys.folder / f"{certificate}.pem", CERTIFICATES))


def prepare_forged(folder, _keys, certificates):
    """Forged certificates, alone or followed by unrelated ones."""
    list(forged.distinct(folder / "presented", CERTIFICATES, certificates=certificates))


async def present_each(assault, keep=False):
    """Presents each file on one connection with one request; `keep` leaves the connections open."""
    waiting = sorted((assault.folder / "presented").iterdir())
    request = f"GET {gateway.REQUIRED} HTTP/1.1\r\nHost: {tls.pki.HOST}\r\n\r\n".encode()

    async def present(certificate, source):
        async with assault.connection(tls.context(certificate), source) as connection:
            await connection.send(request)
            assault.tally.requests += 1
            assault.tally.note_responses(await connection.receive())
            if keep:
                await assault.pause(3600)

    async def client(number):
        while waiting and assault.is_on():
            try:
                async with asyncio.timeout_at(assault.until):
                    await present(waiting.pop(), assault.source(number))
            except tls.FAILURES as failure:
                assault.tally.failures[type(failure).__name__] += 1

    await asyncio.gather(*(client(number) for number in range(200 if keep else AT_A_TIME)))


def attacks():
    """Attacks with valid, revoked and forged certificates."""
    bounds = (holder_is_served, memory_grows_at_most(32))
    for certificate in ("insider", "revoked"):
        kind = "good" if certificate == "insider" else certificate
        yield Attack(
            f"certificates-{kind}-beside-others", f"a {kind} certificate followed by {CERTIFICATES} changing ones of 40 KB",
            present_each, bounds, partial(prepare_beside, certificate=certificate),
        )
    for count in (1, 15):
        yield Attack(
            f"certificates-forged-{count}", f"{CERTIFICATES} distinct forged chains of {count}, 55 KB each",
            present_each, bounds, partial(prepare_forged, certificates=count),
        )
    yield Attack(
        "certificates-forged-kept", "200 connections at a time that stay open, with distinct forged chains of 55 KB",
        partial(present_each, keep=True), bounds, partial(prepare_forged, certificates=15),
    )


ATTACKS = list(attacks())
