"""Transducers: functions from sequences to sequences with a state.

A transducer is any class with ``start()`` and ``step(inp)``.  What its methods assign
to attributes after construction is its state; nothing is declared.  Example::

    class Sum(Transducer):
        def start(self):
            self.total = constant(0.0)

        def step(self, inp):
            self.total = self.total + inp
            return self.total
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from typing import Any, ClassVar

import numpy as np

from ..compute import Values, compute_values
from ..graph import Constant, Expression, constant
from ..layers import Layer, is_own
from ..modules import Module, ModuleType, is_computed
from ..randomness import Random
from ..tracing import Cell
from .masking import Mask, Reading, read_masked
from .reading import Step, in_two, looped, shared
from .structure import copied, joined, leaves, mapped


class _Remembering(ModuleType):
    """Notes what ``__init__`` assigned: what differs from it later is state."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        made = super().__call__(*args, **kwargs)
        made._built = dict(vars(made))
        Module.live[id(made)] = made
        return made


class Transducer(Module, metaclass=_Remembering):
    """A function from sequences to sequences, one step at a time.

    Subclasses define ``start()``, which sets the first state, and ``step(inp)``,
    which moves it on and returns the output.  An input is an expression, an array,
    an int or a list of ints (a symbol, a batch of symbols), or a tuple of several.
    ``noise_state``: the names of what is drawn in it for a sequence, as masks are:
    it is handed on to no other transducer, and each row of a batch has its own.

    The documentation of Penne, module ``recurrent``.
    """

    __slots__ = ("_built",)
    noise_state: ClassVar[Sequence[str]] = ()
    _built: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        kind = type(self).__name__
        raise AttributeError(
            f"{kind}: no attribute {name!r}; if it is state, call start() before step; "
            "a state that is assigned is whole: r.state = r.state | {...}"
        )

    def start(self) -> None:
        """Go to the first state."""

    def start_from(self, other: "Transducer") -> None:
        """Start, but in the state in which ``other`` is: a decoder in that of its
        encoder.  Masks of dropout are drawn anew.

        Raises ValueError where the other has not the same states, of the same sizes.
        """
        check_transducers("start_from", other)
        self.start()
        own, given = self._memory(), other._memory()
        if own.keys() != given.keys():
            raise ValueError(
                f"start_from: takes the state {sorted(own)}, the other is in "
                f"{sorted(given)}{'' if given else ': run it first'}"
            )
        for path in own:
            sizes = [getattr(x, "shape", ())[-1:] for x in (own[path], given[path])]
            if sizes[0] != sizes[1]:
                raise ValueError(
                    f"start_from: {path} has size {sizes[0]} here, {sizes[1]} there"
                )
        self.state = self.state | given

    def _memory(self) -> dict[str, Any]:
        """The state but for what is noise."""
        found = self.state
        for path, part in self.transducers().items():
            for name in part.noise_state:
                found.pop(f"{path}.{name}" if path else name, None)
        return {path: x for path, x in found.items() if not isinstance(x, Random)}

    def step(self, inp: Any) -> Any:
        """Take one input, move the state on, return the output."""
        raise TypeError(f"{type(self).__name__}: define step(self, inp)")

    def transduce(self, inps: Any) -> Any:
        """Start, then one step for each input: the list of the outputs.

        Of an array or expression, whose first axis is time, one expression with the
        outputs along its first axis; a tuple of such, where outputs are tuples.  An
        iterator is asked for an input when its step comes, so that it may read the
        state: ``r.transduce((y, attend(r.h)) for y in ys)``; of what looks ahead, for
        all before the first.  A list is read faster.
        """
        self.start()
        if not isinstance(inps, (np.ndarray, Expression)):
            return self.read(inps).outputs
        return joined(self.read(inps).outputs) if len(inps) else self.empty(inps)

    @property
    def causal(self) -> bool:
        """Whether no output depends on a later input, so that there are steps."""
        return True

    def read(self, inps: Iterable[Any], masks: Sequence[Mask] | None = None) -> Reading:
        """Go on from the present state: one step for each input; the outputs, and
        the last of them.

        ``masks``: for each step which rows of the batch take it; the others keep
        their state, and their output is what it was before.  A transducer that takes
        whole sequences defines this, and ``causal``, in the place of ``step``.
        """
        if masks is not None:
            return read_masked(self, inps, masks)
        steps = self.known_steps()
        outputs = looped(steps, inps) if steps else None
        if outputs is None:
            outputs = [self.step(inp) for inp in inps]
        return Reading(outputs, outputs[-1] if outputs else None)

    def known_steps(self) -> list[Step] | None:
        """What a step is made of, one after the other, if all of it is known to be
        nothing but a function of input and state, as a cell is; else None."""
        step: Any = type(self).step
        known = isinstance(step, Cell) and "step" not in vars(self)
        return [(step, self)] if known else None

    def empty(self, inps: Any) -> Any:
        """Outputs for no steps of ``inps``: their shape is found by one that is taken
        back."""
        before = self.state
        found = self.read([np.zeros(inps.shape[1:], inps.dtype)]).last
        self.state = before
        return mapped(lambda y: Constant(np.zeros((0, *y.shape), y.dtype)), found)

    def __copy__(self) -> "Transducer":
        """A second one, in the same state but with a state of its own: copied are
        lists and the like and the transducers that this one is made of; their weights
        and layers are those of both.

        >>> from copy import copy
        >>> r = Stack(Map(Layer(3, 2)))
        >>> s = copy(r)
        >>> s.layers[0] is r.layers[0], s.layers[0].f is r.layers[0].f
        (False, True)
        """
        parts = self.transducers().values()
        shared = [x for _, x in self.parts() if not _is_own(x)]
        shared += [x for part in parts for x in part._replaced().values()]
        made = deepcopy(self, {id(x): x for x in shared})
        for old, new in zip(parts, made.transducers().values()):
            held, same = vars(new), old.settled().keys() & vars(new).keys()
            new._built = old._built | {name: held[name] for name in same}
        made.state = self.state
        return made

    def __getstate__(self) -> Any:
        """What is pickled and copied.  Of what is as it was constructed the name says
        so, as numbers are not the same objects afterwards."""
        state: Any = super().__getstate__()
        if isinstance(state, tuple) and "_built" in state[1]:
            replaced = self._replaced()
            state[1]["_built"] = {*self._built} - {*replaced}, replaced
        return state

    def __setstate__(self, state: Any) -> None:
        """What a copy holds, or what is unpickled."""
        super().__setstate__(state)
        built: Any = getattr(self, "_built", None)
        if isinstance(built, tuple):  # and not as a class's own __reduce__ leaves it
            (same, replaced), held = built, vars(self)
            self._built = {name: held[name] for name in same & held.keys()} | replaced

    def _replaced(self) -> dict[str, Any]:
        """What was constructed and is not there any more."""
        held = vars(self)
        return {
            name: x
            for name, x in self._built.items()
            if not (name in held and held[name] is x)
        }

    def __rshift__(self, other: Any) -> "Stack":
        """``a >> b`` is ``Stack(a, b)``; stacks on either side are opened."""
        return Stack(*_opened(self), *_opened(other))

    def transducers(self) -> "dict[str, Transducer]":
        """This transducer ("") and those it is made of, by attribute path."""
        parts = self.modules().items()
        return {path: part for path, part in parts if isinstance(part, Transducer)}

    @property
    def state(self) -> dict[str, Any]:
        """What has changed since construction, by attribute path, nested
        transducers too.  Assigning a state returns to it exactly; for expressions
        that are the state of a cell, arrays and lists of numbers will do too."""
        found = {}
        for path, part in self.transducers().items():
            for name, value in part._changed().items():
                found[f"{path}.{name}" if path else name] = mapped(copied, value)
        return found

    @state.setter
    def state(self, state: Mapping[str, Any]) -> None:
        check_state("state", state)
        parts = self.transducers()
        places = [path.rpartition(".")[::2] for path in state]
        unknown = [path for path, _ in places if path not in parts]
        if unknown:
            raise ValueError(f"state: there is no transducer at {unknown[0]!r} here")
        ModuleType.changes += 1
        for part in parts.values():
            for name in part._changed():
                del vars(part)[name]
                if name in part._built:
                    vars(part)[name] = part._built[name]
        for (path, name), value in zip(places, state.values()):
            numbers = isinstance(value, (np.ndarray, list))
            if numbers and parts[path].known_steps():  # then all state is expressions
                value = constant(value)
            setattr(parts[path], name, mapped(copied, value))

    def _changed(self) -> dict[str, Any]:
        """The attributes assigned since construction; modules are no state."""
        built = self._built
        return {
            name: value
            for name, value in vars(self).items()
            if not (name in built and built[name] is value)
            and not isinstance(value, Module)
        }

    def settled(self) -> dict[str, Any]:
        """The attributes that are as they were constructed."""
        changed = self._changed()
        return {name: x for name, x in vars(self).items() if name not in changed}

    def detach(self, values: Values | None = None) -> None:
        """Make the state constants of its present values, so that no gradient, and
        no memory, reaches back beyond this moment (truncated back-propagation).
        A parameter in the state, as a learned first state is, stays one.

        ``values``: a mapping from an evaluation, as ``compute_values`` or
        ``receive`` extend it, saves computing them again.
        """
        changed = [(part, part._changed()) for part in self.transducers().values()]
        computed = [x for _, state in changed for x in leaves(state) if is_computed(x)]
        values = compute_values(computed, values)
        known = {x: constant(np.array(values[x])) for x in computed}
        for part, state in changed:
            for name, value in state.items():
                if any(map(is_computed, leaves(value))):
                    now = mapped(lambda x: known[x] if is_computed(x) else x, value)
                    setattr(part, name, now)


