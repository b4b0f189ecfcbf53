"""Decorators that make a test one for every op, transducer or trainer.

    from penne.testing.tables.rows import fill

    @every_op
    @given(data=st.data(), seed=st.integers(0, 2**32 - 1))
    def test_law(row, data, seed):
        arguments, params = data.draw(row.calls)
        arrays = fill(arguments, np.random.default_rng(seed))
        x = row.apply(*arrays, **params)

``every_op``: the ops of the registry · ``every_row``: all public functions too ·
``every_smooth_row``: those with a gradient · ``every_transducer``: ``row.make(n)``
takes vectors of n or, for -n, symbols · ``every_trainer``: ``row.make()``.

This module imports pytest, ``tables`` and ``registry``.
"""

from typing import Any

import pytest

from ..operators import OPS
from .registry import TRAINERS, TRANSDUCERS
from .tables import TABLE, Row


def _rows(rows: list[Row]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.name)


every_row = _rows(list(TABLE.values()))
every_smooth_row = _rows([row for row in TABLE.values() if row.smooth])
every_op = _rows([row for f, row in TABLE.items() if f in OPS.values()])


every_transducer = pytest.mark.parametrize("row", TRANSDUCERS.values(), ids=TRANSDUCERS)
every_trainer = pytest.mark.parametrize("row", TRAINERS.values(), ids=TRAINERS)
