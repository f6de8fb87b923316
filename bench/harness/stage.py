"""Everything that a measurement needs: the programs, the test material, the backend, and started proxies."""
import os
import resource
import shutil
import subprocess
import tempfile
from pathlib import Path

from . import pki
from .load import Backend, Load
from .proxies import ALL, GATEWAY, PEERS, PROJECT, TARGET, Running

# portcullis accepts as many connections as two descriptors for each, and so many more, allow.
SPARE_DESCRIPTORS = 2048
MOST_CONNECTIONS = 20_000


class Stage:
    """The surroundings of a run. Its files are in a temporary folder, which is removed at the end."""

    def __init__(self, binary, load, peers, workers, authority_key="p256"):
        _, descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
        self.connections = min(MOST_CONNECTIONS, (descriptors - SPARE_DESCRIPTORS) // 2)
        self.workers = workers
        self.load_program = str(load)
        self.programs = {GATEWAY.name: str(binary)}
        for peer in PEERS:
            if peer.name in peers and (program := peer.find()):
                self.programs[peer.name] = program
        self.missing = [peer for peer in PEERS if peer.name in peers and peer.name not in self.programs]
        self.versions = {
            proxy.name: proxy.version_text(self.programs[proxy.name]) for proxy in ALL if proxy.name in self.programs
        }
        self._folder = Path(tempfile.mkdtemp(prefix="portcullis-bench-"))
        # The workers of nginx run as another user.
        self._folder.chmod(0o755)
        self._number = 0
        self.backend = None
        try:
            self.keys = pki.make(self._folder / "pki", authority_key)
            self.backend = Backend(self.load_program)
        except BaseException:
            self.close()
            raise

    @property
    def proxies(self):
        """The gateway and the installed peers."""
        return [proxy for proxy in ALL if proxy.name in self.programs]

    def start(self, proxy, **values):
        """Starts a proxy; `values` replace those of its configuration."""
        self._number += 1
        folder = self._folder / f"{proxy.name}-{self._number}"
        values = {"backend": self.backend.port, "workers": self.workers, "connections": self.connections, **values}
        return Running(proxy, self.programs[proxy.name], folder, self.keys, **values)

    def load(self, mode, running, *arguments, card="p256"):
        """Starts the load generator against a proxy, up to its line `ready`."""
        target = ["--target", f"127.0.0.1:{running.port}", "--ca", self.keys.folder / "root.pem"]
        return Load(self.load_program, mode, *target, "--card", self.keys.card(card), *arguments)

    def new_folder(self, name):
        """A new folder for files of a measurement."""
        folder = self._folder / name
        folder.mkdir()
        return folder

    def close(self):
        """Ends the backend and removes all files."""
        if self.backend:
            self.backend.stop()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def built(given, *command, product):
    """The path of a program: as given, or built by cargo."""
    if given:
        path = Path(given).resolve()
        if not os.access(path, os.X_OK):
            raise SystemExit(f"{path} is not a program")
        return path
    subprocess.run(["cargo", "build", "--locked", *command], cwd=PROJECT, check=True)
    return TARGET / product
