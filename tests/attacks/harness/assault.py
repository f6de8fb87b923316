"""The interface between the harness and an attack: the address of the gateway, the deadline, the counters."""
import asyncio
import contextlib
import ssl
import time
from collections import Counter
from pathlib import Path

from . import gateway, http2, tls

# The pauses of an attacker before it opens a connection again.
SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 1.0
MOST_NOTED = 10_000


def attacker_address(network, number):
    """One of the addresses of 127.NETWORK.0.0/16."""
    return f"127.{network}.{1 + number // 250}.{1 + number % 250}"


class Tally:
    """The counts of an attack and of its results."""

    def __init__(self):
        self.requests = 0
        self.request_bytes = 0
        self.wire_bytes = 0
        self.statuses = Counter()
        self.resets = 0
        self.goaways = Counter()
        self.connected = 0
        self.failures = Counter()
        # The lifetime of each flooding connection, in seconds.
        self.lifetimes = []
        # The lifetime of connections that the gateway closed, in seconds.
        self.closed_after = []
        self.most_open = 0
        self.open_at_end = 0

    def note_responses(self, content):
        """Counts the HTTP/1.1 responses that begin in some bytes; final ones only."""
        count = 0
        for piece in content.split(b"HTTP/1.1 ")[1:]:
            if piece[:3].isdigit() and piece[:1] != b"1":
                self.statuses[int(piece[:3])] += 1
                count += 1
        return count


class Assault:
    """One running attack, in its own process."""

    def __init__(self, port, folder, keys, until, network):
        self.address = (gateway.ADDRESS, port)
        self.folder = Path(folder)
        self.keys = keys
        self.until = until
        self.tally = Tally()
        self._network = network
        self._open = 0

    def source(self, number=0):
        """The loopback address of one of the attackers."""
        return attacker_address(self._network, number)

    def is_on(self):
        """Whether the attack still has time."""
        return time.monotonic() < self.until

    async def pause(self, seconds):
        """Sleeps until the end of the attack at most."""
        await asyncio.sleep(max(0.0, min(seconds, self.until - time.monotonic())))

    def note_opened(self):
        """Counts an opened connection."""
        self._open += 1
        self.tally.connected += 1
        self.tally.most_open = max(self.tally.most_open, self._open)

    def note_closed(self):
        """Counts a closed connection; after the deadline it counts as open at the end."""
        self._open -= 1
        self.tally.open_at_end += not self.is_on()

    @contextlib.asynccontextmanager
    async def connection(self, context, source, receive_buffer=None):
        """A counted TLS connection, closed on exit. Failures are raised."""
        connection = tls.Connection(context, source, receive_buffer)
        start = time.monotonic()
        is_open = False
        try:
            await connection.open(self.address)
            is_open = True
            self.note_opened()
            yield connection
        finally:
            if is_open:
                self.note_closed()
                if self.is_on() and len(self.tally.closed_after) < MOST_NOTED:
                    self.tally.closed_after.append(time.monotonic() - start)
            self.tally.wire_bytes += connection.wire_bytes
            connection.close()

    @contextlib.asynccontextmanager
    async def http2(self, context, source, window=http2.LARGEST_WINDOW):
        """A counted HTTP/2 connection, after its preface."""
        async with self.connection(context, source) as connection:
            client = http2.Client(connection, self.tally, window)
            await client.start()
            yield client

    async def again_and_again(self, once):
        """Runs `once`, which ends with its connection, again until the deadline.

        If connections end at once, the pauses grow: a flood of connections is another attack.
        """
        pause = SHORTEST_PAUSE
        while self.is_on():
            start = time.monotonic()
            try:
                # The loop's clock is time.monotonic.
                async with asyncio.timeout_at(self.until):
                    await once()
            except tls.FAILURES as failure:
                if self.is_on():
                    self.tally.failures[describe(failure)] += 1
            lived = time.monotonic() - start
            pause = SHORTEST_PAUSE if lived > LONGEST_PAUSE else min(2 * pause, LONGEST_PAUSE)
            await self.pause(pause)

    async def together(self, jobs):
        """Runs `again_and_again` for several jobs concurrently."""
        await asyncio.gather(*(self.again_and_again(job) for job in jobs))


async def until_first_ends(*jobs):
    """Runs jobs on one connection concurrently until one ends; cancels the others, and raises the exception of the first."""
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def describe(failure):
    """A short name of a failure."""
    if isinstance(failure, tls.Closed):
        return "closed"
    if isinstance(failure, ssl.SSLError):
        return failure.reason or "TLS"
    return type(failure).__name__
