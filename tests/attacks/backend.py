#!/usr/bin/python3
"""A backend with the limits of an old server: few concurrent connections, and a long timeout for bodies.

    backend.py

Serves at most 320 connections at a time; further ones wait in the accept queue. Reads the complete body of a request, with a
timeout of two minutes, and responds 200 with a small body, or with a large one if the path is LARGE_PATH. Keeps idle
connections open for two minutes. Listens on a free port of 127.0.0.1, prints the port on its first line, and ends when its
standard input is closed.

Standard library only.
"""
import asyncio
import os
import socket
import sys

CONNECTIONS = 320
TIMEOUT = 120
BLOCK = 65536
LARGE_PATH = b"/_wmcs/licensing/templates.asmx"
LARGE_BODY = b"<template/>\n" * (8 * 1024 * 1024 // 12)


def head(length):
    """The head of every response."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n" % length


SMALL = head(5) + b"<ok/>"


async def serve(reader, writer):
    """Serves the requests of one connection until it closes or a request is malformed."""
    while True:
        async with asyncio.timeout(TIMEOUT):
            request = await reader.readuntil(b"\r\n\r\n")
        first, *lines = request[:-4].split(b"\r\n")
        fields = dict(line.lower().split(b":", 1) for line in lines)
        if b"100-continue" in fields.get(b"expect", b""):
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        async with asyncio.timeout(TIMEOUT):
            await read_body(reader, fields)
        if first.split(b" ")[1].lower() == LARGE_PATH:
            writer.write(head(len(LARGE_BODY)))
            for start in range(0, len(LARGE_BODY), BLOCK):
                writer.write(LARGE_BODY[start:start + BLOCK])
                await writer.drain()
        else:
            writer.write(SMALL)
            await writer.drain()


async def read_body(reader, fields):
    """Reads and discards a body, by its length or in chunks."""
    if b"chunked" in fields.get(b"transfer-encoding", b""):
        while size := int((await reader.readline()).split(b";")[0], 16):
            await reader.readexactly(size + 2)
        while await reader.readline() != b"\r\n":
            pass
        return
    left = int(fields.get(b"content-length", b"0"))
    while left:
        piece = await reader.read(min(left, BLOCK))
        if not piece:
            raise asyncio.IncompleteReadError(b"", left)
        left -= len(piece)


async def connection(client, slots):
    """Serves one connection, then releases its slot."""
    writer = None
    try:
        reader, writer = await asyncio.open_connection(sock=client)
        await serve(reader, writer)
    except (OSError, EOFError, ValueError, TimeoutError, asyncio.LimitOverrunError):
        pass
    finally:
        if writer:
            writer.transport.abort()
        slots.release()


async def main():
    """Accepts connections while slots are free."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    listener.setblocking(False)
    print(listener.getsockname()[1], flush=True)
    loop = asyncio.get_running_loop()
    loop.add_reader(sys.stdin.fileno(), lambda: os._exit(0))
    slots = asyncio.Semaphore(CONNECTIONS)
    running = set()
    while True:
        await slots.acquire()
        client, _ = await loop.sock_accept(listener)
        task = loop.create_task(connection(client, slots))
        running.add(task)
        task.add_done_callback(running.discard)


asyncio.run(main())
