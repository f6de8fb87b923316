"""Checks that every installed proxy does the work that is compared: the configurations of bench/peers cannot rot."""
import re
import time

from . import client
from .proxies import ALL, PATH

LOG_TIMEOUT = 5


def check(stage):
    """Checks each proxy and prints one line for each check. Returns whether all passed."""
    passed = failed = skipped = 0
    for proxy in ALL:
        if proxy.name not in stage.programs:
            print(f"skipped {proxy.label}: not installed")
            skipped += 1
            continue
        try:
            with stage.start(proxy) as running:
                results = list(inspect(running, stage.keys))
        except (RuntimeError, OSError) as error:
            results = [(f"starts: {error}", False)]
        for what, holds in results:
            print(f"{'ok     ' if holds else 'FAILED '} {proxy.label}: {what}", flush=True)
            passed, failed = passed + holds, failed + (not holds)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return failed == 0


def inspect(running, keys):
    """The checks of a running proxy, each as text and whether it holds."""
    port, proxy = running.port, running.proxy
    forged = {"X-Remote-User": "mallory", "X-Remote-Certificate-Sha256": "mallory", "X-Remote-Certificate-Sha1": "mallory",
              "X-Forwarded-Client-Cert": "Hash=mallory", "X-Forwarded-Tls-Client-Cert-Info": "mallory"}
    response = client.request(port, keys, "p256", f"{PATH}?headers", forged)
    identity = proxy.identity
    for digest in ("sha1", "sha256"):
        value = keys.show(f"-fingerprint -{digest}").replace(":", "")
        identity = identity.replace(f"@{digest}@", value)
    has_identity = re.search(identity, response.body, re.IGNORECASE) is not None
    sets = identity.partition(":")[0]
    is_forged = re.search(rf"^{sets}: .*mallory", response.body, re.MULTILINE) is not None
    yield "responds 200 to a client certificate", response.status == 200
    yield f"sends {sets} to the backend", has_identity
    yield "replaces the same header of the client", not is_forged
    yield "serves an RSA certificate", client.request(port, keys, "rsa2048", PATH).status == 200
    yield "negotiates HTTP/2", client.protocol(port, keys, ["h2", "http/1.1"]) == "h2"
    yield "rejects a request without a certificate", is_rejected(port, keys, None)
    yield "rejects a certificate of another CA", is_rejected(port, keys, "foreign")
    if proxy.checks_crl:
        yield "rejects a revoked certificate", is_rejected(port, keys, "revoked")
    else:
        yield "checks no CRL, as its configuration says", not is_rejected(port, keys, "revoked")
    yield "logs the certificate of a request", logs(running, "alice")


def is_rejected(port, keys, card):
    """Whether the proxy denies a request with this certificate."""
    try:
        return client.request(port, keys, card, PATH).status != 200
    except OSError:
        return True


def logs(running, text):
    """Whether the access log contains a text, or does so soon."""
    end = time.monotonic() + LOG_TIMEOUT
    while text not in running.access_log():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True
