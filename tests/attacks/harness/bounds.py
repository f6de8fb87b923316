"""Bounds that must hold during an attack."""
from dataclasses import dataclass

LONGEST_WAIT = 1.0
# With fewer visits the holder was not served, even if every response was 200.
FEWEST_VISITS_PER_SECOND = 0.5


@dataclass(frozen=True)
class Finding:
    """The measured figure of a bound, as text, and whether the bound holds."""

    what: str
    holds: bool


def holder_is_served(outcome):
    """The certificate holder receives only 200, each within a second."""
    statuses = " ".join(f"{count}×{result}" for result, count in sorted(outcome.holder.items()))
    enough = sum(outcome.holder.values()) >= FEWEST_VISITS_PER_SECOND * outcome.seconds
    holds = set(outcome.holder) == {"200"} and outcome.longest < LONGEST_WAIT and enough
    return Finding(f"holder {statuses or 'not served'}, longest {outcome.longest:.2f} s", holds)


def written_per_byte(most):
    """Limits the bytes of audit and log per byte of requests, without the handshakes."""

    def check(outcome):
        received = outcome.tally.request_bytes
        ratio = outcome.written / received if received else 0.0
        whole = outcome.written / max(outcome.tally.wire_bytes, 1)
        what = f"{ratio:.1f} B written per B of requests ({whole:.1f} per B on the wire), at most {most}"
        return Finding(what, received > 0 and ratio <= most)

    return check


def written_per_request(most):
    """Limits the bytes of audit and log per request."""

    def check(outcome):
        statuses = outcome.tally.statuses
        # Without the requests that were rejected because of overload.
        count = sum(statuses.values()) - statuses[503] or outcome.tally.requests
        each = outcome.written / max(count, 1)
        return Finding(f"{each:.0f} B written per request, at most {most}", count > 0 and each <= most)

    return check


def memory_grows_at_most(most):
    """Limits the growth of resident memory at its peak, in MiB."""

    def check(outcome):
        growth = outcome.peak - outcome.before.memory
        return Finding(f"memory +{growth:.0f} MiB at its highest, at most {most}", growth <= most)

    return check


def closed_or_cheap(within, percent):
    """Every flooding connection is closed within some seconds, or the flood uses little processor time."""

    def check(outcome):
        longest = max(outcome.tally.lifetimes, default=float("inf"))
        what = f"flooding connections lived {longest:.1f} s at most, at {outcome.processor:.0f} % of a core"
        holds = longest <= within or outcome.processor < percent
        return Finding(f"{what}; {within} s or {percent} %", outcome.tally.connected > 0 and holds)

    return check


def latency_grows_at_most(times):
    """Limits the median latency on an established connection, relative to the median before the attack."""

    def check(outcome):
        ratio = outcome.median / outcome.quiet_median
        what = f"median {outcome.quiet_median * 1000:.2f} → {outcome.median * 1000:.2f} ms, × {ratio:.1f}, at most × {times}"
        return Finding(what, ratio <= times)

    return check


def connections_are_capped_below(count):
    """The gateway limits the open connections of one address."""

    def check(outcome):
        most = outcome.tally.most_open
        return Finding(f"{most} connections open at a time, less than {count}", 0 < most < count)

    return check


def all_get(*statuses):
    """Every response has one of these statuses."""

    def check(outcome):
        received = outcome.tally.statuses
        return Finding(f"responses {dict(received)}", bool(received) and set(received) <= set(statuses))

    return check


def returns_to_quiet(memory, descriptors):
    """Limits the memory in MiB and the descriptors that remain after the attack."""

    def check(outcome):
        more_memory = outcome.after.memory - outcome.before.memory
        more_descriptors = outcome.after.descriptors - outcome.before.descriptors
        what = f"kept {more_memory:+.0f} MiB and {more_descriptors:+} descriptors, at most {memory} and {descriptors}"
        return Finding(what, more_memory <= memory and more_descriptors <= descriptors)

    return check
