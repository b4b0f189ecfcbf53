"""What all trainers share: from the gradient of a loss to better parameters.

A trainer is what ``_change`` makes of a gradient; ``receive`` is the same for all:
the loss and its gradients are computed, checked, clipped; every update that can fail is
computed, in copies; and only then is anything written.  To copy large arrays takes as
long as to update them: where the rule is penne's own, their gradient is far from
overflow, and NumPy's errors are not set to be raised, they are updated in place, after
all that can fail.

This module imports ``compute``, ``doorway``, ``graph``, ``modules``, ``rows``,
``clipping`` and ``limits``.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cache
from math import inf, isfinite
from typing import Any, ClassVar, TypeVar

import numpy as np

from ..compute import Values, compute_loss_and_gradients
from ..doorway import current
from ..graph import Expression, Parameter
from ..modules import Module, fitted
from ..rows import Rows
from .clipping import Gradients, clipped_values, clipping_scale
from .limits import check_settings

Array = np.ndarray[Any, Any]
Rate = float | Callable[[int], float]
Rule = TypeVar("Rule", bound=Callable[..., Any])
Update = tuple["Trainer", Parameter, Any, list[Array], list[Array]]
# who updates which parameter; the rows, of all that it keeps, that become the new ones
LARGE = 1 << 12  # the size from which an array is better changed than copied
TAME = 1e-8  # the part of the largest float that a tame gradient's squares stay under
NUMBERS = {float, int, np.float16, np.float32, np.float64, np.longdouble}
WARNINGS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}


def elementwise(rule: Rule) -> Rule:
    """A ``_change`` that calls nothing on its arrays but NumPy's elementwise functions
    of them and of numbers, which depend on settings, the rate and t alone: then it may
    run as one kernel.  A setting is what it reads of ``self``."""
    rule.elementwise = True  # type: ignore[attr-defined]
    return rule


class Step:
    """What ``_change`` may use: the ``rate``; ``t``, the count of this parameter's
    steps, this one included; ``a`` and ``b``, arrays like the gradient to compute in.
    """

    __slots__ = ("rate", "t", "a", "b", "g")
    rate: float
    t: int

    def __init__(self, like: Array):
        self.a, self.b, self.g = (np.empty_like(like) for _ in range(3))

    def blend(self, mean: Array, beta: float, x: Array) -> None:
        """mean := beta * mean + (1 - beta) * x, in place; x is not a, which is used."""
        mean *= beta
        mean += np.multiply(x, 1 - beta, out=self.a)


@dataclass(eq=False)
class Trainer(ABC):
    """What all trainers share.

    ``learning_rate``: a number, or a function of the number of steps taken before
    this one, as those in ``schedules``.

    ``clip_gradients``: scale all gradients together so that their norm is at most
    this (Pascanu, Mikolov and Bengio 2013, algorithm 1); ``clip_values``: before
    that, bring each element into [-clip_values, clip_values].  Off unless given.

    ``weight_decay``: g := g + weight_decay * p after clipping (L2); trainers that
    say "decoupled" do p := p - learning_rate * weight_decay * p instead.

    ``lazy``: of a parameter that is looked up, only the rows looked up, and only what
    is remembered of them, are touched.  For trainers that move a parameter where its
    gradient is zero (all but SGD and Adagrad without weight decay) this is another
    algorithm, and quicker.

    ``groups``: parameters, or modules with all theirs, to the trainer that updates
    them; gradients are clipped together with all others, and the steps that its
    schedule sees are those of the trainer that receives.  Example: no decay of biases::

        still = AdamW(0.001, weight_decay=0.0)
        biases = [p for path, p in net.parameters().items() if path.endswith("bias")]
        AdamW(0.001, groups={net.embedding: SGD(0.1), **dict.fromkeys(biases, still)})

    Raises TypeError for a setting that is no number and groups that are no mapping of
    this kind; ValueError for a setting out of its range, for groups that share a
    parameter, and for a group's trainer that clips or has groups itself.

    One's own trainer names what it remembers of a parameter in ``keeps`` and defines
    ``_change``; it may say that this is ``elementwise``.
    """

    keeps: ClassVar[tuple[str, ...]] = ()  # what is remembered, an array each
    sparse: ClassVar[bool] = False  # whether a gradient of zero changes nothing
    decoupled: ClassVar[bool] = False  # whether weight decay passes by the gradient
    _own: ClassVar[bool]  # whether the rule is penne's own, which does not fail

    learning_rate: Rate
    _: KW_ONLY
    clip_gradients: float | None = None
    clip_values: float | None = None
    weight_decay: float = 0.0
    lazy: bool = False
    groups: Mapping[Parameter | Module, "Trainer"] = field(default_factory=dict)
    steps: int = field(default=0, init=False, repr=False)
    memory: dict[Parameter, list[Array]] = field(init=False, repr=False)
    times: dict[Parameter, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.memory, self.times = {}, {}
        self._room: dict[Any, Step] = {}
        check_settings(self)
        self._others: dict[Parameter, Trainer] = {}
        if not isinstance(self.groups, Mapping):
            name, kind = type(self).__name__, type(self.groups).__name__
            raise TypeError(
                f"{name}: groups maps parameters or modules to trainers, got {kind}; "
                "write groups={module: SGD(0.1)}"
            )
        for part, trainer in self.groups.items():
            self._give(part, trainer)

    def _give(self, part: Any, trainer: "Trainer") -> None:
        """Leave the parameters of ``part`` to ``trainer``."""
        name = f"{type(self).__name__}: groups"
        if not isinstance(part, (Parameter, Module)) or not isinstance(
            trainer, Trainer
        ):
            raise TypeError(
                f"{name} maps parameters or modules to trainers, "
                f"got {type(part).__name__}: {type(trainer).__name__}"
            )
        if trainer.clip_gradients or trainer.clip_values or trainer.groups:
            raise ValueError(
                f"{name}: all gradients are clipped together, and groups are one "
                "level deep; give clip_gradients, clip_values, groups outside only"
            )
        for p in part.parameters().values() if isinstance(part, Module) else [part]:
            if p in self._others:
                raise ValueError(f"{name}: two of them hold the same {p!r}")
            self._others[p] = trainer

    def receive(self, loss: Expression, values: Values | None = None) -> float:
        """One step down the gradient of ``loss`` for every parameter it reaches.

        Returns the loss before the step; ``values`` is extended as by
        ``compute_values(loss, values)``.  Raises FloatingPointError for a NaN in the
        loss, a gradient or an update, ValueError for a loss that is no scalar or a
        rate below 0, TypeError for a rate that is no number; then no parameter has
        changed.
        """
        if "memory" not in vars(self):
            name, call = type(self).__name__, "super().__init__(learning_rate)"
            raise TypeError(f"{name}: its own __init__ does not call {call}")
        sparse = any(x._by_rows for x in (self, *self.groups.values()))
        value, gradients = compute_loss_and_gradients(
            loss, sparse=sparse, values=values
        )
        if self.clip_values is not None:
            gradients = clipped_values(gradients, self.clip_values)
        scale = 1.0
        if self.clip_gradients is not None:
            scale = clipping_scale(gradients, self.clip_gradients)
        self._write(self._updates(gradients, scale))
        return float(value)

    def _updates(self, gradients: Gradients, scale: float) -> list[Update]:
        """All updates, for gradients times ``scale``: computed in copies or, after
        these, in place where they cannot fail; what fails has changed nothing."""
        rates = {x: x._rate(self.steps) for x in (self, *self.groups.values())}
        direct: dict[Parameter, bool] = {}  # where a kernel may do it
        for p in _unfailing(gradients):  # as no scale is above 1
            trainer = self._others.get(p, self)
            direct[p] = trainer._is_sound(p, rates[trainer])
        order = sorted(gradients, key=lambda p: direct.get(p, False))
        updates = []
        with np.errstate(invalid="raise"):  # what makes NaN of numbers
            for p in order:
                trainer = self._others.get(p, self)
                rate = rates[trainer]
                try:
                    update = trainer._update(
                        p, gradients[p], scale, rate, direct.get(p)
                    )
                except FloatingPointError as error:
                    name = type(trainer).__name__
                    message = f"{name}: {error}, in the update of {p!r}"
                    raise FloatingPointError(message) from error
                updates.append(update)
        return updates

    @property
    def _by_rows(self) -> bool:
        return self.lazy or (self.sparse and not self.weight_decay)

    def _rate(self, step: int) -> float:
        given, name = self.learning_rate, type(self).__name__
        found = given(step) if callable(given) else given
        try:
            rate = float(found)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{name}: learning_rate gives a number, got {found!r} at step {step}"
            ) from error
        if not 0 <= rate < inf:
            raise ValueError(
                f"{name}: learning_rate is at least 0, got {rate} at step {step}"
            )
        return rate

    def _is_sound(self, p: Parameter, rate: float) -> bool:
        """Whether no update of p by a tame gradient can fail: the rule is penne's own,
        all that it depends on is finite, and settings do not turn into 0 or infinity in
        the dtype of p."""
        if not type(self)._own:
            return False
        least, most = _range(p.value.dtype)
        for x in (rate, *vars(self).values()):
            if type(x) in NUMBERS and x and not least <= abs(x) <= most:
                return False
        value = p.value  # a product with what is infinite is not finite
        return all(isfinite(np.vdot(value, x)) for x in self.memory.get(p) or [value])

    def __init_subclass__(cls, **more: Any) -> None:
        super().__init_subclass__(**more)
        cls._own = cls.__module__.startswith(f"{__package__}.")

    def _update(
        self, p: Parameter, g: Any, scale: float, rate: float, direct: bool | None
    ) -> Update:
        """The update of p, in copies of what it changes unless ``direct``; by NumPy if
        that is None, or if a kernel in copies gives what is not finite."""
        rows: Any = ...
        if isinstance(g, Rows):
            rows, g = (g.indices, g.values) if self._by_rows else (..., g.dense())
        memory = self.memory.get(p)
        kept = [p.value, *(self._start(p) if memory is None else memory)]
        if rows is ...:
            new = kept if direct else [x.copy() for x in kept]
        else:
            new = [x.take(rows, axis=0) for x in kept]
        room = p.type, rows is ...
        step = self._room.get(room)
        if step is None or step.a.shape != new[0].shape:
            step = self._room[room] = Step(new[0])
        step.rate, step.t = rate, self.times.get(p, 0) + 1
        if scale != 1:
            g = np.multiply(g, scale, out=step.g)
        if direct is None:
            self._descend(g, step, *new)
        elif not (current().descend(self, g, step, new) or direct or _finite(new)):
            new = [x.copy() for x in kept]
            self._descend(g, step, *new)
        return self, p, rows, kept, new

    def _descend(self, g: Array, step: Step, value: Array, *memory: Array) -> None:
        decay = self.weight_decay
        if decay and not self.decoupled:
            g = np.add(np.multiply(value, decay, out=step.a), g, out=step.g)
        change = self._change(g, step, *memory)
        if change is None:
            name = f"{type(self).__name__}._change"
            raise TypeError(f"{name}: gives what is taken from the parameter, got None")
        if decay and self.decoupled:
            value *= 1 - step.rate * decay
        value -= change

    def _write(self, updates: list[Update]) -> None:
        for trainer, p, rows, kept, new in updates:
            if new is not kept:
                for x, y in zip(kept, new):
                    x[rows] = y
            if p not in trainer.memory:
                trainer.memory[p] = kept[1:]
            trainer.times[p] = trainer.times.get(p, 0) + 1
        self.steps += 1

    def _start(self, p: Parameter) -> list[Array]:
        return [np.zeros_like(p.value) for _ in self.keeps]

    @abstractmethod
    def _change(self, g: Array, step: Step, *memory: Any) -> Array:
        """What is taken from the parameter for gradient g; ``memory``, as named in
        ``keeps``, is changed in place, g is not."""

    def state(self, module: Module) -> dict[str, Array]:
        """What the trainer remembers of the parameters of ``module``: copies, by
        attribute path.  ``restore`` takes them back; resuming is bit for bit.

        Settings are not in it.  Raises ValueError where the trainer remembers
        parameters that the module does not have.

        >>> from penne import Adagrad, Layer, asum
        >>> layer, trainer = Layer(-3, 2, bias=None), Adagrad()
        >>> loss = trainer.receive(asum(layer(0)))
        >>> list(trainer.state(layer))
        ['steps', 'weights.0.t', 'weights.0.sum']
        """
        names = module.names()
        trainers = {self, *self.groups.values()}
        strays = {p for x in trainers for p in x.times} - {*names.values()}
        if strays:
            raise ValueError(
                f"{type(self).__name__}.state: {len(strays)} of the parameters trained "
                "are not in the module; give the module that holds them all"
            )
        found = {"steps": np.array(self.steps)}
        for path, p in names.items():
            trainer = self._others.get(p, self)
            if p in trainer.times:
                kept = trainer.times[p], *trainer.memory[p]
                for name, x in zip(("t", *trainer.keeps), kept):
                    found[f"{path}.{name}"] = np.array(x)
        return found

    def restore(self, module: Module, state: Mapping[str, Any]) -> None:
        """Go back to a ``state``.  Raises ValueError, listing all names that are
        missing, not known, or of another shape or kind; then nothing has changed."""
        name = f"{type(self).__name__}.restore"
        self.assign(module, fitted(name, self.like(module, state), state))

    def like(self, module: Module, given: Iterable[str]) -> dict[str, Array]:
        """Arrays of the shapes and dtypes that a state with the names ``given`` has:
        parameters that no loss has reached are not in one."""
        given = set(given)
        found = {"steps": np.array(0)}
        for path, p in module.names().items():
            keeps = self._others.get(p, self).keeps
            names = {
                f"{path}.t": np.array(0),
                **{f"{path}.{k}": p.value for k in keeps},
            }
            if given & names.keys():
                found |= names
        return found

    def assign(self, module: Module, state: Mapping[str, Array]) -> None:
        """Go back to a state that is known to fit."""
        for trainer in {self, *self.groups.values()}:
            trainer.memory, trainer.times = {}, {}
        self.steps = int(state["steps"])
        for path, p in module.names().items():
            trainer = self._others.get(p, self)
            if f"{path}.t" in state:
                trainer.times[p] = int(state[f"{path}.t"])
                trainer.memory[p] = [state[f"{path}.{k}"] for k in trainer.keeps]

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_room": {}}


def _unfailing(gradients: Gradients) -> set[Parameter]:
    """The parameters whose update cannot fail, as far as their gradient goes, so that
    it may be done in place; none whose gradient is another one's value."""
    found = {p for p, g in gradients.items() if _is_tame(g)}
    if not found or np.geterr() != WARNINGS:
        return set()
    owners = {_owner(p.value) for p in found}
    return {p for p in found if _owner(gradients[p]) not in owners}


def _is_tame(g: Any) -> bool:
    """Whether this gradient is large, so that copies cost, and its squares so far from
    the largest float that nothing overflows."""
    if isinstance(g, Rows) or g.size < LARGE:
        return False
    return float(np.vdot(g, g)) < TAME * float(np.finfo(g.dtype).max)


def _finite(arrays: Sequence[Array]) -> bool:
    """Whether all numbers are finite, and their squares."""
    return all(isfinite(np.vdot(x, x)) for x in arrays)


@cache
def _range(kind: np.dtype[Any]) -> tuple[float, float]:
    """Between which numbers others are as good as themselves in this dtype."""
    limits = np.finfo(kind)
    return float(limits.tiny), float(limits.max)


def _owner(x: Any) -> int:
    """Which array this one is a view of."""
    while getattr(x, "base", None) is not None:
        x = x.base
    return id(x)
