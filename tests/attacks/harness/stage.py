"""Runs one attack: starts the gateway, the backend and the certificate holder, attacks, measures, and stops everything."""
import asyncio
import signal
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from typing import Callable

from . import bounds, usage
from .assault import Assault, Tally, attacker_address
from .gateway import Gateway
from .holder import HOLDER_ADDRESS, PROCESSES, Companion, median, probe, summary, visit_each_second

# The attackers have addresses of 127.2.0.0/16.
ATTACKERS = 2
# The time of the holder alone, before the attack.
QUIET_SECONDS = 3
# The time for the preparation of an attack, and for its end after the deadline.
PREPARATION_TIMEOUT = 120
END_TIMEOUT = 20
# An attack is stopped if the gateway writes more bytes than this.
MOST_WRITTEN = 2 << 30


@dataclass(frozen=True)
class Attack:
    """One attack of the catalogue, and its bounds."""

    name: str
    what: str
    run: Callable
    bounds: tuple
    prepare: Callable = None
    audit: str = "file"
    with_probe: bool = False
    # The duration, if it differs from that of the other attacks.
    seconds: float = None
    # The time for the gateway to release resources after the attack.
    settle_seconds: float = 2


@dataclass
class Outcome:
    """The measurements of an attack."""

    attack: str
    seconds: float
    tally: Tally
    holder: Counter
    longest: float
    written: int
    before: usage.Reading
    after: usage.Reading
    peak: float
    most_descriptors: int
    processor: float
    stall: float
    stopped_early: bool
    quiet_median: float = 0.0
    median: float = 0.0
    bounds_checked: tuple = ()
    findings: list = field(default_factory=list)

    @property
    def holds(self):
        """Whether all bounds hold."""
        return all(finding.holds for finding in self.findings)

    def line(self):
        """The result as one line of text."""
        tally = self.tally
        parts = [("ok      " if self.holds else "FAILED  ") + self.attack]
        parts += [finding.what if finding.holds else f"BROKEN: {finding.what}" for finding in self.findings]
        if bounds.holder_is_served not in self.bounds_checked:
            parts.append(bounds.holder_is_served(self).what)
        parts.append(
            f"memory {self.before.memory:.0f} → {self.peak:.0f} → {self.after.memory:.0f} MiB, descriptors "
            f"{self.before.descriptors} → {self.most_descriptors} → {self.after.descriptors}, "
            f"{self.processor:.0f} % of a core"
        )
        parts.append(
            f"{tally.requests} requests, statuses {dict(tally.statuses)}, {tally.resets} resets; "
            f"{tally.connected} connections, {tally.open_at_end} open at the end, {self.closings()}, "
            f"failures {dict(tally.failures)}, GOAWAY {dict(tally.goaways)}"
        )
        if self.stall > 0.2:
            parts.append(f"this machine stood still for {self.stall:.2f} s")
        if self.stopped_early:
            parts.append("stopped, because too much was written")
        return " | ".join(parts)

    def closings(self):
        """The lifetimes of connections that the gateway closed, as text."""
        times = self.tally.closed_after
        return f"closed after {min(times):.1f} to {max(times):.1f} s" if times else "none closed"

    def facts(self):
        """The result as JSON values."""
        tally = self.tally
        return {
            "attack": self.attack, "holds": self.holds, "seconds": round(self.seconds, 2),
            "findings": [{"what": finding.what, "holds": finding.holds} for finding in self.findings],
            "holder": {"results": dict(self.holder), "longest": round(self.longest, 3)},
            "written": self.written,
            "memory": {"before": self.before.memory, "peak": self.peak, "after": self.after.memory},
            "descriptors": {
                "before": self.before.descriptors, "most": self.most_descriptors, "after": self.after.descriptors,
            },
            "processor_percent": round(self.processor, 1), "stall": round(self.stall, 3),
            "stopped_early": self.stopped_early,
            "median": {"quiet": self.quiet_median, "attacked": self.median},
            "attackers": {
                "requests": tally.requests, "request_bytes": tally.request_bytes, "wire_bytes": tally.wire_bytes,
                "statuses": dict(tally.statuses), "resets": tally.resets, "connected": tally.connected,
                "most_open": tally.most_open, "open_at_end": tally.open_at_end, "failures": dict(tally.failures),
                "goaways": dict(tally.goaways), "lifetimes": tally.lifetimes[:20],
                "closed_after": tally.closed_after[:20],
            },
        }


