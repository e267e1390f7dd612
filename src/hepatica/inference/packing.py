"""Arrays as bytes, and back: what one entry of a journal is made of. The format is described in ``docs/journal.md``."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hepatica.errors import InputError

KINDS = "biufcSUmM"  # booleans, numbers, text and times of a fixed size
CHECKSUM_BYTES = 16
_encode = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(frozen=True, kw_only=True, slots=True)
class Packed:
    """Named arrays as bytes.

    Attributes
    ----------
    layout
        JSON in ASCII: a list of ``[name, dtype, shape]``, sorted by name.
    data
        The bytes of the arrays one after the other: little-endian, in C order, without padding.
    """

    layout: str
    data: bytes


def pack(arrays: Mapping[str, ArrayLike]) -> Packed:
    """Give the bytes of named arrays.

    Parameters
    ----------
    arrays
        Any shape; of booleans, numbers, text or times, all of a fixed size that is the same on every machine.

    Returns
    -------
    Packed
        Equal for equal names, dtypes, shapes and bits, whatever the order of names, the byte order and the strides.

    Raises
    ------
    InputError
        When an array has no bytes that could be read on another machine.

    Examples
    --------
    >>> pack({"x": np.array([[1.0, 2.0]])}).layout
    '[["x","<f8",[1,2]]]'
    """
    layout, parts = [], []
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        masked = isinstance(arrays[name], np.ma.MaskedArray)
        little = None if masked else _portable(array.dtype)
        if little is None:
            kind = "masked" if masked else str(array.dtype)
            raise InputError(
                f"the array '{name}' is {kind}, which a journal does not keep; give booleans, numbers, text or times of a fixed size."
            )
        layout.append((name, little.str, array.shape))
        parts.append(array.astype(little, copy=False).tobytes())
    return Packed(layout=_encode(layout), data=b"".join(parts))


def unpack(packed: Packed) -> dict[str, NDArray[Any]]:
    """Give the arrays of their bytes, each in memory of its own, in C order.

    Parameters
    ----------
    packed
        What :func:`pack` gave.

    Returns
    -------
    dict of str to numpy.ndarray
        Sorted by name.

    Examples
    --------
    >>> unpack(pack({"x": np.array([1.0, np.nan])}))
    {'x': array([ 1., nan])}
    """
    arrays, offset = {}, 0
    for name, dtype, shape in _parts(packed.layout):
        array = np.ndarray(shape, dtype, buffer=packed.data, offset=offset)
        offset += array.nbytes
        arrays[name] = array.astype(dtype.newbyteorder("="), order="C", copy=True)
    return arrays


def checksum(key: tuple[str, int] | tuple[str, str], layout: bytes, data: bytes) -> bytes:
    """Give the BLAKE2b checksum of an entry: of the JSON text of its key, of its layout and of its data.

    Parameters
    ----------
    key
        Stream and index, so that an entry which came to stand in another place is noticed.
    layout, data
        Of the entry.

    Returns
    -------
    bytes
        16 bytes.
    """
    digest = hashlib.blake2b(_encode(key).encode("ascii"), digest_size=CHECKSUM_BYTES)
    digest.update(layout)
    digest.update(data)
    return digest.digest()


@lru_cache(maxsize=64)
def _parts(layout: str) -> tuple[tuple[str, np.dtype[Any], tuple[int, ...]], ...]:
    """Read a layout; thousands of entries share one."""
    return tuple((name, np.dtype(dtype), tuple(shape)) for name, dtype, shape in json.loads(layout))


@lru_cache(maxsize=64)
def _portable(dtype: np.dtype[Any]) -> np.dtype[Any] | None:
    """Give the little-endian form of a dtype; nothing for one whose bytes mean something on this machine only."""
    long = dtype.kind in "fc" and dtype.itemsize > (8 if dtype.kind == "f" else 16)  # C's long double
    return None if long or dtype.kind not in KINDS else dtype.newbyteorder("<")