def check_state(name: str, state: Any) -> None:
    """TypeError for what is no state, saying what is one."""
    if not isinstance(state, Mapping):
        kind = type(state).__name__
        form = 'as r.state gives it, {"h": ...}'
        raise TypeError(f"{name}: a state maps names to values, {form}, got {kind}")


def _is_own(x: Any) -> bool:
    """Whether a copy of a transducer that is made of x gets an x of its own."""
    if isinstance(x, Module):
        return any(isinstance(part, Transducer) for part in x.modules().values())
    return isinstance(x, (list, tuple, dict))


def check_apart(owner: Transducer, parts: Sequence[Transducer]) -> None:
    """ValueError where two of the parts, of which one reads a whole sequence after
    the other, share a state."""
    if shared(parts):
        one, kind = type(in_two(parts)).__name__, type(owner).__name__
        raise ValueError(
            f"{kind}: {one} is in two of the transducers that read the whole sequence "
            "one after the other, but has one state; write copy.copy(r) for a second "
            "with a state of its own and the same weights"
        )


def check_transducers(name: str, *parts: Any) -> None:
    """TypeError for a part that is no transducer, saying what to write."""
    for part in parts:
        if isinstance(part, type):
            own = f"the class {part.__name__}; write {part.__name__}(...)"
            raise TypeError(f"{name}: takes transducers, got {own}")
        if not isinstance(part, Transducer):
            kind = type(part).__name__
            raise TypeError(f"{name}: takes transducers, got {kind}; write Map(f)")


