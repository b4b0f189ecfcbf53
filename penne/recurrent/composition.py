"""Transducers made of transducers: side by side, backwards, around each other.

``a >> b`` and ``Stack`` (in ``transducer``) put one after the other; ``Feedback`` (in
``feedback``) feeds outputs back.  The parts stay what they are: their parameters and
their state are found by attribute path, and ``state``, ``detach`` and masks reach
through any nesting.  What looks ahead (``Reverse``, ``Bidirectional``, and whatever is
made of them) has no ``step``: it takes whole sequences, by ``transduce``, or by
``unroll``, where those of a batch differ in length.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..layers import Layer
from ..ops import add, concatenate, sigmoid
from ..tracing import Cell
from .masking import Mask, Reading
from .reading import Step
from .transducer import Stack, Transducer, check_apart, check_transducers
from .unit import Seed

Masks = Sequence[Mask] | None
Join = Callable[..., Any]
IDENTITY = Stack()


def tupled(*outputs: Any) -> tuple[Any, ...]:
    """The outputs as they are, as several inputs for what comes next."""
    return outputs


def concatenated(*outputs: Any) -> Any:
    """The outputs one after the other along their last axis."""
    return concatenate(outputs, -1)


class SideBySide(Transducer):
    """What reads one input by several transducers and joins their outputs."""

    def sides(self) -> Sequence[Transducer]:
        """The transducers, in the order in which ``joined`` takes their outputs."""
        raise NotImplementedError

    def joined(self, *outputs: Any) -> Any:
        """One output made of theirs."""
        raise NotImplementedError

    @property
    def causal(self) -> bool:
        """Whether all are."""
        return all(side.causal for side in self.sides())

    def start(self) -> None:
        """Start each."""
        for side in self.sides():
            side.start()

    def step(self, inp: Any) -> Any:
        """One step of each, joined."""
        return self.joined(*[side.step(inp) for side in self.sides()])

    def known_steps(self) -> list[Step] | None:
        """The step as one op, where those of all sides are known, and ``joined``."""
        if type(self).step is not SideBySide.step or not self._joins():
            return super().known_steps()
        known = all(side.known_steps() is not None for side in self.sides())
        return [(_both_steps, self)] if known else None

    def _joins(self) -> bool:
        """Whether ``joined`` is known to be a function of the outputs alone."""
        return False

    def read(self, inps: Iterable[Any], masks: Masks = None) -> Reading:
        """Step by step where all are causal, else one side after the other."""
        if self.causal:
            return super().read(inps, masks)
        check_apart(self, self.sides())
        given = list(inps)
        return self._together([side.read(given, masks) for side in self.sides()])

    def _together(self, found: Sequence[Reading]) -> Reading:
        outputs = [self.joined(*ys) for ys in zip(*[read.outputs for read in found])]
        last = self.joined(*[read.last for read in found]) if outputs else None
        return Reading(outputs, last)


_both_steps = Cell(SideBySide.step)


class Parallel(SideBySide):
    """Each reads the same input; the output is ``join`` of theirs, at first a tuple.

    A tuple is several inputs for what comes next: ``Parallel(a, b) >> GRU([m, n], k)``.

    Raises TypeError for what is no transducer, and for none.

    >>> import numpy as np
    >>> from penne import LSTM
    >>> both = Parallel(LSTM(3, 2), Stack()).transduce(np.zeros((5, 3)))
    >>> [y.shape for y in both]
    [(5, 2), (5, 3)]
    """

    def __init__(self, *branches: Transducer, join: Join = tupled):
        name = type(self).__name__
        check_transducers(name, *branches)
        if not branches:
            raise TypeError(f"{name}: takes at least one transducer, got none")
        self.branches = list(branches)
        self.join = join

    def sides(self) -> Sequence[Transducer]:
        """The branches."""
        return self.branches

    def joined(self, *outputs: Any) -> Any:
        """``join`` of the outputs."""
        return self.join(*outputs)

    def _joins(self) -> bool:
        return self.join is concatenated and type(self).joined is Parallel.joined


class Concat(Parallel):
    """Each reads the same input; the outputs stand side by side in one vector.

    ``Concat(a, b)`` is ``Parallel(a, b) >> Map(concatenation)``.

    >>> import numpy as np
    >>> from penne import LSTM
    >>> Concat(LSTM(3, 2), LSTM(3, 4)).transduce(np.zeros((5, 3))).shape
    (5, 6)
    """

    def __init__(self, *branches: Transducer):
        super().__init__(*branches, join=concatenated)


class Around(SideBySide):
    """What joins its input with what ``layer`` makes of it."""

    def __init__(self, layer: Transducer):
        check_transducers(type(self).__name__, layer)
        self.layer = layer

    def sides(self) -> Sequence[Transducer]:
        """The input as it is, and the layer."""
        return [IDENTITY, self.layer]

    def _joins(self) -> bool:
        return type(self).joined in (Residual.joined, Highway.joined)


class Residual(Around):
    """y := x + r(x): what ``layer`` adds to its input.

    He et al. 2016, *Deep Residual Learning for Image Recognition*, equation 1.

    >>> import numpy as np
    >>> from penne import Map, compute_value
    >>> compute_value(Residual(Map(lambda x: x * 2)).transduce(np.ones(3)))
    array([3., 3., 3.])
    """

    def joined(self, *outputs: Any) -> Any:
        """Their sum."""
        return add(*outputs)


class Highway(Around):
    """y := t * r(x) + (1 - t) * x, with t := s(W x + b): a gate for each component
    lets ``layer`` through or carries the input, of ``size``, past it.

    ``bias``: where b starts; below 0 most is carried at first.

    Srivastava, Greff and Schmidhuber 2015, *Highway Networks*, equation 3; section
    2.2 for the bias.

    >>> import numpy as np
    >>> from penne import Map, compute_value
    >>> half = Highway(Map(lambda x: x * 3), 1, bias=0.0)
    >>> half.gate.weights[0].value[:] = 0
    >>> compute_value(half.transduce(np.ones((2, 1)))).tolist()
    [[2.0], [2.0]]
    """

    def __init__(
        self, layer: Transducer, size: int, *, bias: float = -1.0, rng: Seed = None
    ):
        super().__init__(layer)
        self.gate = Layer(size, size, f=sigmoid, bias=bias, rng=rng)

    def joined(self, *outputs: Any) -> Any:
        """One or the other, as the gate says."""
        x, y = outputs
        t = self.gate(x)
        return t * y + (1 - t) * x


class Ahead(Transducer):
    """What needs the whole sequence, and so has no step."""

    @property
    def causal(self) -> bool:
        """No: it looks ahead."""
        return False

    def step(self, inp: Any) -> Any:
        """TypeError."""
        raise TypeError(
            f"{type(self).__name__}: there is no step, as an output depends on inputs "
            "yet to come; write transduce(inputs), or unroll(r, inputs) for a batch"
        )


class Reverse(Ahead):
    """``layer``, from the end to the beginning: the last input is read first, and the
    output for each input stands at its place.

    ``Reverse(Reverse(r))`` is r.  Its last output, as ``unroll`` gives it, is the one
    given last, that for the first input.

    >>> import numpy as np
    >>> from penne import Map, compute_value
    >>> from penne.recurrent import Feedback
    >>> sums = Reverse(Feedback(Map(sum), 0.0))
    >>> compute_value(sums.transduce(np.array([1.0, 2.0, 4.0])))
    array([7., 6., 4.])
    """

    def __init__(self, layer: Transducer):
        check_transducers("Reverse", layer)
        self.layer = layer

    def start(self) -> None:
        """Start it."""
        self.layer.start()

    def read(self, inps: Iterable[Any], masks: Masks = None) -> Reading:
        """Read backwards; each sequence of a batch is reversed by itself, as its
        masked steps are none."""
        return backwards(self.layer, inps, masks)


def backwards(layer: Transducer, inps: Iterable[Any], masks: Masks) -> Reading:
    """What ``layer`` reads from the end to the beginning, put at its inputs' places."""
    masks = None if masks is None else masks[::-1]
    outputs, last = layer.read(list(inps)[::-1], masks)
    return Reading(outputs[::-1], last)


