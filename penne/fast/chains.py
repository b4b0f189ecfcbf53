"""What kernels compute, described.

A ``Chain`` says what is computed at each place of ``rows`` x ``width``; a ``Loop`` what
happens in each level of a recursion: rows are gathered, multiplied by weights, run
through chains, scattered.  Neither says of what sizes.  This module imports nothing of
penne.
"""

from typing import NamedTuple

FULL, ROW, FEATURE, SCALAR, PACKED = range(5)
AXES = (2, 1, 1, 0, 1)  # of arrays of each class


class Input(NamedTuple):
    """An array that a chain reads: its class and dtype."""

    kind: int
    dtype: str


class Step(NamedTuple):
    """One op on values, which are numbered: the inputs first, then earlier steps."""

    op: str
    args: tuple[int, ...]
    kind: int
    dtype: str


class Chain(NamedTuple):
    """Steps over rows x width.

    The class of a value is FULL (rows, width), ROW (rows, one number each), FEATURE
    (width, shared by all rows) or SCALAR (one number).  A reduction makes ROW of FULL
    and SCALAR of FEATURE; of any other step the class is that of all args together.
    ``outputs``: which values are written to arrays.  ``over``: if given, the input that
    each of them is written over, place by place, in a chain without reductions.
    """

    inputs: tuple[Input, ...]
    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    over: tuple[int, ...] = ()

    def value(self, k: int) -> Input:
        """The class and dtype of one value."""
        count = len(self.inputs)
        return self.inputs[k] if k < count else Input(*self.steps[k - count][2:])

    def arrays(self) -> tuple[Input, ...]:
        """The class and dtype of each input, then of each output with its own array."""
        return (*self.inputs, *self.written())

    def written(self) -> tuple[Input, ...]:
        """The class and dtype of each output that has an array of its own."""
        return () if self.over else tuple(map(self.value, self.outputs))


class Gather(NamedTuple):
    """target[n] = source[index[n]] for the nodes n of a level, all rows of a node.

    ``places`` numbers the index array; where that is negative, the target stays.
    """

    target: int
    source: int
    places: int


class Scatter(NamedTuple):
    """target[index[n]] += source[n] for the nodes n of a level, all rows of a node.

    ``places`` numbers the index array; duplicates add up, a negative index is
    passed over.
    """

    target: int
    source: int
    places: int


class Dot(NamedTuple):
    """target[r] = source[r] @ weight for the rows r of a level; the weight is PACKED,
    as ``packing`` does it."""

    target: int
    source: int
    weight: int


class Apply(NamedTuple):
    """A chain over the rows of a level.

    ``inputs`` and ``outputs`` number the loop's arrays; ``starts`` numbers the places
    in ``at`` of the first column of each FULL or FEATURE array, inputs then outputs;
    -1 for an array that starts at column 0.
    """

    chain: Chain
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    starts: tuple[int, ...]


Item = Gather | Scatter | Dot | Apply


class Loop(NamedTuple):
    """What happens in each level of a recursion, one item after the other.

    ``arrays``: the class and dtype of each array, PACKED being a weight.  ``indices``:
    how many index arrays there are.
    """

    arrays: tuple[Input, ...]
    indices: int
    items: tuple[Item, ...]
