"""A TLS client over a non-blocking socket; the caller decides when and what to read and write."""
import asyncio
import socket
import ssl
import struct

from . import pki

BLOCK = 65536
CONNECT_TIMEOUT = 15


class Closed(Exception):
    """The peer has closed the connection."""


def context(certificate=None, protocols=("http/1.1",)):
    """A client context that does not verify the certificate of the gateway."""
    result = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    result.check_hostname = False
    result.verify_mode = ssl.CERT_NONE
    result.set_alpn_protocols(list(protocols))
    if certificate:
        result.load_cert_chain(certificate)
    return result


def client_hello():
    """The bytes of a ClientHello, which may be sent repeatedly."""
    outgoing = ssl.MemoryBIO()
    session = context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=pki.HOST)
    try:
        session.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()


def new_socket(source, receive_buffer=None):
    """A socket bound to a source address. Closing it resets the connection, so that no port remains in use."""
    result = socket.socket()
    result.setblocking(False)
    result.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    result.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if hasattr(socket, "IP_BIND_ADDRESS_NO_PORT"):
        result.setsockopt(socket.IPPROTO_IP, socket.IP_BIND_ADDRESS_NO_PORT, 1)
    if receive_buffer:
        result.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    result.bind((source, 0))
    return result


class Connection:
    """A TLS connection. One task may send while another receives."""

    def __init__(self, tls_context, source, receive_buffer=None):
        self.wire_bytes = 0
        self._receive_buffer = receive_buffer or BLOCK
        self._socket = new_socket(source, receive_buffer)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = tls_context.wrap_bio(self._incoming, self._outgoing, server_hostname=pki.HOST)
        self._sending = asyncio.Lock()

    async def open(self, address):
        """Connects and completes the handshake."""
        async with asyncio.timeout(CONNECT_TIMEOUT):
            await asyncio.get_running_loop().sock_connect(self._socket, address)
            while True:
                try:
                    self._session.do_handshake()
                    return await self._flush()
                except ssl.SSLWantReadError:
                    await self._flush()
                    await self._fill()

    async def send(self, content):
        """Sends all bytes; waits while the gateway does not read."""
        self._session.write(content)
        await self._flush()

    async def receive(self):
        """Returns the received bytes, at least one."""
        while True:
            try:
                content = self._session.read(BLOCK)
            except ssl.SSLWantReadError:
                await self._fill()
                continue
            if not content:
                raise Closed
            return content

    def close(self):
        """Closes the connection at once."""
        self._socket.close()

    async def _fill(self):
        content = await asyncio.get_running_loop().sock_recv(self._socket, self._receive_buffer)
        if not content:
            raise Closed
        self._incoming.write(content)

    async def _flush(self):
        async with self._sending:
            if content := self._outgoing.read():
                await asyncio.get_running_loop().sock_sendall(self._socket, content)
                self.wire_bytes += len(content)


# The exceptions that end a connection.
FAILURES = (Closed, OSError, ssl.SSLError, TimeoutError)