class Bidirectional(Ahead, SideBySide):
    """``forward`` reads from the beginning, ``backward`` from the end; the output for
    each input is ``join`` of theirs, at first both in one vector.

    ``Bidirectional(f, b)`` is ``Concat(f, Reverse(b))``.  In a batch of sequences of
    different lengths (``unroll`` with ``lengths`` or ``mask``) each is reversed by
    itself.  The last output, as ``unroll`` gives it, joins what each gave last.

    Schuster and Paliwal 1997, *Bidirectional Recurrent Neural Networks*.

    >>> import numpy as np
    >>> from penne import LSTM
    >>> Bidirectional(LSTM(3, 2), LSTM(3, 4)).transduce(np.zeros((5, 3))).shape
    (5, 6)
    """

    def __init__(
        self, forward: Transducer, backward: Transducer, *, join: Join = concatenated
    ):
        check_transducers("Bidirectional", forward, backward)
        if forward is backward:
            raise ValueError(
                "Bidirectional: takes two transducers, got one twice; write "
                "copy.copy(f) for a second with a state of its own and the same weights"
            )
        self.forward, self.backward = forward, backward
        self.join = join

    def sides(self) -> Sequence[Transducer]:
        """Both."""
        return [self.forward, self.backward]

    def joined(self, *outputs: Any) -> Any:
        """``join`` of the outputs."""
        return self.join(*outputs)

    def read(self, inps: Iterable[Any], masks: Masks = None) -> Reading:
        """Read in both directions."""
        check_apart(self, self.sides())
        given = list(inps)
        found = [
            self.forward.read(given, masks),
            backwards(self.backward, given, masks),
        ]
        return self._together(found)
