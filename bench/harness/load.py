"""The load generator and the backend, both the example `load` of this crate."""
import json
import selectors
import subprocess
import time

PREPARATION = 300


class LoadError(RuntimeError):
    """The load generator failed, or did not end in time."""


class Load:
    """A running mode of the load generator, between its line `ready` and its result."""

    def __init__(self, binary, *arguments, preparation=PREPARATION):
        self._mode = arguments[0]
        self._process = subprocess.Popen(
            [binary, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, start_new_session=True,
        )
        try:
            if self._line(preparation) != "ready":
                raise LoadError(self._failure())
        except BaseException:
            self.stop()
            raise

    def result(self, timeout):
        """Begins the measurement and returns its result."""
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._line(timeout)
        if not line:
            raise LoadError(self._failure())
        return json.loads(line)

    def stop(self):
        """Ends the process."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            pipe.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _line(self, timeout):
        """The next line of standard output; empty at its end or after the time."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            if not selector.select(timeout):
                return ""
        return self._process.stdout.readline().strip()

    def _failure(self):
        self._process.kill()
        lines = self._process.stderr.read().splitlines()
        # The cause is in the first line of a wrong command line, and in the last one otherwise.
        causes = [line for line in lines if line.startswith("error:")] or [line for line in lines if line][-1:]
        return f"load {self._mode}: {causes[0] if causes else 'no result in time'}"


class Backend:
    """The server behind the proxies. It ends when its standard input is closed, so also if this process is killed."""

    def __init__(self, binary, *arguments):
        self._process = subprocess.Popen(
            [binary, "backend", *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            start_new_session=True,
        )
        self.port = int(self._process.stdout.readline())

    def stop(self):
        """Ends the backend."""
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


def settle(seconds=0.15):
    """Waits for logs and tickets that a proxy still writes after a response."""
    time.sleep(seconds)
