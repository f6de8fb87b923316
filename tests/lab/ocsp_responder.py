#!/usr/bin/env python3
"""An OCSP responder with faults: `openssl ocsp` behind HTTP.

    ocsp_responder.py FOLDER

FOLDER contains index.txt (as written by `openssl ca`), ca.pem, other-ca.pem, and for each signer NAME.pem and NAME.key:
`delegate`, an authorized responder of the CA, and `no-usage`, a certificate of the CA without OCSPSigning.

Listens on a free port of 127.0.0.1, prints the port on its first line, and ends when its standard input is closed. The first
segment of the path selects the response to GET (RFC 6960 A.1) and POST:

    /answer        the status of the index, valid for an hour, with the nonce
    /no-nonce      the same without the nonce
    /by-key        the same, the responder named by its key
    /no-next-update
    /other-nonce   returns another nonce
    /sha256        identifies the certificate by SHA-256, whatever the request has; likewise /sha384, /sha512
    /other-serial  the status of another certificate of the CA
    /other-issuer  the status of the same serial number of another CA
    /no-usage      signed by a certificate without OCSPSigning
    /alone         without the signer's certificate
    /truncated     the first half of a response
    /status/CODE   an OCSP status without content (tryLater is 3)
    /http/CODE     an HTTP status
    /hang          reads the request and never responds
    /reset         reads the request and resets the connection

Standard library and the openssl program only.
"""
import base64
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(sys.argv[1])
# The timeout of one call of openssl, long enough for a busy machine.
PATIENCE = 30


def openssl(*arguments):
    """Runs `openssl ocsp`; the error contains its output if it fails."""
    command = ["openssl", "ocsp", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{command}: {done.stderr}")
    return done.stdout


def answer(request, fault):
    """The response to a request in DER, with this fault."""
    with tempfile.TemporaryDirectory() as scratch:
        asked, answered = Path(scratch, "request"), Path(scratch, "answer")
        asked.write_bytes(request)
        ca = "other-ca.pem" if fault == "other-issuer" else "ca.pem"
        hashes = ("sha256", "sha384", "sha512")
        if fault in ("no-nonce", "other-nonce", "other-serial", "other-issuer", *hashes):
            serial = re.search(r"Serial Number: ([0-9A-F]+)", openssl("-reqin", asked, "-req_text")).group(1)
            serial = "1234" if fault == "other-serial" else serial
            nonce = "-nonce" if fault == "other-nonce" else "-no_nonce"
            named_by = [f"-{fault}"] if fault in hashes else []
            openssl(*named_by, "-issuer", FOLDER / ca, "-serial", f"0x{serial}", nonce, "-reqout", asked)
        signer = "no-usage" if fault == "no-usage" else "delegate"
        options = [] if fault == "no-next-update" else ["-nmin", "60"]
        options += ["-resp_key_id"] if fault == "by-key" else []
        options += ["-resp_no_certs"] if fault == "alone" else []
        openssl("-index", FOLDER / "index.txt", "-CA", FOLDER / ca, "-rsigner", FOLDER / f"{signer}.pem",
                "-rkey", FOLDER / f"{signer}.key", "-reqin", asked, "-respout", answered, *options)
        der = answered.read_bytes()
    return der[: len(der) // 2] if fault == "truncated" else der


class Responder(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        last = self.path.rsplit("/", 1)[-1]
        self.respond(base64.b64decode(urllib.parse.unquote(last)))

    def do_POST(self):
        self.respond(self.rfile.read(int(self.headers["Content-Length"])))

    def respond(self, request):
        fault, *arguments = self.path.strip("/").split("/")
        if fault == "hang":
            threading.Event().wait()
        elif fault == "reset":
            # A socket with a linger time of zero sends RST when it is closed.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
        elif fault == "http":
            self.reply(int(arguments[0]), b"")
        elif fault == "status":
            self.reply(200, bytes([0x30, 3, 0x0A, 1, int(arguments[0])]))
        else:
            self.reply(200, answer(request, fault))

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/ocsp-response")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Responder)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()
    # Does not wait for the threads of /hang.
    os._exit(0)


main()
