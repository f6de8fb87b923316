"""The gateway under attack and its backend: files, start and stop."""
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from . import pki

BACKEND = Path(__file__).resolve().parent.parent / "backend.py"
ADDRESS = "127.0.0.1"
# A client certificate is required on the first path and ignored on the second.
REQUIRED = "/_wmcs/certification/certification.asmx"
IGNORED = "/_wmcs/certification/server.asmx"
# A path with pass-through authentication.
PASS_THROUGH = "/_wmcs/licensing/license.asmx"
# A path with a response of 8 MiB.
LARGE = "/_wmcs/licensing/templates.asmx"
START_TIMEOUT = 20

CONFIGURATION = """
[audit]
file = "{audit}"

[admin]
listen = ["127.0.0.1:{admin}"]

[[site]]
hosts       = ["{host}"]
listen      = ["127.0.0.1:{port}"]
certificate = ["{pki}/server.pem"]
private_key = ["{pki}/server.key"]
realm       = "staff"
backend     = "rms"
http2       = true

[[site.path]]
path = "{required}"
client_certificate = "require"

[[site.path]]
path = "{ignored}"
client_certificate = "ignore"

[[site.path]]
path = "{pass_through}"
client_certificate = "ignore"
password = "backend"

[[site.path]]
path = "{large}"
client_certificate = "ignore"

[realm.staff]
trust_anchors = ["{pki}/root.pem"]
intermediates = ["{pki}/issuing.pem"]
revocation    = {{ mode = "require", crl = ["{pki}/crl/"] }}
mapping       = {{ order = ["upn"], strength = "weak" }}

[[realm.staff.identity_issuers]]
certificate  = "{pki}/issuing.pem"
upn_suffixes = ["{domain}"]

[backend.rms]
servers = ["http://127.0.0.1:{backend}"]
"""


def two_free_ports():
    """Two different free ports."""
    with socket.create_server((ADDRESS, 0)) as one, socket.create_server((ADDRESS, 0)) as other:
        return one.getsockname()[1], other.getsockname()[1]


class Gateway:
    """One gateway with all limits at their defaults, and its backend.

    `audit` is the sink of audit records: "file", or "pipe" or "fifo", which are never read.
    """

    def __init__(self, binary, keys, folder, audit="file"):
        folder.mkdir(parents=True)
        self.folder = folder
        self._audit = folder / "audit.jsonl"
        self._log = folder / "log"
        self._unread = None
        self.backend = subprocess.Popen(
            [sys.executable, BACKEND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        self.process = None
        try:
            backend_port = int(self.backend.stdout.readline())
            # After the backend has bound its port, which might else be one of these.
            self.port, self.admin = two_free_ports()
            if audit == "fifo":
                os.mkfifo(self._audit)
            configuration = CONFIGURATION.format(
                audit="stdout" if audit == "pipe" else self._audit, admin=self.admin, port=self.port, pki=keys.folder,
                host=pki.HOST, domain=pki.DOMAIN, backend=backend_port, required=REQUIRED, ignored=IGNORED, large=LARGE,
                pass_through=PASS_THROUGH,
            )
            (folder / "proxy.toml").write_text(configuration)
            self._start(binary, audit)
        except BaseException:
            self.stop()
            raise

    def _start(self, binary, audit):
        standard_output = subprocess.DEVNULL
        if audit == "pipe":
            self._unread, standard_output = os.pipe()
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [binary, "serve", "--config", self.folder / "proxy.toml"],
                stdin=subprocess.DEVNULL, stdout=standard_output, stderr=log, start_new_session=True,
            )
        if audit == "pipe":
            os.close(standard_output)
        end = time.monotonic() + START_TIMEOUT
        while not self._is_ready():
            if self.process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the gateway does not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.05)

    def _is_ready(self):
        try:
            with urllib.request.urlopen(f"http://{ADDRESS}:{self.admin}/readyz", timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, OSError):
            return False

    @property
    def pid(self):
        """The process id of the gateway."""
        return self.process.pid

    def bytes_written(self):
        """The size of the audit file and the log together."""
        return sum(file.stat().st_size for file in (self._audit, self._log) if file.is_file())

    def settled_bytes_written(self, within=5.0):
        """The size after both have stopped growing."""
        before, end = -1, time.monotonic() + within
        while (now := self.bytes_written()) != before and time.monotonic() < end:
            before = now
            time.sleep(0.5)
        return now

    def stop(self):
        """Kills both processes."""
        for process in (self.process, self.backend):
            if process and process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait()
        self.backend.stdin.close()
        self.backend.stdout.close()
        if self._unread is not None:
            os.close(self._unread)
            self._unread = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
