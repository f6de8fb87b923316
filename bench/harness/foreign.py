"""A cross-check of the load generator with a foreign one: curl, with OpenSSL instead of rustls."""
import subprocess

from . import pki
from .comparison import ROWS
from .load import LoadError, settle
from .proxies import PATH

REQUESTS = 20_000
CONNECTIONS = 16
TIMEOUT = 120


def curl(stage, running, requests=REQUESTS):
    """Sends the kept-alive POST of the comparison with curl. Returns the CPU microseconds of the proxy per request."""
    body = stage.keys.folder / "body"
    body.write_bytes(b"x" * 6144)
    settle()
    before = running.cpu()
    # A fragment is not sent to the server; it only repeats the URL.
    url = f"https://{pki.HOST}:{running.port}{PATH}?down=4096#[1-{requests}]"
    result = subprocess.run(
        ["curl", "--silent", "--show-error", "--fail", "--http1.1", "--parallel",
         "--parallel-max", str(CONNECTIONS), "--resolve", f"{pki.HOST}:{running.port}:127.0.0.1",
         "--cacert", stage.keys.folder / "root.pem", "--cert", stage.keys.card("p256"),
         "--key", stage.keys.card("p256"), "--data-binary", f"@{body}", "--header", "Content-Type: text/xml",
         "--header", "Expect:", "--output", "/dev/null", "--write-out", "%{http_code} %{num_connects}\\n", url],
        capture_output=True, text=True, timeout=TIMEOUT,
    )
    settle()
    spent = running.cpu() - before
    running.clear_logs()
    lines = result.stdout.splitlines()
    if result.returncode or len(lines) != requests or any(not line.startswith("200 ") for line in lines):
        raise LoadError(f"curl: {result.stderr.strip()[-200:] or f'{len(lines)} responses'}")
    connections = sum(int(line.split()[1]) for line in lines)
    return {"cpu_us": spent / 1000 / requests, "connections": connections}


def own_row():
    """The row of the comparison that curl repeats."""
    return next(row for row in ROWS if row.name == "http1")
