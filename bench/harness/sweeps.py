"""The sweeps: the same measurements over a range of sizes, connections, rules, certificates and more."""
import os
import shutil
import statistics
import subprocess
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass

from . import measure, pki, table
from .comparison import FULL, KEPT, Results, Row, rotated, say
from .load import Backend, LoadError
from .proxies import GATEWAY, PROJECT

MEBIBYTE = 1 << 20


@dataclass(frozen=True)
class Point:
    """One value of a sweep: a row, the proxies that it is measured with, and values for their configuration."""

    row: Row
    proxies: tuple
    values: tuple = ()


@dataclass(frozen=True)
class Outcome:
    """The result of a sweep: Markdown, and the single results for the JSON file."""

    text: str
    raw: dict


def run(name, stage, effort):
    """Runs the sweep of this name."""
    return SWEEPS[name](stage, effort)


def sizes(stage, effort):
    """Bodies of 1 KB to 8 MiB, in both directions."""
    points = []
    for direction, other in (("up", "down"), ("down", "up")):
        for size in (1 << 10, 4 << 10, 16 << 10, 64 << 10, 256 << 10, MEBIBYTE, 8 * MEBIBYTE):
            connections = 16 if size < MEBIBYTE else 4
            arguments = ("requests", "--connections", connections, "--warm-up", 4, f"--{direction}", size, f"--{other}", 200)
            points.append(point(stage, f"{direction}-{size}", f"{readable(size)} {direction}", arguments))
    return swept(stage, points, effort, "size of the body", (("cpu_us", "µs"), ("rate", "requests per second")))


def connections(stage, effort):
    """1 to 2,000 kept connections at full speed."""
    counts = (1, 4, 16, 64, 256, 1000, 2000)
    points = [
        point(stage, f"connections-{count}", f"{count:,}", ("requests", "--connections", count, "--warm-up", 5))
        for count in counts
    ]
    figures = (("cpu_us", "µs"), ("rate", "requests per second"), ("p99", "p99, µs"))
    return swept(stage, points, effort, "connections", figures)


def idle(stage, effort):
    """1,000 to 15,000 idle connections, as far as the limit on open files allows."""
    counts = (1000, 3000, 5000, 8000, 10_000, 15_000)
    points = [
        point(stage, f"idle-{count}", f"{count:,}", ("idle", count), figure="memory_kb", unit="KB")
        for count in counts if count <= stage.connections
    ]
    outcome = swept(stage, points, effort, "idle connections", (("memory_kb", "KB for each"),))
    left_out = [f"{count:,}" for count in counts if count > stage.connections]
    if left_out:
        note = f"\n\nThe limit on open files allows {stage.connections:,} connections; left out: {', '.join(left_out)}."
        outcome = Outcome(outcome.text + note, outcome.raw)
    return outcome


def rules(stage, effort):
    """1 to 10,000 path rules, and 1 to 10,000 mapping rules, of which none but the last path matches."""
    points = []
    for count in (1, 100, 1000, 10_000):
        paths = "\n".join(
            f'[[site.path]]\npath = "/_wmcs/other/{number}.asmx"\nclient_certificate = "require"' for number in range(count - 1)
        )
        mappings = "\n".join(
            f'[[realm.staff.rule]]\nname = "card {number}"\ncertificate_sha256 = "{number:064x}"\n'
            f'account = {{ user = "user{number}@corp.example" }}' for number in range(count)
        )
        for kind, key, text in (("path rules", "rules", paths), ("mapping rules", "mappings", mappings)):
            for mode, arguments in (("request", KEPT), ("handshake", FULL)):
                row = Row(f"{key}-{mode}-{count}", f"{count:,} {kind}, {mode}", arguments)
                points.append(Point(row, (GATEWAY,), ((key, text),)))
    return swept(stage, points, effort, "rules", (("cpu_us", "µs"), ("memory_mb", "MB")))


def certificates(stage, effort):
    """Handshakes of 1 to 100,000 different client certificates, each of which was presented once before."""
    card = ("--issuer-key", stage.keys.folder / "issuing.key", "--issuer-name", pki.ISSUING)
    points = [
        point(stage, f"certificates-{count}", f"{count:,}", (*FULL, "--distinct", count, *card))
        for count in (1, 100, 1000, 10_000, 100_000)
    ]
    return swept(stage, points, effort, "different certificates", (("cpu_us", "µs"), ("memory_mb", "MB")))


