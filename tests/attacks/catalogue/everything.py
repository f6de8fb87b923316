"""All attacks on one gateway, one after the other, and the memory and descriptors that remain."""
import time

from harness.assault import Assault
from harness.bounds import returns_to_quiet
from harness.stage import Attack

SECONDS_EACH = 4
# Longer than the idle timeout of backend connections.
SETTLE_SECONDS = 100
FIRST_NETWORK = 20


def after_all(attacks):
    """One attack that runs all attacks with the same configuration of the gateway."""
    chosen = [attack for attack in attacks if attack.audit == "file"]

    def prepare(folder, keys):
        for attack in chosen:
            (folder / attack.name).mkdir()
            if attack.prepare:
                attack.prepare(folder / attack.name, keys)

    async def run(assault):
        for number, attack in enumerate(chosen):
            # Separate addresses, so that limits which one attack has reached do not weaken the next one.
            until = time.monotonic() + SECONDS_EACH
            folder = assault.folder / attack.name
            part = Assault(assault.address[1], folder, assault.keys, until, FIRST_NETWORK + number)
            part.tally = assault.tally
            await attack.run(part)

    return Attack(
        "after-all", f"all attacks on one gateway, {SECONDS_EACH} seconds each", run, (returns_to_quiet(32, 20),), prepare,
        seconds=len(chosen) * (SECONDS_EACH + 1), settle_seconds=SETTLE_SECONDS,
    )
