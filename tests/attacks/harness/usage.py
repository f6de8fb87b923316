"""Memory, descriptors and processor time of a process, from /proc (proc(5))."""
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
MEBIBYTE = 1024 * 1024


def memory(pid):
    """Resident memory in MiB: the present value, and the peak since the last reset."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return tuple(int(fields[key].split()[0]) / 1024 for key in ("VmRSS", "VmHWM"))


def reset_peak(pid):
    """Resets the peak of resident memory."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def descriptors(pid):
    """The number of open descriptors."""
    return len(os.listdir(f"/proc/{pid}/fd"))


def processor_seconds(pid):
    """User and system time of all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@dataclass
class Reading:
    """The measurements of a process at one moment."""

    memory: float
    descriptors: int
    processor: float
    moment: float


def read(pid):
    """Measures a process."""
    return Reading(memory(pid)[0], descriptors(pid), processor_seconds(pid), time.monotonic())


class Watch:
    """Samples a process ten times a second, and measures the stalls of this machine."""

    INTERVAL = 0.1

    def __init__(self, pid, limit_reached):
        """`limit_reached` is called each time and returns whether the attack must stop."""
        self.most_descriptors = 0
        self.stall = 0.0
        self.stopped_early = False
        self._pid = pid
        self._limit_reached = limit_reached
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join()

    def _look(self):
        before = time.monotonic()
        while not self._end.wait(self.INTERVAL):
            now = time.monotonic()
            self.stall = max(self.stall, now - before - self.INTERVAL)
            before = now
            try:
                self.most_descriptors = max(self.most_descriptors, descriptors(self._pid))
            except OSError:
                return
            if self._limit_reached():
                self.stopped_early = True
                return
