import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hepatica.errors import InputError
from hepatica.inference.packing import checksum, pack, unpack

DTYPES = st.one_of(
    hnp.boolean_dtypes(), hnp.integer_dtypes(endianness="?"), hnp.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
    hnp.complex_number_dtypes(endianness="?", sizes=(64, 128)), hnp.unicode_string_dtypes(endianness="?", max_len=4),
    hnp.byte_string_dtypes(max_len=4), hnp.datetime64_dtypes(endianness="?"), hnp.timedelta64_dtypes(endianness="?"),
)  # fmt: skip
ARRAYS = hnp.arrays(DTYPES, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))


def bits(array):
    little = array.astype(array.dtype.newbyteorder("<"))
    return little.dtype.str, little.shape, little.tobytes()


@given(st.dictionaries(st.text(max_size=5), ARRAYS, max_size=4))
def test_arrays_come_back_bit_for_bit(arrays):
    back = unpack(pack(arrays))
    assert list(back) == sorted(arrays)
    assert {n: bits(a) for n, a in back.items()} == {n: bits(a) for n, a in arrays.items()}
    assert all(
        a.flags.c_contiguous and a.flags.writeable and a.flags.aligned and a.flags.owndata for a in back.values()
    )
    assert all(a.dtype.isnative for a in back.values())
    assert pack(back) == pack(arrays)


@given(hnp.arrays(np.uint64, hnp.array_shapes(max_dims=2, max_side=5)))
def test_every_bit_pattern_of_a_float_is_kept(words):
    for array in (words.view(np.float64), words.view(np.float64).astype(">f8"), words.view(np.float32)):
        back = unpack(pack({"x": array}))["x"]
        assert bits(back) == bits(array)
    assert unpack(pack({"x": words.view(np.float64)}))["x"].view(np.uint64).tolist() == words.tolist()


def test_infinite_undefined_and_negative_zero():
    values = np.array([np.nan, -np.nan, np.inf, -np.inf, -0.0, 5e-324])
    assert unpack(pack({"x": values}))["x"].tobytes() == values.tobytes()


def test_strides_and_order_of_names_make_no_difference():
    table = np.arange(12.0).reshape(3, 4)
    assert pack({"a": table, "b": table[::2, ::-1]}) == pack(
        {"b": table[::2, ::-1].copy(), "a": np.asfortranarray(table)}
    )


def test_dtype_and_shape_make_a_difference():
    zeros = np.zeros(4)
    assert len({pack({"x": x}) for x in (zeros, zeros.reshape(2, 2), zeros.astype(int), -zeros)}) == 4


@pytest.mark.parametrize(
    "value",
    [
        np.array([{}], dtype=object),
        np.zeros(2, dtype=[("a", "f8")]),
        np.zeros(2, np.longdouble) if np.dtype(np.longdouble).itemsize > 8 else np.array([None]),
        np.ma.masked_array([1.0, 2.0], [True, False]),
    ],
    ids=["object", "record", "long double", "masked"],
)
def test_what_has_no_portable_bytes_is_refused(value):
    with pytest.raises(InputError, match=r"the array 'x' is .*, which a journal does not keep"):
        pack({"x": value})


def test_checksum_tells_places_apart():
    keys = [("a", 1), ("a", 2), ("b", 1)]
    assert len({checksum(key, b"[]", b"x") for key in keys} | {checksum(("a", 1), b"[]", b"y")}) == 4
    assert checksum(("a", 1), b"[]", b"") == bytes.fromhex("7c0080e5c47650096abb0dfcf55e3f79")  # of the text ["a",1][]
