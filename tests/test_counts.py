"""What an int is, the same wherever one is asked for."""

from enum import IntEnum

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from penne import (
    Dropout,
    Layer,
    compute_value,
    constant,
    diag,
    repeat,
    split,
    tensordot,
)
from penne.counts import (
    check_counts,
    check_numbers,
    is_count,
    is_int,
    is_number,
    positive,
    whole,
)


class Size(IntEnum):
    """An int by another name."""

    TWO = 2


INTS = [2, np.int64(2), np.uint8(2), Size.TWO]
NONE = [True, np.True_, 2.0, "2", None, np.timedelta64(2), np.array([2]), [2]]


@pytest.mark.parametrize("x", INTS)
def test_ints(x):
    """Python's and NumPy's, and what is made of Python's."""
    assert is_int(x)
    assert is_count(x)
    assert whole("f", "size", x) == positive("f", "size", x) == 2
    a = constant([1.0, 2.0])
    assert_array_equal(compute_value(repeat(a, x)), [1, 1, 2, 2])
    assert [part.shape for part in split(a, x)] == [(1,), (1,)]
    assert Layer(x, x)(a).shape == (2,)


@pytest.mark.parametrize("x", NONE)
def test_others(x):
    """A bool is none, nor is an array."""
    assert not is_int(x)
    for asked in (whole, positive):
        with pytest.raises(TypeError, match=r"f: size .* int, got"):
            asked("f", "size", x)
    with pytest.raises(ValueError, match="f: size is an int >= 1"):
        check_counts("f", size=x)


@pytest.mark.parametrize("x", [*INTS, 0.5, np.float32(0.5), np.nan])
def test_numbers(x):
    """Ints and floats."""
    assert is_number(x)
    check_numbers("f", rate=x)


@pytest.mark.parametrize(
    "x", [True, "a", None, 1j, np.complex64(1), [0.5], constant(1)]
)
def test_no_numbers(x):
    """A bool is none, nor is what has no value yet."""
    assert not is_number(x)
    with pytest.raises(TypeError, match="f: rate is a number, got"):
        check_numbers("f", rate=x)
    with pytest.raises(TypeError, match="Dropout: p is a number, got"):
        Dropout(x)


def test_ops_say_so():
    """Not what a bool would mean."""
    a = constant(np.eye(2))
    with pytest.raises(TypeError, match="diag: k is an int, got True"):
        diag(a, True)
    with pytest.raises(TypeError):
        tensordot(a, a, True)


def test_arrays_without_axes():
    """They hold a number, as NumPy takes them; they are none."""
    x = np.array(2)
    assert not is_int(x)
    assert is_count(x)
    assert whole("f", "size", x) == positive("f", "size", x) == 2
    a = constant([1.0, 2.0, 4.0])
    assert_array_equal(compute_value(np.diff(a, x)), np.diff([1.0, 2.0, 4.0], x))
    assert Dropout(np.array(0.5)).p == 0.5