def workers(stage, effort):
    """1 and 2 workers."""
    points = []
    for count in (1, 2):
        for name, arguments in (("request", KEPT), ("full handshake", FULL)):
            row = Row(f"workers-{name}-{count}", f"{count}: {name}", arguments)
            points.append(Point(row, tuple(stage.proxies), (("workers", count),)))
    return swept(stage, points, effort, "workers", (("cpu_us", "µs"), ("rate", "per second")))


def backends(stage, effort):
    """Ways of passing identity to the backend: headers, headers over TLS, user certificates; Kerberos if a lab runs."""
    folder, points = stage.keys.folder, []
    served = ("--certificate", folder / "server-with-key.pem")
    with ExitStack() as stack:
        plain_tls = stack.enter_context(Backend(stage.load_program, *served))
        with_client = stack.enter_context(Backend(stage.load_program, *served, "--client-ca", folder / "users.pem"))
        user_certificates = (
            f'ca = "{folder}/root.pem"\nidentity = "certificate"\n'
            f'user_certificates = {{ certificate = "{folder}/users.pem", private_key = "{folder}/users.key" }}'
        )
        for name, server, keys in (
            ("headers", f"http://127.0.0.1:{stage.backend.port}", ""),
            ("headers over TLS", f"https://127.0.0.1:{plain_tls.port}", f'ca = "{folder}/root.pem"'),
            ("user certificates", f"https://127.0.0.1:{with_client.port}", user_certificates),
        ):
            row = Row(f"backend-{name}", name, KEPT)
            points.append(Point(row, (GATEWAY,), (("server", server), ("backend_keys", keys))))
        outcome = swept(stage, points, effort, "identity", (("cpu_us", "µs"), ("p99", "p99, µs")))
    return Outcome(f"{outcome.text}\n\n{kerberos()}", outcome.raw)


def kerberos():
    """The output of the benchmark of Kerberos delegation, which needs the lab of the tests."""
    if "PORTCULLIS_LAB" not in os.environ:
        return "Kerberos: not measured; benches/delegation.rs describes how to start the lab that it needs."
    command = ["cargo", "bench", "--locked", "--bench", "delegation"]
    result = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=1800)
    return f"Kerberos (`{' '.join(command)}`):\n\n```\n{(result.stdout or result.stderr[-1000:]).strip()}\n```"


CRL_ENTRIES = 1_000_000
CRL_RATE = 800
CRL_PHASE = 10
CRL_SWAPS = 5
CRL_PATIENCE = 60


def crl(stage, effort):
    """A CRL of 1,000,000 entries: start, memory and handshakes of each proxy; then replaced under traffic."""
    folders = [make_crl(stage, number) for number in range(CRL_SWAPS + 1)]
    lines, raw = [], {}
    for proxy in stage.proxies:
        if not proxy.checks_crl:
            continue
        try:
            with stage.start(proxy, crl=folders[0]) as running:
                memory = running.memory() / MEBIBYTE
                result = measure.operations(stage, running, FULL, effort.seconds)
                started = running.start_seconds
        except (RuntimeError, OSError) as error:
            lines.append([proxy.label, str(error), "", ""])
            continue
        raw[proxy.name] = {"start_seconds": started, "memory_mb": memory, **result}
        lines.append([proxy.label, *map(table.number, (started, memory, result["cpu_us"]))])
    head = [f"CRL of {CRL_ENTRIES:,} entries", "start, s", "memory, MB", "full handshake + request, µs"]
    text = table.table(head, lines)
    swapped, raw["swapped"] = swap(stage, folders)
    return Outcome(f"{text}\n\n{swapped}", raw)


def make_crl(stage, number):
    """Creates a folder with a large CRL of the issuing CA, and that of the root. A higher number is a newer CRL."""
    folder = stage.new_folder(f"crl-{number}")
    subprocess.run(
        [stage.load_program, "crl", "--issuer-key", stage.keys.folder / "issuing.key", "--issuer-name", pki.ISSUING,
         "--issuer-key-id", pki.ISSUING_KEY_ID, "--entries", str(CRL_ENTRIES), "--number", str(number + 2),
         "--out", folder / "issuing.crl"], check=True, timeout=120,
    )
    shutil.copy(stage.keys.crl / "root.crl", folder)
    # PEM for the other proxies; portcullis reads every file of the folder, so it is in none that is replaced.
    pki.join(folder / "all.pem", folder / "issuing.pem", stage.keys.folder / "root-crl.pem")
    (folder / "issuing.pem").unlink()
    return folder


