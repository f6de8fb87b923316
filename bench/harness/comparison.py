"""The comparison: its rows, and their measurement in interleaved rounds."""
import statistics
import sys
import time
from dataclasses import dataclass, field

from . import measure
from .load import LoadError
from .proxies import GATEWAY


@dataclass(frozen=True)
class Row:
    """One kind of work, measured with every proxy."""

    name: str
    title: str
    # What the load generator runs, from the mode on.
    arguments: tuple
    # The result that is compared, and its unit.
    figure: str = "cpu_us"
    unit: str = "µs"
    card: str = "p256"
    # The ratio to the best peer that portcullis is to reach, and the one that it must.
    goal: float | None = None
    at_least: float | None = None
    # The title in the chart, if the other one is too long.
    label: str | None = None


KEPT = ("requests", "--connections", 16)
FULL = ("handshakes", "--concurrency", 8, "--up", 0, "--down", 200)
IDLE_CONNECTIONS = 3000
ROWS = (
    Row("http1", "kept-alive POST, 6 KB up, 4 KB down, HTTP/1.1", KEPT, goal=0.85, at_least=1.0),
    Row("http2", "the same over HTTP/2", (*KEPT, "--http", 2), goal=0.85, at_least=1.0),
    Row("60k-up", "60 KB up", (*KEPT, "--up", 61440), goal=0.9),
    Row("8m-down", "8 MiB down", ("requests", "--connections", 4, "--warm-up", 2, "--up", 0, "--down", 8 << 20), goal=0.75),
    Row("full", "full TLS 1.3 handshake + request, P-256 card, X25519", FULL, goal=0.5, at_least=0.6,
        label="full TLS 1.3 handshake, P-256 card, X25519"),
    Row("full-rsa", "the same with an RSA-2048 card", FULL, card="rsa2048", goal=0.55),
    Row("full-mlkem", "the same with X25519MLKEM768", (*FULL, "--group", "x25519mlkem768"), goal=0.55),
    Row("full-tls12", "full TLS 1.2 handshake + request", (*FULL, "--tls", "1.2"), goal=0.5),
    Row("resumed", "resumed TLS 1.3 handshake + request", (*FULL, "--resume"), goal=0.45),
    Row("idle", "memory of an idle connection", ("idle",), figure="memory_kb", unit="KB", goal=0.7, at_least=1.0),
    Row("hellos", "p50 of an established connection, 64 ClientHellos at a time", ("hellos",), figure="p50_ms", unit="ms",
        goal=1.0, label="p50 while ClientHellos arrive"),
)
# At a fixed rate the latencies are compared, not the cost.
RATE = 1000
FIXED = Row("rate", f"kept-alive POST, {RATE} requests per second", (*KEPT, "--rate", RATE), figure="p50")


@dataclass(frozen=True)
class Effort:
    """How long and how often is measured."""

    rounds: int
    seconds: float
    idle_rounds: int
    idle_connections: int
    minutes: float


FULL_EFFORT = Effort(rounds=5, seconds=3, idle_rounds=3, idle_connections=IDLE_CONNECTIONS, minutes=90)
QUICK = Effort(rounds=2, seconds=0.7, idle_rounds=1, idle_connections=1000, minutes=4)


@dataclass
class Results:
    """Every single result, by row and proxy, and the reasons why some are missing."""

    raw: dict = field(default_factory=dict)
    failures: dict = field(default_factory=dict)
    # The round in which the time was over, or None.
    stopped_in: int | None = None

    def add(self, row, proxy, result):
        """Adds one result."""
        self.raw.setdefault(row.name, {}).setdefault(proxy.name, []).append(result)

    def fail(self, row, proxy, cause):
        """Adds the reason why a proxy has no figure in a row. One failure makes the row void for this proxy."""
        self.failures.setdefault(row.name, {})[proxy.name] = cause

    def has_failed(self, row, proxy):
        """Whether the proxy has no figure in this row."""
        return proxy.name in self.failures.get(row.name, {})

    def of(self, row, proxy):
        """The results of a proxy in a row."""
        return [] if self.has_failed(row, proxy) else self.raw.get(row.name, {}).get(proxy.name, [])

    def median(self, row, proxy, figure=None):
        """The median of a figure, or None."""
        values = [value for result in self.of(row, proxy) if (value := result.get(figure or row.figure)) is not None]
        return statistics.median(values) if values else None


def compare(stage, rows, effort):
    """Measures each row with each proxy in turn, round by round: A B C, then B C A, and so on."""
    results = Results()
    end = measure.deadline(effort.minutes)
    with Lineup(stage, results, rows) as running:
        for number in range(effort.rounds):
            for row in rows:
                if row.name == "idle" and number >= effort.idle_rounds:
                    continue
                for proxy in rotated(stage.proxies, number):
                    if results.has_failed(row, proxy):
                        continue
                    if time.monotonic() > end:
                        results.stopped_in = number + 1
                        return results
                    measure_one(stage, running, row, proxy, effort, results)
    return results


class Lineup(dict):
    """All proxies, running, by name. Only one of them has load at any time."""

    def __init__(self, stage, results, rows):
        super().__init__()
        self._stage, self._results, self._rows = stage, results, rows

    def __enter__(self):
        try:
            for proxy in self._stage.proxies:
                try:
                    self[proxy.name] = self._stage.start(proxy)
                except RuntimeError as error:
                    if proxy is GATEWAY:
                        raise
                    for row in self._rows:
                        self._results.fail(row, proxy, str(error))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for running in self.values():
            running.stop()


def measure_one(stage, running, row, proxy, effort, results):
    """One measurement of one proxy."""
    try:
        if row.name == "idle":
            result = measure.idle(stage, proxy, effort.idle_connections)
        elif row.name == "hellos":
            result = measure.hellos(stage, running[proxy.name], row.arguments[1:], effort.seconds)
        else:
            result = measure.operations(stage, running[proxy.name], row.arguments, effort.seconds, row.card)
    except LoadError as error:
        results.fail(row, proxy, str(error))
        say(f"{row.name:12} {proxy.label:11} no figure: {error}")
        return
    if row.name == "resumed" and result["full"] > result["operations"] * 0.05:
        results.fail(row, proxy, f"{result['full']} of {result['operations']} sessions were not resumed")
        return
    results.add(row, proxy, result)
    say(f"{row.name:12} {proxy.label:11} {result[row.figure]:10.1f} {row.unit}")


def rotated(proxies, number):
    """The proxies in another order each round."""
    offset = number % len(proxies)
    return proxies[offset:] + proxies[:offset]


def say(text):
    """Reports progress on standard error."""
    print(text, file=sys.stderr, flush=True)
