"""All attacks on one gateway, one after the other, and what it keeps of them."""
import time

from harness.assault import Assault
from harness.bounds import returns_to_quiet
from harness.stage import Attack

SECONDS_EACH = 4
# Longer than connections to the backend are kept without a request.
SETTLE_SECONDS = 100
FIRST_NETWORK = 20


def after_all(attacks):
    """One attack that consists of those whose gateway is set up alike."""
    chosen = [attack for attack in attacks if attack.audit == "file"]

    def prepare(folder, keys):
        for attack in chosen:
            (folder / attack.name).mkdir()
            if attack.prepare:
                attack.prepare(folder / attack.name, keys)

    async def run(assault):
        for number, attack in enumerate(chosen):
            # Addresses of its own, so that what one attack brings on them does not spare the gateway the next one.
            until = time.monotonic() + SECONDS_EACH
            folder = assault.folder / attack.name
            part = Assault(assault.address[1], folder, assault.keys, until, FIRST_NETWORK + number)
            part.tally = assault.tally
            await attack.run(part)

    return Attack(
        "after-all", f"all attacks on one gateway, {SECONDS_EACH} seconds each", run, (returns_to_quiet(32, 20),), prepare,
        seconds=len(chosen) * (SECONDS_EACH + 1), settle_seconds=SETTLE_SECONDS,
    )