def swap(stage, folders):
    """Requests at a fixed rate with an unchanged CRL, and while it is replaced."""
    first, *others = folders
    (first / "all.pem").unlink()
    lines, raw = [], {}
    arguments = (*KEPT[1:], "--rate", CRL_RATE, "--seconds", CRL_PHASE)
    with stage.start(GATEWAY, crl=first) as running:
        for phase, following in (("unchanged", ()), ("replaced", others)):
            with stage.load("requests", running, *arguments) as load:
                swapping = Swapping(running, first, following)
                swapping.start()
                result = load.result(CRL_PHASE + measure.GRACE)
                swapping.join()
            if result["failures"]:
                raise LoadError(f"{result['failures']} failures: {result['first_failure']}")
            result["swap_seconds"] = swapping.took
            raw[phase] = result
            lines.append([
                phase, *(table.number(result[key] / 1000) for key in ("p50", "p99", "p999", "max")),
                f"{len(swapping.took)} of {len(following)}", table.number(statistics.median(swapping.took or [0])),
            ])
        memory = running.memory() / MEBIBYTE
    head = [f"{CRL_RATE} requests per second, CRL", "p50, ms", "p99", "p99.9", "max", "in use", "each after, s"]
    return f"{table.table(head, lines)}\n\nMemory afterwards: {memory:.0f} MB.", raw


class Swapping(threading.Thread):
    """Replaces the CRL of the issuing CA every two seconds, and waits until the metrics show each in use."""

    def __init__(self, running, folder, following):
        super().__init__(daemon=True)
        self._running, self._folder, self._following = running, folder, following
        self.took = []

    def run(self):
        for following in self._following:
            begin, before = time.monotonic(), self._this_update()
            os.replace(following / "issuing.crl", self._folder / "issuing.crl")
            while self._this_update() == before:
                if time.monotonic() - begin > CRL_PATIENCE:
                    return
                time.sleep(0.05)
            self.took.append(time.monotonic() - begin)
            time.sleep(max(0, begin + CRL_PHASE / CRL_SWAPS - time.monotonic()))

    def _this_update(self):
        lines = self._running.metrics().splitlines()
        return next(line for line in lines if line.startswith("portcullis_crl_this_update") and pki.ISSUING in line)


def point(stage, name, title, arguments, **keys):
    """A point that is measured with every proxy."""
    return Point(Row(name, title, arguments, **keys), tuple(stage.proxies))


def swept(stage, points, effort, what, figures):
    """Measures the points round by round, each with a newly started proxy. Returns a table for each figure."""
    results = Results()
    end = measure.deadline(effort.minutes)
    for number in range(effort.rounds):
        for swept_point in points:
            for proxy in rotated(list(swept_point.proxies), number):
                if not results.has_failed(swept_point.row, proxy) and time.monotonic() < end:
                    measure_point(stage, swept_point, proxy, effort, results)
    return Outcome(describe(stage, points, results, what, figures), results.raw)


def measure_point(stage, swept_point, proxy, effort, results):
    """One measurement of a point."""
    row = swept_point.row
    try:
        if row.name.startswith("idle-"):
            result = measure.idle(stage, proxy, row.arguments[1])
        else:
            with stage.start(proxy, **dict(swept_point.values)) as running:
                result = measure.operations(stage, running, row.arguments, effort.seconds, row.card)
                result["memory_mb"] = running.memory() / MEBIBYTE
    except (LoadError, RuntimeError) as error:
        results.fail(row, proxy, str(error))
        say(f"{row.name:28} {proxy.label:11} no figure: {error}")
        return
    results.add(row, proxy, result)
    say(f"{row.name:28} {proxy.label:11} {result[row.figure]:10.1f} {row.unit}")


def describe(stage, points, results, what, figures):
    """The tables of a sweep, and the reasons for missing figures."""
    proxies = [proxy for proxy in stage.proxies if any(proxy in swept_point.proxies for swept_point in points)]
    parts = []
    for figure, unit in figures:
        lines = [
            [swept_point.row.title, *(table.number(results.median(swept_point.row, proxy, figure)) for proxy in proxies)]
            for swept_point in points
        ]
        parts.append(table.table([f"{what}: {unit}", *(table.named(stage, proxy) for proxy in proxies)], lines))
    for swept_point in points:
        for proxy in proxies:
            if cause := results.failures.get(swept_point.row.name, {}).get(proxy.name):
                parts.append(f"* {proxy.label} has no figure for “{swept_point.row.title}”: {cause}")
    return "\n\n".join(parts)


def readable(size):
    """A size in bytes as text."""
    return f"{size >> 20} MiB" if size >= MEBIBYTE else f"{size >> 10} KB"


SWEEPS = {
    sweep.__name__: sweep for sweep in (sizes, connections, idle, rules, certificates, crl, backends, workers)
}
