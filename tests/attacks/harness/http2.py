"""Raw HTTP/2 (RFC 9113), because libraries reject malformed use: frames, header blocks, and a client that counts."""
import struct

from hpack import Decoder
from hpack.exceptions import HPACKError

from . import pki

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
UNKNOWN = 0xFA
END_STREAM = ACK = 0x1
END_HEADERS = 0x4
INITIAL_WINDOW_SIZE, MAX_CONCURRENT_STREAMS = 0x4, 0x3
LARGEST_WINDOW = 2**31 - 1
DEFAULT_WINDOW = 65535
CANCEL = 0x8


def frame(kind, flags, stream, payload=b""):
    """One frame."""
    return len(payload).to_bytes(3, "big") + struct.pack("!BBL", kind, flags, stream) + payload


def settings(**values):
    """A SETTINGS frame; `settings(window=0)` is SETTINGS_INITIAL_WINDOW_SIZE."""
    pairs = [(INITIAL_WINDOW_SIZE, values["window"])] if "window" in values else []
    return frame(SETTINGS, 0, 0, b"".join(struct.pack("!HL", *pair) for pair in pairs))


def window_update(stream, increment):
    """A WINDOW_UPDATE frame."""
    return frame(WINDOW_UPDATE, 0, stream, struct.pack("!L", increment))


def reset(stream, code=CANCEL):
    """A RST_STREAM frame."""
    return frame(RST_STREAM, 0, stream, struct.pack("!L", code))


def string(text):
    """A string literal without Huffman coding (RFC 7541 5.2)."""
    content = text.encode()
    return integer(len(content), 7, 0) + content


def integer(value, bits, first):
    """An integer with a prefix of some bits, the others of the first octet given (RFC 7541 5.1)."""
    limit = (1 << bits) - 1
    if value < limit:
        return bytes([first | value])
    octets, value = [first | limit], value - limit
    while value >= 0x80:
        octets.append(0x80 | value & 0x7F)
        value >>= 7
    return bytes([*octets, value])


def field(name, value):
    """A field that is not added to the dynamic table."""
    return b"\x00" + string(name) + string(value)


def remembered_field(name, value):
    """A field that is added to the dynamic table, with the index `NEWEST_FIELD`."""
    return b"\x40" + string(name) + string(value)


NEWEST_FIELD = integer(62, 7, 0x80)


def request_block(method, path, *fields):
    """The header block of a request."""
    pseudo = [(":method", method), (":scheme", "https"), (":authority", pki.HOST), (":path", path)]
    return b"".join(field(*pair) for pair in [*pseudo, *fields])


def headers(stream, block, end_stream=True):
    """A complete header block in one HEADERS frame."""
    return frame(HEADERS, END_HEADERS | (END_STREAM if end_stream else 0), stream, block)


class Client:
    """An HTTP/2 connection that obeys flow control when it sends, and acknowledges SETTINGS and PING while it receives."""

    def __init__(self, connection, tally, window=LARGEST_WINDOW):
        self.connection = connection
        self.open_streams = set()
        self.stream_limit = 100
        self._tally = tally
        self._next_stream = 1
        self._decoder = Decoder()
        self._decoder.max_header_list_size = 1 << 20
        self._window = window
        self._send_window = DEFAULT_WINDOW
        self._initial_send_window = DEFAULT_WINDOW
        self._stream_windows = {}
        self._block = b""

    async def start(self):
        """The connection preface."""
        more = window_update(0, LARGEST_WINDOW - DEFAULT_WINDOW) if self._window > DEFAULT_WINDOW else b""
        await self.connection.send(PREFACE + settings(window=self._window) + more)

    def new_stream(self):
        """Opens a stream and returns its number."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        self.open_streams.add(stream)
        self._stream_windows[stream] = self._initial_send_window
        self._tally.requests += 1
        return stream

    def data(self, stream, length, end_stream=False):
        """A DATA frame of at most this length, limited by flow control; empty bytes if the window is closed."""
        length = min(length, self._send_window, self._stream_windows.get(stream, 0), 16384)
        if length <= 0:
            return b""
        self._send_window -= length
        self._stream_windows[stream] -= length
        return frame(DATA, END_STREAM if end_stream else 0, stream, b"x" * length)

    async def receive(self):
        """Reads frames until the connection ends."""
        waiting = b""
        while True:
            waiting += await self.connection.receive()
            answers = b""
            start = 0
            while len(waiting) - start >= 9:
                length = int.from_bytes(waiting[start:start + 3], "big")
                if len(waiting) - start < 9 + length:
                    break
                kind, flags, stream = struct.unpack_from("!BBL", waiting, start + 3)
                payload = waiting[start + 9:start + 9 + length]
                answers += self._take(kind, flags, stream & 0x7FFFFFFF, payload)
                start += 9 + length
            waiting = waiting[start:]
            if answers:
                await self.connection.send(answers)

    def _take(self, kind, flags, stream, payload):
        """Counts one frame; returns the frame to send in response."""
        if kind in (HEADERS, CONTINUATION):
            self._block += payload
            if flags & END_HEADERS:
                self._note_status()
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            self._forget(stream)
        elif kind == RST_STREAM:
            self._tally.resets += 1
            self._forget(stream)
        elif kind == WINDOW_UPDATE:
            increment = int.from_bytes(payload, "big") & LARGEST_WINDOW
            if stream == 0:
                self._send_window += increment
            elif stream in self._stream_windows:
                self._stream_windows[stream] += increment
        elif kind == SETTINGS and not flags & ACK:
            self._note_settings(payload)
            return frame(SETTINGS, ACK, 0)
        elif kind == PING and not flags & ACK:
            return frame(PING, ACK, 0, payload)
        elif kind == GOAWAY:
            self._tally.goaways[int.from_bytes(payload[4:8], "big")] += 1
        return b""

    def _note_status(self):
        block, self._block = self._block, b""
        try:
            fields = dict(self._decoder.decode(block, raw=True))
        except HPACKError:
            return
        if b":status" in fields:
            self._tally.statuses[int(fields[b":status"])] += 1

    def _note_settings(self, payload):
        for start in range(0, len(payload), 6):
            key, value = struct.unpack_from("!HL", payload, start)
            if key == INITIAL_WINDOW_SIZE:
                change = value - self._initial_send_window
                self._initial_send_window = value
                for stream in self._stream_windows:
                    self._stream_windows[stream] += change
            elif key == MAX_CONCURRENT_STREAMS:
                self.stream_limit = min(self.stream_limit, value)

    def _forget(self, stream):
        self.open_streams.discard(stream)
        self._stream_windows.pop(stream, None)
