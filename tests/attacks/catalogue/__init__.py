"""Every attack, in the order in which they run."""
from . import (
    certificates, connections, control_frames, everything, handshakes, pinned, records, requests, slow_bodies, slow_readers,
)

ATTACKS = [
    *slow_bodies.ATTACKS,
    *slow_readers.ATTACKS,
    *pinned.ATTACKS,
    *records.ATTACKS,
    *certificates.ATTACKS,
    *handshakes.ATTACKS,
    *control_frames.ATTACKS,
    *connections.ATTACKS,
    *requests.ATTACKS,
]
ATTACKS.append(everything.after_all(ATTACKS))
