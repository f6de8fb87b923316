"""The well-behaved certificate holders, and a probe of the latency of one established connection.

Each runs in its own process, so that the attack cannot delay the measurement through Python's global lock.
"""
import contextlib
import itertools
import multiprocessing
import socket
import ssl
import statistics
import time
from collections import Counter
from dataclasses import dataclass

from . import gateway, pki

HOLDER_ADDRESS = "127.1.0.1"
PROBE_ADDRESS = "127.1.0.2"
TIMEOUT = 30
CONNECTIONS = 4
PROCESSES = multiprocessing.get_context("fork")
BODY = b"<request>" + b"x" * 300 + b"</request>"


@dataclass
class Visit:
    """One request: its start, its duration, and its status or failure."""

    start: float
    seconds: float
    result: str


class Client:
    """A blocking HTTP/1.1 client with one connection."""

    def __init__(self, port, certificates, source):
        """Each new connection presents the next certificate of an endless iterator."""
        self._address = (gateway.ADDRESS, port)
        self._source = source
        self._certificates = certificates
        self._socket = None

    def request(self, method="GET"):
        """Returns the status. Retries once if a kept connection was closed, as every client does."""
        was_kept = self._socket is not None
        try:
            return self._exchange(method)
        except (OSError, EOFError):
            self.close()
            if not was_kept:
                raise
            return self._exchange(method)

    def close(self):
        """Closes the connection; the next request opens a new one."""
        if self._socket:
            self._socket.close()
            self._socket = None

    def _exchange(self, method):
        if not self._socket:
            plain = socket.create_connection(self._address, TIMEOUT, (self._source, 0))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            certificate = next(self._certificates)
            context = ssl.create_default_context(cafile=certificate.parent / "root.pem")
            context.load_cert_chain(certificate)
            self._socket = context.wrap_socket(plain, server_hostname=pki.HOST)
        body = BODY if method == "POST" else b""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{method} {gateway.REQUIRED} HTTP/1.1\r\nHost: {pki.HOST}\r\n{length}\r\n"
        self._socket.sendall(head.encode() + body)
        return self._response()

    def _response(self):
        content = b""
        while b"\r\n\r\n" not in content:
            content += self._receive()
        head, _, body = content.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        fields = dict(line.split(b":", 1) for line in lines[1:])
        length = int(fields.get(b"content-length", b"0"))
        while len(body) < length:
            body += self._receive()
        if b"close" in fields.get(b"connection", b""):
            self.close()
        return lines[0].split(b" ")[1].decode()

    def _receive(self):
        content = self._socket.recv(65536)
        if not content:
            raise EOFError
        return content


class Companion:
    """A process that works until its result is requested."""

    def __init__(self, work, *arguments):
        self._ours, theirs = PROCESSES.Pipe()
        self._process = PROCESSES.Process(target=work, args=(theirs, *arguments), daemon=True)
        self._process.start()

    def ask(self, within):
        """Returns the result so far; the process continues."""
        self._ours.send("result")
        if not self._ours.poll(within):
            raise RuntimeError("a client of the harness does not respond")
        return self._ours.recv()

    def end(self):
        """Ends the process."""
        self._process.kill()
        self._process.join()
        self._ours.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def visit_each_second(pipe, port, certificates, address):
    """Sends one request a second, every second one with a body, and every fourth on a new connection.

    It alternates between four connections, as a browser does, so that all workers of the gateway must serve it. A new
    connection presents a certificate that may not be cached: a user who logs in during the attack must be served as
    well as a known one.
    """
    following = itertools.cycle(certificates)
    clients = [Client(port, following, address) for _ in range(CONNECTIONS)]
    visits = []
    due = time.monotonic()
    for number in itertools.count():
        while pipe.poll(max(0.0, due - time.monotonic())):
            pipe.recv()
            pipe.send(visits)
        # 0, 5, 10, 15, 16, 21, …: each connection in turn.
        client = clients[number % CONNECTIONS]
        if number // CONNECTIONS % CONNECTIONS == number % CONNECTIONS:
            client.close()
        start = time.monotonic()
        try:
            result = client.request("POST" if number // 2 % 2 else "GET")
        except (OSError, EOFError, ValueError) as failure:
            client.close()
            result = type(failure).__name__
        visits.append(Visit(start, time.monotonic() - start, result))
        due = max(due + 1, time.monotonic())


def probe(pipe, port, certificate):
    """Sends requests on one connection with short pauses; the result is the start and the duration of each."""
    client = Client(port, itertools.repeat(certificate), PROBE_ADDRESS)
    samples = []
    while True:
        while pipe.poll(0.005):
            pipe.recv()
            pipe.send(samples)
        start = time.monotonic()
        with contextlib.suppress(OSError, EOFError, ValueError):
            client.request()
        samples.append((start, time.monotonic() - start))


def median(samples, first, last):
    """The median of the samples that began in a span of time, in seconds."""
    chosen = [seconds for start, seconds in samples if first <= start < last]
    return statistics.median(chosen) if chosen else float("inf")


def summary(visits, first, last):
    """The count of each result and the longest duration of the requests that overlap a span of time."""
    chosen = [visit for visit in visits if visit.start < last and visit.start + visit.seconds > first]
    longest = max((visit.seconds for visit in chosen), default=0.0)
    return Counter(visit.result for visit in chosen), longest
