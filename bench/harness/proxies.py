"""The gateway and its peers: where their programs are, how they are started, and their running processes."""
import os
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from . import client, pki, usage

BENCH = Path(__file__).resolve().parent.parent
PROJECT = BENCH.parent
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", PROJECT / "target"))
PATH = "/_wmcs/certification/certification.asmx"
START_TIMEOUT = 30
STOP_TIMEOUT = 5


@dataclass(frozen=True)
class Proxy:
    """One proxy of the comparison."""

    name: str
    label: str
    program: str
    # Its configuration files of bench/peers; the first one is that of the command line.
    files: tuple
    # The command line, from the program, the configuration file and the values of the configuration.
    command: Callable
    version: tuple
    # A request header that the backend must receive, as a pattern; `@sha256@` and `@sha1@` stand for fingerprints.
    identity: str
    checks_crl: bool = True

    def find(self):
        """The path of the program, or None."""
        folders = f"{TARGET}/bench-peers/bin:{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"
        return shutil.which(self.program, path=folders)

    def version_text(self, program):
        """The version number that the program prints."""
        result = subprocess.run([program, *self.version], capture_output=True, text=True, timeout=20)
        found = re.search(r"\d+\.\d+(\.\d+)?", re.sub(r"[0-9a-f]{40}", "", result.stdout + result.stderr))
        return found.group() if found else "?"


GATEWAY = Proxy(
    name="portcullis", label="portcullis", program="portcullis", files=("portcullis.toml",),
    command=lambda program, file, values: [program, "serve", "--config", file],
    version=("--version",), identity=r"x-remote-certificate-sha256: @sha256@\n",
)
PEERS = (
    Proxy(
        name="nginx", label="nginx", program="nginx", files=("nginx.conf",),
        command=lambda program, file, values: [program, "-e", "stderr", "-p", values["folder"], "-c", file],
        version=("-v",), identity=r"x-remote-certificate-sha1: @sha1@\n",
    ),
    Proxy(
        name="haproxy", label="HAProxy", program="haproxy", files=("haproxy.cfg",),
        # In master-worker mode, as the service of the distribution.
        command=lambda program, file, values: [program, "-W", "-db", "-f", file],
        version=("-v",), identity=r"x-remote-certificate-sha1: @sha1@\n",
    ),
    Proxy(
        name="envoy", label="Envoy", program="envoy", files=("envoy.yaml",),
        command=lambda program, file, values: [
            program, "-c", file, "--concurrency", values["workers"], "--disable-hot-restart", "--log-level", "warn",
            # The access log is written at the latest after a second, as the audit log.
            "--file-flush-interval-msec", "1000",
        ],
        version=("--version",), identity=r"x-forwarded-client-cert: Hash=@sha256@;Subject=",
    ),
    Proxy(
        name="traefik", label="Traefik", program="traefik", files=("traefik.yaml", "traefik-routes.yaml"),
        command=lambda program, file, values: [program, f"--configfile={file}"],
        version=("version",), identity=r"x-forwarded-tls-client-cert-info: .*CN%3Dalice", checks_crl=False,
    ),
    Proxy(
        name="caddy", label="Caddy", program="caddy", files=("Caddyfile",),
        command=lambda program, file, values: [program, "run", "--adapter", "caddyfile", "--config", file],
        version=("version",), identity=r"x-remote-certificate-sha256: @sha256@\n", checks_crl=False,
    ),
)
ALL = (GATEWAY, *PEERS)


class Running:
    """A started proxy. Its files are in a folder of its own."""

    def __init__(self, proxy, program, folder, keys, backend, workers, connections, **values):
        self.proxy, self.keys = proxy, keys
        self.folder = folder
        folder.mkdir(parents=True, mode=0o755)
        self.port, self._admin = free_port(), free_port()
        values = {
            "folder": folder, "pki": keys.folder, "crl": keys.crl, "host": pki.HOST, "path": PATH, "port": self.port,
            "admin": self._admin, "backend": backend, "server": f"http://127.0.0.1:{backend}", "workers": workers,
            "connections": connections, "rules": "", "mappings": "", "backend_keys": "", **values,
        }
        values = {key: str(value) for key, value in values.items()}
        for file in proxy.files:
            text = (BENCH / "peers" / file).read_text()
            (folder / file).write_text(re.sub(r"@([a-z_]+)@", lambda found: values[found.group(1)], text))
        command = proxy.command(program, str(folder / proxy.files[0]), values)
        self.output = folder / "output.log"
        environment = {**os.environ, "GOMAXPROCS": str(workers), "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        begin = time.monotonic()
        with self.output.open("ab") as output, (folder / "errors.log").open("ab") as errors:
            self._process = subprocess.Popen(
                dies_with_parent() + list(map(str, command)), stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                cwd=folder, env=environment, start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise
        self.start_seconds = time.monotonic() - begin

    @property
    def pid(self):
        """The id of the process that was started, the parent of any others."""
        return self._process.pid

    def _wait_until_ready(self):
        end = time.monotonic() + START_TIMEOUT
        while True:
            if self._process.poll() is not None:
                raise RuntimeError(f"{self.proxy.label} does not start: {self.last_errors()}")
            try:
                if client.request(self.port, self.keys, "p256", PATH).status == 200:
                    return
                result = "it does not respond 200"
            except OSError as error:
                result = str(error)
            if time.monotonic() > end:
                raise RuntimeError(f"{self.proxy.label} is not ready: {result}; {self.last_errors()}")
            time.sleep(0.05)

    def last_errors(self):
        """The end of what it wrote to standard error."""
        return (self.folder / "errors.log").read_text(errors="replace")[-1500:]

    def cpu(self):
        """Nanoseconds of CPU time so far."""
        return usage.cpu(self.pid)

    def memory(self):
        """Resident bytes."""
        return usage.memory(self.pid)

    def access_log(self):
        """What it has logged, as text."""
        parts = (self.folder / "access.log", self.output)
        return "".join(part.read_text(errors="replace") for part in parts if part.exists())

    def metrics(self):
        """The metrics of portcullis."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/metrics", timeout=10) as response:
            return response.read().decode()

    def clear_logs(self):
        """Empties the logs, which all proxies append to."""
        for file in self.folder.glob("*.log"):
            os.truncate(file, 0)

    def stop(self):
        """Ends all its processes."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_TIMEOUT)
            except subprocess.TimeoutExpired:
                pass
        # The session contains only what this proxy has started.
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def dies_with_parent():
    """A prefix of a command that ends with this process, however it ends."""
    program = shutil.which("setpriv")
    return [program, "--pdeathsig", "TERM", "--"] if program else []


def free_port():
    """A free port of the loopback interface, below those of outgoing connections."""
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for _ in range(200):
        port = 10_000 + int.from_bytes(os.urandom(4)) % (first - 10_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise RuntimeError("no free port")
