"""The ratios of the comparison as an SVG chart: a bar for each proxy, relative to nginx."""
from html import escape

from .proxies import GATEWAY, PEERS

WIDTH, LEFT, RIGHT, TOP = 860, 330, 60, 64
BAR, GAP = 13, 18
# A longer bar is cut.
MOST = 2.5
COLOURS = {
    "nginx": "#5f9e6e", "haproxy": "#5b8fc7", "envoy": "#b07cc6", "traefik": "#d8a13a", "caddy": "#8c8c8c",
    "portcullis": "#d1495b",
}
# Readable on a light and on a dark page.
STYLE = """
    text { font: 12px DejaVu Sans, Verdana, sans-serif; fill: #1f2933; }
    .title { font-weight: bold; font-size: 14px; }
    .own { font-weight: bold; }
    .line { stroke: #7b8794; stroke-width: 1; }
    @media (prefers-color-scheme: dark) { text { fill: #e4e7eb; } .line { stroke: #9aa5b1; } }
"""


def draw(stage, rows, results):
    """The chart as text."""
    proxies = [GATEWAY, *(peer for peer in PEERS if peer in stage.proxies)]
    scale = (WIDTH - LEFT - RIGHT) / MOST
    y, parts = TOP, []
    for row in rows:
        reference = results.median(row, nginx(proxies)) if nginx(proxies) else None
        if not reference:
            continue
        bars = [(proxy, value / reference) for proxy in proxies if (value := results.median(row, proxy))]
        middle = y + len(bars) * BAR / 2 + 4
        parts.append(f'<text x="{LEFT - 12}" y="{middle:.0f}" text-anchor="end">{escape(row.label or row.title)}</text>')
        for proxy, value in bars:
            length = min(value, MOST) * scale
            own = ' class="own"' if proxy is GATEWAY else ""
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="{BAR - 2}" fill="{COLOURS[proxy.name]}"/>'
                f'<text x="{LEFT + length + 4:.1f}" y="{y + BAR - 3}"{own}>{value:.2f}{" ›" if value > MOST else ""}</text>'
            )
            y += BAR
        y += GAP
    one = LEFT + scale
    parts.append(f'<line class="line" x1="{one:.1f}" y1="{TOP - 6}" x2="{one:.1f}" y2="{y - GAP + 6}" stroke-dasharray="4 3"/>')
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}">',
        "<title>Cost of the same work, relative to nginx</title>",
        f"<style>{STYLE}</style>",
        '<text class="title" x="12" y="22">Cost of the same work, relative to nginx (less is better)</text>',
        *legend(proxies), *parts, "</svg>", "",
    ])


def nginx(proxies):
    """The proxy that all others are compared with, or None."""
    return next((proxy for proxy in proxies if proxy.name == "nginx"), None)


def legend(proxies):
    """The colours of the proxies."""
    x = 12
    for proxy in proxies:
        yield f'<rect x="{x}" y="34" width="11" height="11" fill="{COLOURS[proxy.name]}"/>'
        yield f'<text x="{x + 16}" y="44">{escape(proxy.label)}</text>'
        x += 34 + 8 * len(proxy.label)
