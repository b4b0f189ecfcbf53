"""One LSTM with options: the cells of the literature are choices among them.

s() is the logistic function, * is elementwise; x (insize), h and c (outsize).
"""

from collections.abc import Sequence
from functools import reduce
from typing import Any, ClassVar

import numpy as np

from ..counts import positive
from ..functions import layer_norm, zeros
from ..graph import Expression, Parameter, parameter
from ..layers import Function, Layer, LayerNorm, Size, is_own
from ..ops import add, concatenate, multiply, sigmoid, tanh
from ..tracing import cell
from .unit import Model, RecurrentUnit, Seed, opened

GATES = ("input_gate", "forget_gate", "output_gate")


class LongShortTermMemory(RecurrentUnit):
    """Gates that decide what is written into a cell c, kept in it, and shown of it.

    In full, with every gate and with peepholes::

        i := s(Wi x + Ui h + pi * c + bi)
        f := s(Wf x + Uf h + pf * c + bf)
        g := tanh(Wg x + Ug h + bg)
        c := f * c + i * g
        o := s(Wo x + Uo h + po * c + bo)
        h := o * tanh(c)

    As it is at first, f is coupled: f = 1 - i.  That is the LSTM of Penne's
    documentation, module ``recurrent``; Graves 2013, *Generating Sequences With
    Recurrent Neural Networks*, equations 7-11, with f = 1 - i.

    - ``input_gate``, ``forget_gate``: True; False for none, i = 1 or f = 1;
      "coupled" for i = 1 - f, or f = 1 - i.  ``output_gate``: True or False
    - ``peepholes``: "diagonal", or None
    - ``input_activation``, ``output_activation``: tanh, another function of penne's,
      or None for none
    - ``recurrence``: "full", or "diagonal" for matrices U that are
    - ``gate_recurrence``: every gate also takes all gates of the step before, by full
      matrices.  Greff et al. 2015, *LSTM: A Search Space Odyssey*, "FGR"
    - ``shared_input``: one product z = W x for all, which gates take by diagonals
    - ``forget_bias``: the number at which bf starts; where f = 1 - i, -bi
    - ``layer_norm``: W x of all layers side by side, U h likewise, and the c that is
      shown are normalised.  Ba, Kiros and Hinton 2016, *Layer Normalization*, its
      LSTM; the biases of the first two are left out, as b is added to them
    - ``projection=k``: h := P (o * tanh(c)), of size k.  Sak, Senior and Beaufays
      2014, *Long Short-Term Memory Recurrent Neural Network Architectures for Large
      Scale Acoustic Modeling*
    - ``**options``: those of every ``RecurrentUnit``

    Parameters: 3 k + 2 m, where k is n m + m m + m for insize n and outsize m; with
    other options k for g and for each gate, m for each peephole.  Found as
    ``input_gate``, ``forget_gate``, ``output_gate``, ``input_layer`` (g): weights for
    x, for h, the peephole, and those of ``gate_recurrence``.

    Raises ValueError for options that do not go together.

    >>> LongShortTermMemory(3, 2, forget_gate=True).n_params()
    54
    """

    has_c: ClassVar[bool] = True
    order: ClassVar[Sequence[str]] = (*GATES, "input_layer")

    def __init__(
        self,
        insize: Size,
        outsize: int,
        model: Model = None,
        *,
        input_gate: bool | str = True,
        forget_gate: bool | str = "coupled",
        output_gate: bool = True,
        peepholes: str | None = "diagonal",
        input_activation: Function | None = tanh,
        output_activation: Function | None = tanh,
        recurrence: str = "full",
        gate_recurrence: bool = False,
        shared_input: bool = False,
        forget_bias: float | None = None,
        layer_norm: bool = False,
        projection: int | None = None,
        rng: Seed = None,
        **options: Any,
    ):
        super().__init__(insize, outsize, model, rng, **options)
        kinds = zip(GATES, (input_gate, forget_gate, output_gate))
        self.kinds = {name: self._kind(name, kind) for name, kind in kinds}
        self.peepholes, self.output_activation = peepholes, output_activation
        self.gate_recurrence = self._flag("gate_recurrence", gate_recurrence)
        self.layer_norm = self._flag("layer_norm", layer_norm)
        size = self._hidden_size(recurrence, projection)
        self._check(input_activation, forget_bias)
        taken: Any = self.insize
        if self._flag("shared_input", shared_input):
            self._layer("input_map", self.insize, None, bias=None)
            taken = ["diag"]
        self._make_layers([*taken, size], input_activation)
        self._set_forget_bias(forget_bias)
        self._make_norms()
        if projection is not None:
            self._layer("projection", [outsize], None, bias=None, outsize=projection)
        self._first("h0", outsize if projection is None else projection)
        self._first("c0", outsize)
        self._made()

    # --- making ---------------------------------------------------------------------

    def _kind(self, name: str, given: Any) -> bool | str:
        """What a gate is: True, False or "coupled"; or ValueError."""
        if isinstance(given, (bool, np.bool_)):
            return bool(given)
        if not isinstance(given, str) or given != "coupled":
            self._wrong(f'{name} is True, False or "coupled", got {given!r}')
        return "coupled"

    def _hidden_size(self, recurrence: str, projection: int | None) -> int | str:
        """The size of h, as a layer takes it."""
        if recurrence not in ("full", "diagonal"):
            self._wrong(f'recurrence is "full" or "diagonal", got {recurrence!r}')
        if projection is not None:
            if recurrence == "diagonal":
                self._wrong('projection takes recurrence="full"')
            return positive(type(self).__name__, "projection", projection)
        return self.outsize if recurrence == "full" else "diag"

    def _check(self, activation: Function | None, forget_bias: float | None) -> None:
        """ValueError for options that do not go together."""
        i, f, o = (self.kinds[name] for name in GATES)
        if o == "coupled":
            self._wrong("output_gate is True or False: nothing is coupled to it")
        if "coupled" in (i, f) and True not in (i, f):
            self._wrong(
                f"of input_gate={i!r} and forget_gate={f!r} one is to be True for "
                "the other to be coupled to it"
            )
        if self.peepholes not in ("diagonal", None):
            self._wrong(f'peepholes is "diagonal" or None, got {self.peepholes!r}')
        if True not in (i, f, o) and self.peepholes:
            self._wrong("no gate is left for peepholes; write peepholes=None")
        if True not in (i, f, o) and self.gate_recurrence:
            self._wrong("no gate is left to recur; leave gate_recurrence out")
        if forget_bias is not None:
            if f is False:
                self._wrong("forget_bias takes a forget gate; leave it out")
            if self._options.get("bias", 0.0) is None:
                self._wrong("forget_bias takes biases; leave bias=None out")
        for act in (activation, self.output_activation):
            if not is_own(act):
                self._wrong(
                    f"an activation is a function of penne's or None, got {act!r}; "
                    "with one of your own, write a Transducer"
                )

    def _make_layers(self, sizes: list[Any], activation: Function | None) -> None:
        """The layers of the gates that there are, and of g, in the cell's order."""
        gates = [name for name in GATES if self.kinds[name] is True]
        peephole = ["diag"] if self.peepholes else []
        before = [self.outsize] * len(gates) if self.gate_recurrence else []
        for name in self.order:
            if name in gates:
                self._layer(name, [*sizes, *peephole, *before], sigmoid)
            elif name == "input_layer":
                self._layer(name, sizes, activation)
        self.gate_names = tuple(gates)

    def _set_forget_bias(self, start: float | None) -> None:
        if start is not None:
            number = isinstance(start, (int, float, np.number))
            if not number or isinstance(start, bool):
                kind = type(self).__name__
                raise TypeError(
                    f"{kind}: forget_bias is a number or None, got {start!r}"
                )
            coupled = self.kinds["forget_gate"] == "coupled"
            gate = self.input_gate if coupled else self.forget_gate
            gate.bias.value[...] = -start if coupled else start

    def _make_norms(self) -> None:
        if not self.layer_norm:
            return
        names = [name for name in self.order if name in self.gates]
        one = np.ones(self.outsize, self.input_layer.weights[0].dtype)
        self.gains: dict[str, tuple[Parameter, Parameter]] = {
            name: (parameter(one), parameter(one)) for name in names
        }
        self.norm = LayerNorm(self.outsize)

    # --- running --------------------------------------------------------------------

    def start(self) -> None:
        """h := h0, c := c0; with ``gate_recurrence`` the gates before are 0."""
        super().start()
        self._begin("c", self.c0)
        if self.gate_recurrence:
            for name in self.gate_names:
                setattr(self, f"{name}_before", zeros(self.outsize, self.c0.dtype))

    @cell
    def step(self, inp: Any) -> Expression:
        """One step; the output is h."""
        h, c = self._before("h"), self._before("c")
        sums = self._sums(opened(inp), h)
        i, f = self._gate("input_gate", sums, c), self._gate("forget_gate", sums, c)
        g = self._written(_activated(self.input_layer, sums["input_layer"]))
        i = 1 - f if self.kinds["input_gate"] == "coupled" else i
        f = 1 - i if self.kinds["forget_gate"] == "coupled" else f
        new = _times(f, c) + _times(i, g)
        o = self._gate("output_gate", sums, new)
        self.c = self._zoned(self._zone_c, c, new)
        self.h = self._zoned(self._zone_h, h, self._shown(o, new))
        return self.h

    def _shown(self, o: Expression | None, c: Expression) -> Expression:
        """The h that o makes of c."""
        c = self.norm(c) if self.layer_norm else c
        y = _times(o, self.output_activation(c) if self.output_activation else c)
        return y if "projection" not in vars(self) else self.projection(y)

    def _gate(self, name: str, sums: Any, c: Expression) -> Any:
        """The gate ``name``, or None where there is none of its own."""
        if name not in self.gate_names:
            return None
        layer: Layer = vars(self)[name]
        hole = layer.products([c], self._taken) if self.peepholes else []
        gate = _activated(layer, [*sums[name], *hole])
        if self.gate_recurrence:
            setattr(self, f"{name}_before", gate)
        return gate

    @property
    def _taken(self) -> int:
        """The number of weights for x and h, after which that of the peephole comes."""
        return len(self.input_layer.weights)

    def _sums(self, inputs: list[Any], h: Expression) -> dict[str, list[Expression]]:
        """For each layer what is to be added up: what it makes of x, its bias, what it
        makes of h.  Bias and x come first, and so are added for all steps at once."""
        h = self._masked(h, inputs)
        inputs = [self.input_map(*inputs)] if "input_map" in vars(self) else inputs
        of_x = {n: layer.products(inputs) for n, layer in self.gates.items()}
        of_h = {n: self._recurring(layer, h) for n, layer in self.gates.items()}
        if self.layer_norm:
            of_x, of_h = self._normalised(of_x, 0), self._normalised(of_h, 1)
        biases = {n: layer.bias for n, layer in self.gates.items()}
        shifts = {n: [] if b is None else [b] for n, b in biases.items()}
        return {n: [*of_x[n], *shifts[n], *of_h[n]] for n in biases}

    def _recurring(self, layer: Layer, h: Expression) -> list[Expression]:
        """The products of h, and of the gates before, with their weights."""
        found = layer.products([h], self._taken - 1)
        if self.gate_recurrence and layer is not self.input_layer:
            before = [self._before(f"{name}_before") for name in self.gate_names]
            found += layer.products(before, self._taken + bool(self.peepholes))
        return found

    def _normalised(
        self, products: dict[str, list[Expression]], which: int
    ) -> dict[str, list[Expression]]:
        """The sums of all layers, normalised side by side, each times its gain."""
        sums = [reduce(add, terms) for terms in products.values()]
        z, m = layer_norm(concatenate(sums, -1)), self.outsize
        return {
            name: [multiply(z[..., k * m : (k + 1) * m], self.gains[name][which])]
            for k, name in enumerate(products)
        }


def _activated(layer: Layer, terms: list[Expression]) -> Expression:
    z = reduce(add, terms)
    return z if layer.f is None else layer.f(z)


def _times(gate: Expression | None, x: Expression) -> Expression:
    return x if gate is None else gate * x


LSTM = LongShortTermMemory
