import io
import struct

import pytest

from hepatica.sandbox.frames import MAX_FRAME, read_frame, write_frame


def test_a_frame_comes_back():
    stream = io.BytesIO()
    write_frame(stream, {"a": [1.5, "é"]}, b"\0\n\xff")
    write_frame(stream, None)
    stream.seek(0)
    assert read_frame(stream) == ({"a": [1.5, "é"]}, b"\0\n\xff")
    assert read_frame(stream) == (None, b"")
    with pytest.raises(EOFError, match="gone"):
        read_frame(stream)


def test_frames_that_are_cut_or_absurd_are_refused():
    stream = io.BytesIO()
    write_frame(stream, {"a": 1}, b"data")
    with pytest.raises(EOFError):
        read_frame(io.BytesIO(stream.getvalue()[:-1]))
    with pytest.raises(ValueError, match="expected at most"):
        read_frame(io.BytesIO(struct.pack("<QQ", MAX_FRAME + 1, 0)))
