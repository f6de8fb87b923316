"""A plain client of the proxies, independent of the load generator: Python's ssl."""
import http.client
import socket
import ssl

from . import pki

TIMEOUT = 10


class Response:
    """Status, body, and the protocol that ALPN selected."""

    def __init__(self, status, body, protocol):
        self.status, self.body, self.protocol = status, body, protocol


def request(port, keys, card, target, headers=None):
    """Sends one POST over HTTP/1.1, with a client certificate unless `card` is None.

    OSError if the connection or the handshake fails; under TLS 1.3 a rejected certificate shows at the first read.
    """
    with connect(port, keys, card, ["http/1.1"]) as tls:
        connection = http.client.HTTPConnection(pki.HOST, timeout=TIMEOUT)
        connection.sock = tls
        try:
            connection.request("POST", target, body=b"x" * 100, headers={"Content-Type": "text/xml", **(headers or {})})
            response = connection.getresponse()
            return Response(response.status, response.read().decode("latin-1"), tls.selected_alpn_protocol())
        except http.client.HTTPException as error:
            raise ConnectionError(f"no HTTP response: {error!r}") from error


def protocol(port, keys, offered):
    """The protocol that the proxy selects."""
    with connect(port, keys, "p256", offered) as tls:
        return tls.selected_alpn_protocol()


def connect(port, keys, card, protocols):
    """Opens a TLS connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(keys.folder / "root.pem")
    context.set_alpn_protocols(protocols)
    if card:
        context.load_cert_chain(keys.card(card))
    plain = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
    try:
        return context.wrap_socket(plain, server_hostname=pki.HOST)
    except BaseException:
        plain.close()
        raise
