#!/usr/bin/env python3
"""A web server with NTLM as in IIS: three messages authenticate the connection, not the request.

    ntlm_site.py [--offer SCHEMES] --users FILE
    ntlm_site.py [--offer SCHEMES] -- HELPER...

With --users it verifies NTLMv2 responses itself; FILE has a line NAME:PASSWORD for each user of the domain CORP. With
HELPER a program with Squid's helper protocol verifies them, such as Samba's ntlm_auth, one process per connection.
SCHEMES (default: Negotiate,NTLM) are the challenges of a 401, in order; a Negotiate message must be plain NTLM.

Listens on a free port of 127.0.0.1, prints the port on its first line, and ends when its standard input is closed.

Once a connection is authenticated, every request on it belongs to that user, even without credentials, so a gateway must
never share it between users. The response to an authenticated request is JSON with the received `headers`, `body_length`
and `body_sha256`, the `user` and the `connection`. Every response has X-Remote-User and X-Conn, the number of the
connection.

An unauthenticated request receives its 401 after its body has been read. If the request has `Expect: 100-continue` or the
path begins with /early401, the 401 precedes the body, which is then read and discarded, as in IIS.

Standard library only.
"""
import argparse
import base64
import hashlib
import hmac
import itertools
import json
import os
import struct
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DOMAIN = "CORP"
BLOCK = 65536
CONNECTION_NUMBERS = itertools.count(1)

# NEGOTIATE_MESSAGE, CHALLENGE_MESSAGE (MS-NLMP 2.2.1)
SIGNATURE = b"NTLMSSP\0"
NEGOTIATE = 1
CHALLENGE = 2
# MS-NLMP 2.2.2.5
UNICODE, REQUEST_TARGET, NTLM, TARGET_IS_DOMAIN = 0x1, 0x4, 0x200, 0x10000
EXTENDED_SESSION_SECURITY, TARGET_INFORMATION = 0x80000, 0x800000
FLAGS = UNICODE | REQUEST_TARGET | NTLM | TARGET_IS_DOMAIN | EXTENDED_SESSION_SECURITY | TARGET_INFORMATION
# AV_PAIR: NetBIOS names of the computer and the domain, the time, the end (MS-NLMP 2.2.2.1)
COMPUTER_NAME, DOMAIN_NAME, TIMESTAMP, END = 1, 2, 7, 0
# Seconds from 1601 to 1970.
WINDOWS_EPOCH = 11_644_473_600


def md4(message):
    """MD4 (RFC 1320), which OpenSSL 3 no longer provides."""
    state = [0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476]
    rounds = [
        (lambda x, y, z: (x & y) | (~x & z), 0, (3, 7, 11, 19), range(16)),
        (lambda x, y, z: (x & y) | (x & z) | (y & z), 0x5A827999, (3, 5, 9, 13),
         [row + 4 * column for row in range(4) for column in range(4)]),
        (lambda x, y, z: x ^ y ^ z, 0x6ED9EBA1, (3, 9, 11, 15),
         (0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15)),
    ]
    padded = message + b"\x80" + bytes((55 - len(message)) % 64) + struct.pack("<Q", 8 * len(message))
    for start in range(0, len(padded), 64):
        words = struct.unpack("<16I", padded[start:start + 64])
        a, b, c, d = state
        for mix, constant, shifts, order in rounds:
            for step, word in enumerate(order):
                total = (a + mix(b, c, d) + words[word] + constant) & 0xFFFFFFFF
                shift = shifts[step % 4]
                a, b, c, d = d, (total << shift | total >> (32 - shift)) & 0xFFFFFFFF, b, c
        state = [(old + new) & 0xFFFFFFFF for old, new in zip(state, (a, b, c, d))]
    return struct.pack("<4I", *state)


def hmac_md5(key, message):
    return hmac.new(key, message, hashlib.md5).digest()


class LocalNtlm:
    """One NTLMv2 authentication (MS-NLMP 3.3.2) with the users of a file."""

    def __init__(self, password_hashes):
        self.password_hashes = password_hashes
        self.nonce = None

    def challenge(self, _message):
        """Returns the CHALLENGE_MESSAGE."""
        self.nonce = os.urandom(8)
        target = DOMAIN.encode("utf-16-le")
        now = int((time.time() + WINDOWS_EPOCH) * 10_000_000)
        computer = "RMS".encode("utf-16-le")
        pairs = [(DOMAIN_NAME, target), (COMPUTER_NAME, computer), (TIMESTAMP, struct.pack("<Q", now)), (END, b"")]
        information = b"".join(struct.pack("<HH", kind, len(value)) + value for kind, value in pairs)
        # Both strings follow the 48 bytes of the header.
        name_field = struct.pack("<HHI", len(target), len(target), 48)
        information_field = struct.pack("<HHI", len(information), len(information), 48 + len(target))
        head = SIGNATURE + struct.pack("<I", CHALLENGE) + name_field + struct.pack("<I", FLAGS)
        return head + self.nonce + bytes(8) + information_field + target + information

    def user(self, message):
        """Returns the user of the AUTHENTICATE_MESSAGE; None if its response is wrong."""
        nonce, self.nonce = self.nonce, None
        response, domain, name = (self.field(message, at) for at in (20, 28, 36))
        name_text = name.decode("utf-16-le")
        password_hash = self.password_hashes.get(name_text.lower())
        if nonce is None or password_hash is None or len(response) <= 24:
            return None
        key = hmac_md5(password_hash, name_text.upper().encode("utf-16-le") + domain)
        proof, blob = response[:16], response[16:]
        matches = hmac.compare_digest(hmac_md5(key, nonce + blob), proof)
        return f"{DOMAIN}\\{name_text.lower()}" if matches else None

    @staticmethod
    def field(message, at):
        length, _, offset = struct.unpack_from("<HHI", message, at)
        return message[offset:offset + length]

    def close(self):
        pass


