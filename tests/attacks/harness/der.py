"""A minimal DER encoder (X.690), for certificates that libraries refuse to create."""


def element(tag, content):
    """One element: tag, length, content."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def sequence(*elements):
    """A SEQUENCE of elements."""
    return element(0x30, b"".join(elements))


def integer(value):
    """A non-negative INTEGER."""
    return element(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def object_identifier(dotted):
    """An OBJECT IDENTIFIER, written as "2.5.4.3"."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = b""
    for arc in [first * 40 + second, *rest]:
        group = [arc & 0x7F]
        while arc := arc >> 7:
            group.append(0x80 | arc & 0x7F)
        content += bytes(reversed(group))
    return element(0x06, content)


def utf8_string(text):
    """A UTF8String."""
    return element(0x0C, text.encode())


def bit_string(content):
    """A BIT STRING without unused bits."""
    return element(0x03, b"\0" + content)


def octet_string(content):
    """An OCTET STRING."""
    return element(0x04, content)


def utc_time(moment):
    """A UTCTime, from a datetime in UTC."""
    return element(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())


def explicit(number, content):
    """A context-specific, constructed element."""
    return element(0xA0 | number, content)
