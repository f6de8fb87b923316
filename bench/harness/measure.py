"""Single measurements of one running proxy. Each returns the result of the load generator with `cpu_us` or `memory`."""
import time

from .load import LoadError, settle

# The time beyond the measurement itself in which the load generator must respond.
GRACE = 30


def operations(stage, running, arguments, seconds, card="p256"):
    """Runs requests or handshakes, and adds the CPU microseconds of the proxy's processes per operation."""
    mode, *rest = arguments
    with stage.load(mode, running, *rest, "--seconds", seconds, card=card) as load:
        settle()
        before = running.cpu()
        result = load.result(seconds + GRACE)
        settle()
        spent = running.cpu() - before
    running.clear_logs()
    if result["failures"] or not result["operations"]:
        raise LoadError(f"{result['failures']} failures, such as {result['first_failure']}")
    result["cpu_us"] = spent / 1000 / result["operations"]
    return result


def idle(stage, proxy, connections, card="p256"):
    """Starts a proxy, opens connections, and adds the kilobytes of memory for each.

    The proxy is new for each measurement, because allocators keep the memory of earlier connections.
    """
    with stage.start(proxy) as running:
        with stage.load("idle", running, "--connections", 64, card=card) as load:
            load.result(GRACE)
        settle(1)
        before = running.memory()
        with stage.load("idle", running, "--connections", connections, card=card) as load:
            # Buffers of the handshakes are freed by then, and an allocator's background thread has run.
            settle(2)
            after = running.memory()
            result = load.result(GRACE)
    if result["open"] != connections:
        raise LoadError(f"{result['open']} of {connections} connections are open: {result['first_failure']}")
    result["memory_kb"] = (after - before) / 1024 / connections
    return result


def hellos(stage, running, arguments, seconds):
    """Times an established connection, alone and while ClientHellos arrive."""
    with stage.load("hellos", running, *arguments, "--seconds", seconds) as load:
        result = load.result(2 * seconds + GRACE)
    running.clear_logs()
    for phase in ("alone", "flooded"):
        if result[phase]["failures"] or not result[phase]["operations"]:
            raise LoadError(f"{phase}: {result[phase]['first_failure'] or 'no response in time'}")
    result["p50_ms"] = result["flooded"]["p50"] / 1000
    return result


def deadline(minutes):
    """A moment after which no further measurement begins."""
    return time.monotonic() + 60 * minutes