class HelperNtlm:
    """Squid's helper protocol: YR and KK contain the first and the third message, TT and AF are the replies."""

    def __init__(self, command):
        self.helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def challenge(self, message):
        reply = self.query("YR", message)
        return base64.b64decode(reply[3:]) if reply.startswith("TT ") else None

    def user(self, message):
        reply = self.query("KK", message)
        return reply[3:] if reply.startswith("AF ") else None

    def query(self, verb, message):
        self.helper.stdin.write(f"{verb} {base64.b64encode(message).decode()}\n")
        return self.helper.stdout.readline().strip()

    def close(self):
        self.helper.stdin.close()
        self.helper.wait()


class Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two writes, and the second must not wait for the client's acknowledgement of the first.
    disable_nagle_algorithm = True
    # The authentication of a new connection, and the challenges of a 401; set at the start.
    new_authentication = None
    schemes = []

    def setup(self):
        super().setup()
        self.number = next(CONNECTION_NUMBERS)
        self.user = None
        self.authentication = None

    def finish(self):
        super().finish()
        if self.authentication:
            self.authentication.close()

    def log_message(self, *_):
        pass

    def version_string(self):
        return "Microsoft-IIS/10.0"

    def handle_expect_100(self):
        """Decided later, because it depends on the credentials."""
        return True

    def do_GET(self):
        challenges = self.authenticate()
        expects = self.headers.get("Expect", "").lower() == "100-continue"
        if self.user:
            if expects:
                self.send_response_only(100)
                self.end_headers()
            self.echo()
        elif expects or self.path.startswith("/early401"):
            self.challenge_client(challenges)
            self.read_body()
        else:
            self.read_body()
            self.challenge_client(challenges)

    do_POST = do_PUT = do_HEAD = do_OPTIONS = do_GET

    def authenticate(self):
        """Processes the NTLM message, if there is one. Returns the challenges of a 401."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        if scheme in self.schemes and token:
            message = base64.b64decode(token)
            self.user = None
            self.authentication = self.authentication or self.new_authentication()
            if message[8:12] == struct.pack("<I", NEGOTIATE):
                challenge = self.authentication.challenge(message)
                if challenge:
                    return [f"{scheme} {base64.b64encode(challenge).decode()}"]
            else:
                self.user = self.authentication.user(message)
        return self.schemes

    def echo(self):
        length, digest = self.read_body()
        report = {"user": self.user, "connection": self.number, "method": self.command, "target": self.path,
                  "headers": list(self.headers.items()), "body_length": length, "body_sha256": digest}
        self.respond(200, json.dumps(report).encode(), [("Content-Type", "application/json"), ("Persistent-Auth", "true")])

    def challenge_client(self, challenges):
        self.respond(401, b"401\n", [("WWW-Authenticate", challenge) for challenge in challenges])

    def respond(self, status, body, headers):
        self.send_response(status)
        mine = [("X-Conn", self.number), ("X-Remote-User", self.user or ""), ("Content-Length", len(body))]
        for name, value in [*headers, *mine]:
            self.send_header(name, str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def read_body(self):
        digest, length = hashlib.sha256(), 0
        for block in self.blocks():
            digest.update(block)
            length += len(block)
        return length, digest.hexdigest()

    def blocks(self):
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            while size := int(self.rfile.readline().split(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass
            return
        left = int(self.headers.get("Content-Length", 0))
        while left and (block := self.rfile.read(min(left, BLOCK))):
            left -= len(block)
            yield block


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # Tests open many connections at once.
    request_queue_size = 512

    def handle_error(self, request, client_address):
        """Ignores clients that disconnect, even within a chunk."""
        if not isinstance(sys.exc_info()[1], (OSError, ValueError)):
            super().handle_error(request, client_address)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--offer", default="Negotiate,NTLM")
    parser.add_argument("--users")
    parser.add_argument("helper", nargs="*")
    options = parser.parse_args()
    Connection.schemes = options.offer.split(",")
    if options.users:
        with open(options.users, encoding="utf-8") as lines:
            users = dict(line.rstrip("\n").split(":", 1) for line in lines)
        hashes = {name.lower(): md4(password.encode("utf-16-le")) for name, password in users.items()}
        Connection.new_authentication = lambda _: LocalNtlm(hashes)
    else:
        Connection.new_authentication = lambda _: HelperNtlm(options.helper)
    server = Server(("127.0.0.1", 0), Connection)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    # Does not wait for open connections.
    os._exit(0)


if __name__ == "__main__":
    main()
