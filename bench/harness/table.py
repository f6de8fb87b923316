"""The results as Markdown."""
from . import foreign
from .comparison import FIXED
from .proxies import GATEWAY, PEERS


def comparison(stage, rows, results, effort):
    """The tables of the comparison, and the notes below them."""
    peers = [peer for peer in PEERS if peer in stage.proxies]
    parts = [figures(stage, peers, rows, results)]
    if any(row.figure == "cpu_us" for row in rows):
        parts.append(rates(stage, peers, rows, results))
    if FIXED.name in results.raw:
        parts.append(latencies(stage, peers, results))
    parts.append(notes(stage, peers, (*rows, FIXED), results, effort))
    return "\n\n".join(parts) + "\n"


def figures(stage, peers, rows, results):
    """CPU time per operation, memory and latency, with ratios and goals."""
    head = ["work", *(named(stage, peer) for peer in peers), "**portcullis**", "to nginx", "to the best", "goal"]
    lines = []
    for row in rows:
        own = results.median(row, GATEWAY)
        others = {peer.name: results.median(row, peer) for peer in peers}
        known = [value for value in others.values() if value]
        lines.append([
            f"{row.title}, {row.unit}", *(number(others[peer.name]) for peer in peers), f"**{number(own)}**",
            ratio(own, others.get("nginx")), ratio(own, min(known, default=None)), goal(row),
        ])
    return table(head, lines)


def rates(stage, peers, rows, results):
    """Operations per second at full speed, and the latencies at that rate."""
    lines = []
    for row in rows:
        if row.figure == "cpu_us":
            cells = [cell(results, row, proxy, "rate", "p99") for proxy in (*peers, GATEWAY)]
            lines.append([row.title, *cells])
    head = ["operations per second at full speed; p99 in ms", *(named(stage, peer) for peer in peers), "**portcullis**"]
    return table(head, lines)


def cell(results, row, proxy, rate, latency):
    """A rate and a latency."""
    value, micros = results.median(row, proxy, rate), results.median(row, proxy, latency)
    return "–" if value is None else f"{number(value)}; {number(micros / 1000)}"


def latencies(stage, peers, results):
    """Latencies at a fixed rate, from the moment at which a request was due."""
    lines = []
    for figure, title in (("p50", "p50"), ("p99", "p99"), ("p999", "p99.9")):
        lines.append([
            f"{FIXED.title}, {title}, ms",
            *(number(in_ms(results.median(FIXED, proxy, figure))) for proxy in (*peers, GATEWAY)),
        ])
    head = ["latency at a fixed rate", *(named(stage, peer) for peer in peers), "**portcullis**"]
    return table(head, lines)


def notes(stage, peers, rows, results, effort):
    """What a reader must know to read the figures."""
    lines = [
        f"Medians of {effort.rounds} rounds of {effort.seconds:g} s, {stage.workers} workers; "
        f"{effort.idle_connections:,} idle connections. Ratios below 1 are in favour of portcullis."
    ]
    if results.stopped_in:
        lines.append(f"The time was over in round {results.stopped_in}; some rows have one result less.")
    for peer in stage.missing:
        lines.append(f"{peer.label} is not installed (`bench/install`) and was left out.")
    for peer in peers:
        if not peer.checks_crl:
            lines.append(f"{peer.label} checks no CRL.")
    for row in rows:
        for proxy in (*peers, GATEWAY):
            if cause := results.failures.get(row.name, {}).get(proxy.name):
                lines.append(f"{proxy.label} has no figure for “{row.title}”: {cause}.")
    for row in rows:
        other = {
            proxy.label: group for proxy in (*peers, GATEWAY)
            for group in {result["tls"]["group"] for result in results.of(row, proxy) if "tls" in result}
            if row.name == "full-mlkem" and group != "X25519MLKEM768"
        }
        if other:
            lines.append(f"In “{row.title}” these chose X25519: {', '.join(other)}.")
    return "\n".join(f"* {line}" for line in lines)


def named(stage, proxy):
    """A proxy with its version."""
    return f"{proxy.label} {stage.versions[proxy.name]}"


def goal(row):
    """The goal of a row."""
    if row.goal is None:
        return ""
    at_least = f", at least {row.at_least}" if row.at_least else ""
    return f"≤ {row.goal}{at_least}"


def ratio(own, other):
    """A ratio with two decimals."""
    return "–" if not own or not other else f"{own / other:.2f}"


def in_ms(micros):
    """Milliseconds, or None."""
    return None if micros is None else micros / 1000


def number(value):
    """A number with three digits."""
    if value is None:
        return "–"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head, lines):
    """A Markdown table."""
    rows = [head, ["---"] * len(head), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def cross_check(stage, results, checked):
    """The first row as curl measures it, beside the load generator's figure."""
    row = foreign.own_row()
    proxies = [proxy for proxy in (*PEERS, GATEWAY) if proxy.name in checked]
    own = [results.median(row, proxy) for proxy in proxies]
    curl = [checked[proxy.name]["cpu_us"] for proxy in proxies]
    head = [f"{row.title}, µs", *(named(stage, proxy) for proxy in proxies)]
    return table(head, [["load generator", *map(number, own)], ["curl", *map(number, curl)]])
