"""The simple recurrent network, and the gated unit that has no cell.

s() is the logistic function, * is elementwise; x (insize) and h (outsize).
"""

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from ..graph import Expression, parameter
from ..layers import Function, Size, is_own
from ..ops import sigmoid, tanh
from ..tracing import cell
from .reading import Step
from .unit import Model, RecurrentUnit, Seed, opened


class Simple(RecurrentUnit):
    """h := f(W x + U h + b).

    Elman 1990, *Finding Structure in Time*.  Parameters: n m + m m + m, for insize n
    and outsize m.  ``**options``: those of every ``RecurrentUnit``.

    >>> import numpy as np
    >>> Simple(3, 2).transduce(np.zeros((5, 3))).shape
    (5, 2)
    """

    order = ("layer",)

    def __init__(
        self,
        insize: Size,
        outsize: int,
        f: Function | None = tanh,
        model: Model = None,
        *,
        rng: Seed = None,
        **options: Any,
    ):
        super().__init__(insize, outsize, model, rng, **options)
        self._own = is_own(f)  # a function of the user's is never traced unasked
        if self._semeniuta:
            self._wrong("semeniuta_dropout is for cells with gates; write gal_dropout")
        self._layer("layer", [*self.insize, self.outsize], f)
        self._first("h0", self.outsize)
        self._made()

    def step(self, inp: Any) -> Expression:
        """One step; the output is h."""
        return self._traced(inp) if self._own else self._stepped(inp)

    def _stepped(self, inp: Any) -> Expression:
        h = self._before("h")
        new = self.layer(inp, self._masked(h, opened(inp)))
        self.h = self._zoned(self._zone_h, h, new)
        return self.h

    _traced = cell(_stepped)

    def known_steps(self) -> list[Step] | None:
        """The step, where f is a function of penne's."""
        if type(self).step is not Simple.step:
            return super().known_steps()
        return [(type(self)._traced, self)] if self._own else None


class GatedRecurrentUnit(RecurrentUnit):
    """Reset and update gates::

        r := s(Wr x + Ur h + br)
        z := s(Wz x + Uz h + bz)
        g := tanh(W x + U (r * h) + b)      reset="before", as at first
        g := tanh(W x + r * (U h) + b)      reset="after"
        h := z * h + (1 - z) * g            update="keep", as at first
        h := (1 - z) * h + z * g            update="write"

    ``recurrent_bias``: with reset="after", r * (U h + d), as PyTorch and Keras have
    it; d is zero at first.

    As at first: Cho et al. 2014, *Learning Phrase Representations using RNN
    Encoder-Decoder* (arXiv version 3), equations 5-8.  reset="after": version 1 of
    it.  Both "after" and "write": Wu and King 2016, *Investigating gated recurrent
    neural networks for speech synthesis*.

    Parameters: 3 (n m + m m + m), and m of ``recurrent_bias``, for insize n and
    outsize m.  ``**options``: those of every ``RecurrentUnit``.
    """

    order: ClassVar[Sequence[str]] = ("reset_gate", "update_gate", "input_layer")

    def __init__(
        self,
        insize: Size,
        outsize: int,
        model: Model = None,
        *,
        reset: str = "before",
        update: str = "keep",
        recurrent_bias: bool = False,
        rng: Seed = None,
        **options: Any,
    ):
        super().__init__(insize, outsize, model, rng, **options)
        if reset not in ("before", "after"):
            self._wrong(f'reset is "before" or "after", got {reset!r}')
        if update not in ("keep", "write"):
            self._wrong(f'update is "keep" or "write", got {update!r}')
        biased = self._flag("recurrent_bias", recurrent_bias)
        if biased and reset != "after":
            self._wrong('recurrent_bias takes reset="after"')
        self.reset, self.update = reset, update
        self._make_gates([*self.insize, self.outsize])
        self._layer("input_layer", [*self.insize, self.outsize], tanh)
        self._first("h0", self.outsize)
        self.recurrent_bias = None
        if biased:
            self.recurrent_bias = parameter(np.zeros(self.outsize, self.h0.dtype))
        self._made()

    def _make_gates(self, sizes: list[Any]) -> None:
        self._layer("reset_gate", sizes, sigmoid)
        self._layer("update_gate", sizes, sigmoid)

    def _gates(self, inp: Any, h: Expression) -> tuple[Expression, Expression]:
        """r and z."""
        return self.reset_gate(inp, h), self.update_gate(inp, h)

    def _candidate(self, inp: Any, h: Expression, r: Expression) -> Expression:
        """What is to be written."""
        if self.reset == "before":
            return self.input_layer(inp, r * h)
        layer, inputs = self.input_layer, opened(inp)
        (product,) = layer.products([h], len(inputs))
        if self.recurrent_bias is not None:
            product = product + self.recurrent_bias
        return layer.activated([*layer.products(inputs), r * product])

    def _kept(self, h: Expression) -> Expression:
        """What is kept of h, where nothing is written."""
        return h

    @cell
    def step(self, inp: Any) -> Expression:
        """One step; the output is h."""
        h = self._before("h")
        recurring = self._masked(h, opened(inp))
        r, z = self._gates(inp, recurring)
        g = self._written(self._candidate(inp, recurring, r))
        keep, write = (z, 1 - z) if self.update == "keep" else (1 - z, z)
        new = keep * self._kept(h) + write * g
        self.h = self._zoned(self._zone_h, h, new)
        return self.h


GRU = GatedRecurrentUnit
