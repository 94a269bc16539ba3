"""The files of a form, as browsers and `curl -F` send them (RFC 7578), out of a body that is there whole."""

from __future__ import annotations

import re

from kitnet.base.error import DataError

BOUNDARY = re.compile(r"""boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))(?:;|$|\s)""", re.IGNORECASE)


def files_of(content: bytes, kind: str, most: int) -> list[bytes]:
    """The contents of all parts of a body of this content type, at most one more than `most`. Raises
    DataError."""
    told = BOUNDARY.search(kind)
    if told is None:
        raise DataError("multipart/form-data without a boundary; let the client write the header")
    mark = b"\r\n--" + (told[1] or told[2]).encode("latin-1")
    # what stands before the first boundary says nothing
    parts = (b"\r\n" + content).split(mark, most + 2)[1:]
    last = parts.pop() if parts else b""
    if len(parts) <= most and not last.startswith(b"--"):
        raise DataError("the multipart body is truncated; its last boundary is missing")
    found = []
    for part in parts:
        head, blank, file = part.partition(b"\r\n\r\n")
        if not blank or not head.lstrip(b" \t").startswith(b"\r\n"):
            raise DataError("a part of the multipart body has no head; write it as RFC 7578 says")
        found.append(file)
    return found