class Map(Transducer):
    """The transducer without state: each output is f(input)."""

    def __init__(self, f: Callable[[Any], Any]):
        if not callable(f):
            raise TypeError(f"Map: takes a function, got {type(f).__name__}")
        self.f = f

    def step(self, inp: Any) -> Any:
        """f(inp)."""
        return self.f(inp)

    def known_steps(self) -> list[Step] | None:
        """The step, where f is a layer with a function of penne's."""
        if type(self).step is not Map.step:
            return super().known_steps()
        pure = type(self.f) is Layer and is_own(self.f.f)
        return [(_layer_step, self)] if pure else None


_layer_step = Cell(Map.step)


class Stack(Transducer):
    """Composition: the output of each transducer is the input of the next.

    ``Stack(a, b).transduce(xs)`` is ``b.transduce(a.transduce(xs))``; ``Stack()``
    gives back its input.
    """

    def __init__(self, *layers: Transducer):
        check_transducers("Stack", *layers)
        self.layers = list(layers)

    @property
    def causal(self) -> bool:
        """Whether all are."""
        return all(layer.causal for layer in self.layers)

    def start(self) -> None:
        """Start each."""
        for layer in self.layers:
            layer.start()

    def step(self, inp: Any) -> Any:
        """One step through all."""
        for layer in self.layers:
            inp = layer.step(inp)
        return inp

    def known_steps(self) -> list[Step] | None:
        """Those of all, where they are known."""
        if type(self).step is not Stack.step:
            return super().known_steps()
        found: list[Step] = []
        for layer in self.layers:
            steps = layer.known_steps()
            if steps is None:
                return None
            found += steps
        return found

    def read(self, inps: Iterable[Any], masks: Sequence[Mask] | None = None) -> Reading:
        """Step by step where all are causal, else one layer after the other."""
        if self.causal:
            return super().read(inps, masks)
        check_apart(self, self.layers)
        for layer in self.layers:
            inps, last = layer.read(inps, masks)
        return Reading(list(inps), last)


def _opened(r: Any) -> list[Any]:
    return r.layers if type(r) is Stack else [r]
