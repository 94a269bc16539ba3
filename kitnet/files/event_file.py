"""Event files, as TensorBoard reads them: records of protocol buffers, each with its length and checksums.

record      length (8 bytes, little endian), its checksum (4), event, its checksum (4)
checksum    CRC-32C of the bytes, turned right by 15 bits, plus 0xA282EAD8        (TFRecord)
event       1: wall time (double), 2: step (varint), 3: "brain.Event:2", 5: summary, 7: session log
summary     1: a value each, of 1: tag, 2: number (float)
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

VERSION = b"brain.Event:2"  # the first event of a file
STARTED = 1  # of a session log: what an earlier file of the folder says of this step and later ones is void
POLYNOMIAL = 0x82F63B78  # of CRC-32C (Castagnoli), its bits from the lowest power on
MASK = 0xA282EAD8


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_TABLE = _crc_table()


def crc32c(content: bytes) -> int:
    """CRC-32C (RFC 3720, appendix B.4)."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def masked(crc: int) -> int:
    """A checksum as records hold it."""
    return ((crc >> 15 | crc << 17) + MASK) & 0xFFFFFFFF


def record(event: bytes) -> bytes:
    """One event with its length and checksums."""
    length = struct.pack("<Q", len(event))
    return b"".join(
        [length, struct.pack("<I", masked(crc32c(length))), event, struct.pack("<I", masked(crc32c(event)))]
    )


def first_event(seconds: float) -> bytes:
    """The event that a file begins with; `seconds` since 1970."""
    return _double(1, seconds) + _bytes(3, VERSION)


def start_event(seconds: float, step: int) -> bytes:
    """Says that a run begins, or goes on, at this step."""
    return _double(1, seconds) + _varint(2, step) + _bytes(7, _varint(1, STARTED))


def scalars_event(seconds: float, step: int, scalars: Mapping[str, float]) -> bytes:
    """Numbers by their tags, such as `loss/train`, after so many steps."""
    values = (_bytes(1, tag.encode()) + _float(2, number) for tag, number in scalars.items())
    return _double(1, seconds) + _varint(2, step) + _bytes(5, b"".join(_bytes(1, value) for value in values))


# Fields of protocol buffers: number and kind of the field, then its value.


def _number(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the eighth says that more follow."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*found, value])


def _varint(field: int, value: int) -> bytes:
    return _number(field << 3) + _number(value)


def _double(field: int, value: float) -> bytes:
    return _number(field << 3 | 1) + struct.pack("<d", value)


def _bytes(field: int, value: bytes) -> bytes:
    return _number(field << 3 | 2) + _number(len(value)) + value


def _float(field: int, value: float) -> bytes:
    return _number(field << 3 | 5) + struct.pack("<f", value)