def attempt(attack, binary, keys, folder, seconds, same_address=False):
    """Runs one attack against a new gateway; the holder may share the address of the first attacker."""
    address = attacker_address(ATTACKERS, 0) if same_address else HOLDER_ADDRESS
    with Gateway(binary, keys, folder, attack.audit) as gateway:
        if attack.prepare:
            attack.prepare(folder, keys)
        with (
            Companion(visit_each_second, gateway.port, keys.holders, address) as holder,
            Companion(probe if attack.with_probe else idle, gateway.port, keys.insider) as prober,
        ):
            quiet = time.monotonic()
            time.sleep(QUIET_SECONDS)
            outcome = measure(attack, gateway, keys, folder, attack.seconds or seconds)
            begin, end = outcome.before.moment, outcome.before.moment + outcome.seconds
            visits = holder.ask(END_TIMEOUT + 30)
            outcome.holder, outcome.longest = summary(visits, begin, end)
            if attack.with_probe:
                samples = prober.ask(END_TIMEOUT + 30)
                outcome.quiet_median = median(samples, quiet + 0.5, begin)
                outcome.median = median(samples, begin, end)
        outcome.bounds_checked = attack.bounds
        outcome.findings = [bound(outcome) for bound in attack.bounds]
        return outcome


def idle(pipe, *_):
    """A companion without work."""
    pipe.recv()


def measure(attack, gateway, keys, folder, seconds):
    """Runs the attack between two readings of the gateway's process."""
    usage.reset_peak(gateway.pid)
    before, written = usage.read(gateway.pid), gateway.bytes_written()
    with usage.Watch(gateway.pid, lambda: gateway.bytes_written() - written > MOST_WRITTEN) as watch:
        assault = Assault(gateway.port, folder, keys, before.moment + seconds, ATTACKERS)
        tally = carry_out(attack, assault, watch)
    end = usage.read(gateway.pid)
    written = gateway.settled_bytes_written() - written
    peak = usage.memory(gateway.pid)[1]
    after = settled(attack, gateway, before)
    elapsed = end.moment - before.moment
    return Outcome(
        attack=attack.name, seconds=elapsed, tally=tally, holder=Counter(), longest=0.0, written=written, before=before,
        after=after, peak=peak, most_descriptors=watch.most_descriptors,
        processor=100 * (end.processor - before.processor) / elapsed, stall=watch.stall,
        stopped_early=watch.stopped_early,
    )


def settled(attack, gateway, before):
    """A reading after the attack: as soon as the bounds hold, or after `settle_seconds`."""
    end = time.monotonic() + attack.settle_seconds
    while True:
        time.sleep(1)
        reading = usage.read(gateway.pid)
        near = reading.memory - before.memory < 16 and reading.descriptors - before.descriptors < 10
        if time.monotonic() >= end or near:
            return reading


def carry_out(attack, assault, watch):
    """Runs the clients of the attack in a separate process, and kills it if it does not end in time."""
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=child, args=(theirs, attack, assault), daemon=True)
    process.start()
    theirs.close()
    try:
        last = assault.until + END_TIMEOUT
        while time.monotonic() < last and not watch.stopped_early:
            if ours.poll(0.1):
                result = ours.recv()
                if isinstance(result, str):
                    raise RuntimeError(f"the attack {attack.name} has a defect:\n{result}")
                return result
        if watch.stopped_early:
            return Tally()
        raise RuntimeError(f"the attack {attack.name} does not end")
    finally:
        process.kill()
        process.join()


def child(pipe, attack, assault):
    """The process of the attackers."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        asyncio.run(attack.run(assault))
        pipe.send(assault.tally)
    except Exception:  # Every exception is a defect of the attack.
        pipe.send(traceback.format_exc())
