"""Decorators that make a test one for every op, transducer or trainer.

    @every_op
    @given(data=st.data())
    def test_law(row, data): ...

This module imports pytest and ``tables``.
"""

from typing import Any

import pytest

from ..operators import OPS
from .tables import TABLE, Row


def _rows(rows: list[Row]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.name)


every_row = _rows(list(TABLE.values()))
every_smooth_row = _rows([row for row in TABLE.values() if row.smooth])
every_op = _rows([row for f, row in TABLE.items() if f in OPS.values()])
