"""What the cells of the literature share: first states, and noise on what recurs.

``insize`` is as for ``Layer``: n for vectors, -n for symbols, or a list, for several
inputs at once, given to ``step`` as a tuple.
"""

from collections.abc import Sequence
from inspect import signature
from typing import Any, ClassVar, NoReturn

import numpy as np

from ..counts import positive
from ..functions import zeros
from ..graph import Expression, Parameter, parameter
from ..layers import Function, Layer, Size, add_parameters, flat, insizes
from ..ops import detach, multiply
from ..randomness import Coins, Mask, Random
from ..settings import current_dtype, generator
from .transducer import Transducer

Model = list[Parameter] | None
Seed = np.random.Generator | int | None
LAYER_OPTIONS = ("gain", "bias", "init")
SEEDED = (
    "input_gate",
    "forget_gate",
    "output_gate",
    "input_layer",
    "reset_gate",
    "update_gate",
    "layer",
    "projection",
    "input_map",
    "decay",
    "bias",
    "noise",
)


class RecurrentUnit(Transducer):
    """A cell whose state is vectors, with the options that any such cell has:

    - ``learned_start``: h0 (and c0) are parameters, zero at first, instead of zeros
    - ``gal_dropout=p``: what recurs is h * m, where m is drawn once for each
      sequence: 1/(1-p) with probability 1-p, else 0.  Gal and Ghahramani 2016, *A
      Theoretically Grounded Application of Dropout in Recurrent Neural Networks*:
      "tied weights", as all gates share the mask
    - ``semeniuta_dropout=p``: what is written is g * m, where m is drawn for each
      step.  Semeniuta, Severyn and Barth 2016, *Recurrent Dropout without Memory
      Loss*
    - ``zoneout=p``: h := d * h + (1 - d) * (what the cell says), where d is 1 with
      probability p, else 0, drawn for each step; p in place of d while
      ``training(False)`` holds.  An LSTM takes a pair as well, for c and for h.
      Krueger et al. 2017, *Zoneout: Regularizing RNNs by Randomly Preserving Hidden
      Activations*
    - ``truncate=1``: the state of the step before is constant to gradients
    - ``gain``, ``bias``, ``init``: as for ``Layer``

    Each layer draws its first weights from a generator of its own, seeded from
    ``rng`` by the layer's name: the same seed gives ``input_gate`` the same weights
    in every variant that has one, and variants take equally much from ``rng``.

    Raises ValueError for a probability outside [0, 1), and for what is no bool where
    there is nothing but True and False, and TypeError for an option that the cell does
    not have, naming those that it has.
    """

    noise_state = ("mask",)
    has_c: ClassVar[bool] = False
    order: ClassVar[Sequence[str]] = ()

    def __init__(
        self,
        insize: Size,
        outsize: int,
        model: Model,
        rng: Seed,
        *,
        learned_start: bool = False,
        gal_dropout: float = 0.0,
        semeniuta_dropout: float = 0.0,
        zoneout: float | tuple[float, float] = 0.0,
        truncate: int | None = None,
        **options: Any,
    ):
        self._refuse_unknown(options)
        self.insize = insizes(insize)
        self.outsize = positive(type(self).__name__, "outsize", outsize)
        self.learned_start = self._flag("learned_start", learned_start)
        self.truncate = truncate
        if truncate not in (None, 1):
            self._wrong(
                f"truncate is None or 1, got {truncate!r}; to cut after several "
                "steps call detach() there"
            )
        if truncate and learned_start:
            self._wrong("with truncate=1 no gradient reaches a learned_start")
        self._model, self._options = model, options
        seeds = generator(rng).integers(2**63, size=len(SEEDED))
        self._seeds = dict(zip(SEEDED, map(int, seeds)))
        self._noise = generator(self._seeds["noise"])
        self._gal = self._drawing("gal_dropout", Mask, gal_dropout)
        self._semeniuta = self._drawing("semeniuta_dropout", Mask, semeniuta_dropout)
        pair = zoneout if isinstance(zoneout, tuple) else (zoneout, zoneout)
        if isinstance(zoneout, tuple) and not (self.has_c and len(pair) == 2):
            most = "a pair, for c and h" if self.has_c else "one number"
            self._wrong(f"zoneout is {most}, got {zoneout}")
        self._zone_c, self._zone_h = (self._drawing("zoneout", Coins, p) for p in pair)

    @classmethod
    def options(cls) -> list[str]:
        """The names of all options of this cell."""
        found = [
            name
            for kind in cls.__mro__
            if "__init__" in vars(kind) and issubclass(kind, RecurrentUnit)
            for name, p in signature(kind.__init__).parameters.items()
            if p.kind is p.KEYWORD_ONLY
        ]
        return [*dict.fromkeys(found), *LAYER_OPTIONS]

    def _refuse_unknown(self, options: dict[str, Any]) -> None:
        for name in options:
            if name not in LAYER_OPTIONS:
                kind, known = type(self), ", ".join(self.options())
                raise TypeError(f"{kind.__name__}: no option {name!r} among {known}")

    def _wrong(self, what: str) -> NoReturn:
        raise ValueError(f"{type(self).__name__}: {what}")

    def _flag(self, name: str, given: Any) -> bool:
        """An option that is True or False; or ValueError."""
        if not isinstance(given, (bool, np.bool_)):
            self._wrong(f"{name} is True or False, got {given!r}")
        return bool(given)

    def _drawing(self, name: str, kind: Any, p: Any) -> Any:
        if not isinstance(p, (int, float, np.number)):
            own = type(self).__name__
            raise TypeError(f"{own}: {name} is a probability, got {p!r}")
        if not 0 <= p < 1:
            self._wrong(f"{name} is at least 0 and below 1, got {p}")
        return kind(p) if p else None

    # --- making ---------------------------------------------------------------------

    def _layer(
        self, name: str, sizes: list[Any], f: Function | None, **changes: Any
    ) -> Layer:
        """``self.name``, a layer with first weights from its own generator."""
        options = {"outsize": self.outsize, **self._options, **changes}
        made = Layer(sizes, f=f, rng=self._seeds[name], **options)
        setattr(self, name, made)
        return made

    def _first(self, name: str, size: int) -> None:
        """``self.name``: a first state, learned or zero."""
        zero = np.zeros(size, current_dtype())
        learned = self.learned_start
        setattr(self, name, parameter(zero) if learned else zeros(size, zero.dtype))

    def _made(self) -> None:
        """All is made: the model gets the parameters."""
        model = self._model
        del self._model, self._options, self._seeds
        add_parameters(model, self)

    @property
    def gates(self) -> dict[str, Layer]:
        """The layers of the gates that there are, and of what they let in, by name."""
        return {name: vars(self)[name] for name in self.order if name in vars(self)}

    # --- running --------------------------------------------------------------------

    def start(self) -> None:
        """h := h0."""
        self._begin("h", self.h0)
        if self._gal:
            self.mask = self._drawn(self._gal, self.h0.shape, 1.0)

    def _begin(self, name: str, first: Expression) -> None:
        """The state ``name`` := first.  Also a parameter in place of an expression is
        no change of what the unit is made of, and so is not counted as one."""
        held = vars(self)
        if isinstance(held.get(name), Expression):
            held[name] = first
        else:
            setattr(self, name, first)

    def _drawn(self, draw: Any, shape: tuple[int, ...], rest: float) -> Expression:
        return Random(draw, rest, shape, self.h0.dtype, self._noise)

    def _before(self, name: str) -> Expression:
        """The state ``name`` of the step before, for this one."""
        value: Expression = getattr(self, name)
        return detach(value) if self.truncate else value

    def _masked(self, h: Expression, inputs: list[Any]) -> Expression:
        """h under the mask of this sequence; each of a batch has a mask of its own.

        Raises TypeError for another number of inputs than the cell has sizes for.
        """
        if len(inputs) != len(self.insize):
            kind, sizes = type(self).__name__, self.insize
            raise TypeError(
                f"{kind}: takes {len(sizes)} inputs for insize {sizes}, "
                f"got {len(inputs)}"
            )
        if not self._gal:
            return h
        leads = map(_lead, inputs, self.insize)
        lead = np.broadcast_shapes(h.shape[:-1], *leads)
        if self.mask.shape[:-1] != lead:
            self.mask = self._drawn(self._gal, (*lead, h.shape[-1]), 1.0)
        return multiply(h, self.mask)

    def _written(self, g: Expression) -> Expression:
        """What is written, thinned out."""
        if not self._semeniuta:
            return g
        return multiply(g, self._drawn(self._semeniuta, g.shape, 1.0))

    def _zoned(self, draw: Any, old: Expression, new: Expression) -> Expression:
        """The new state, or here and there the old one."""
        if not draw:
            return new
        d = self._drawn(draw, new.shape, draw.p)
        return d * old + (1 - d) * new


def _lead(x: Any, n: Any) -> tuple[int, ...]:
    """The shape of a batch of inputs of size n."""
    shape = x.shape if isinstance(x, Expression) else np.shape(x)
    symbols = not isinstance(n, str) and n < 0
    return tuple(shape if symbols else shape[:-1])


def opened(inp: Any) -> list[Any]:
    """The inputs of a step: one, or several in a tuple."""
    return flat((inp,))
