"""Messages between two processes: a JSON header and bytes, the length of each before it."""

import json
import struct
from typing import Any, BinaryIO

_LENGTHS = struct.Struct("<QQ")
MAX_FRAME = 1 << 31


def write_frame(stream: BinaryIO, header: Any, data: bytes = b"") -> None:
    """Send a message; the header is anything that JSON knows."""
    head = json.dumps(header).encode()
    stream.write(_LENGTHS.pack(len(head), len(data)))
    stream.write(head)
    stream.write(data)
    stream.flush()


def read_frame(stream: BinaryIO) -> tuple[Any, bytes]:
    """Receive a message.

    Raises
    ------
    EOFError
        When the other side is gone, or the message is cut short.
    ValueError
        When a message says that it has more than 2 GiB, or its header is no JSON.
    """
    head_size, data_size = _LENGTHS.unpack(_exactly(stream, _LENGTHS.size))
    if head_size > MAX_FRAME or data_size > MAX_FRAME:
        raise ValueError(f"a message of {head_size} + {data_size} bytes; expected at most {MAX_FRAME} each")
    head = _exactly(stream, head_size)
    return json.loads(head), _exactly(stream, data_size)


def _exactly(stream: BinaryIO, size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("the other side is gone")
    return data
