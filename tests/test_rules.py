"""Rules of trainers as kernels: what NumPy computes, in one go over the arrays."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from trainers import TRAINERS

from penne import *
from penne import fast, plain
from penne.optimize import Step, Trainer, elementwise

pytest.importorskip("numba")
from penne.fast import rules, store


@pytest.fixture(autouse=True)
def _compiled(monkeypatch):
    """Rules are kernels at once."""
    monkeypatch.setenv("PENNE_FAST", "compiled")
    rules._rules.clear()


def trained(trainer, dtype, steps=4, shape=(80, 70)):
    """The parameter and what is remembered, after steps down several gradients."""
    rng = np.random.default_rng(0)
    p = parameter(rng.normal(size=shape).astype(dtype))
    for k in range(steps):
        slope = rng.normal(size=shape).astype(dtype) * (k != 2)  # once it is all 0
        trainer.receive(asum(p * slope))
        if hasattr(trainer, "between"):
            trainer.between(k)
    return [p.value, *trainer.memory[p]]


def same(make, dtype, kernels=True):
    """A trainer does by a kernel, or not by one, what it does by NumPy."""
    done, before = [], rules.descended
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            rules, "descended", lambda *a: done.append(before(*a)) or done[-1]
        )
        with fast.enable():
            found = trained(make(), dtype)
    assert done == [kernels] * 4
    with plain():
        expected = trained(make(), dtype)
    for x, y in zip(found, expected):
        assert x.dtype == y.dtype == dtype
        scale = np.abs(y).max()
        assert np.abs(x - y).max() <= 16 * np.finfo(dtype).eps * scale


OPTIONS = [{}, {"weight_decay": 0.1, "clip_gradients": 1.0}]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", OPTIONS, ids=["alone", "decaying, clipped"])
@pytest.mark.parametrize("name", TRAINERS)
def test_every_rule_is_a_kernel(name, options, dtype):
    """Large parameters move as by NumPy, and so does what is remembered of them."""
    make = TRAINERS[name][0]
    if "weight_decay" in options and make().decoupled:
        options = {"clip_gradients": 1.0}
    same(lambda: make(**options), dtype)


def test_numbers_are_inputs():
    """Settings, rates, steps and sizes are not what kernels are made for."""
    with fast.enable():
        trained(Adam(), "float32")
        before = store.stats()
        for k in range(3):
            trained(Adam(0.1 + k, 0.5, 0.6 + 0.1 * k), "float32", shape=(70, 80 + k))
    assert store.stats() == before


@dataclass(eq=False)
class Restless(Adam):
    """One whose settings are changed in the middle."""

    def between(self, step):
        self.beta1, self.epsilon = 0.5 + 0.1 * step, 10.0**-step


@dataclass(eq=False)
class Paired(Trainer):
    """One with settings that are no plain numbers."""

    scales: tuple[float, float] = (0.5, 2.0)
    factor: float = field(default_factory=lambda: np.float64(3.0))

    @elementwise
    def _change(self, g, step):
        return step.rate * float(self.factor) * self.scales[step.t % 2] * g

    def between(self, step):
        self.scales, self.factor = (0.25, 1.0 + step), np.float64(step)


@dataclass(eq=False)
class Named(Trainer):
    """One with settings that are no numbers at all."""

    mode: str = "plain"
    shape: Any = np.tanh

    @elementwise
    def _change(self, g, step):
        x = np.sign(g) if self.mode == "sign" else g
        return step.rate * self.shape(x)

    def between(self, step):
        self.mode, self.shape = ("sign", "plain")[step % 2], (np.exp, np.tanh)[step > 1]


class Scaled(Trainer):
    """One whose settings are found wherever they can be, and changed in place."""

    factor = 1.0

    def __init__(self, rate):
        super().__init__(rate)
        self.listed, self.array, self.within = [0.5], np.array([2.0]), {"a": (1, [3.0])}
        type(self).factor = 1.0

    @property
    def first(self):
        return self.listed[0]

    @elementwise
    def _change(self, g, step):
        there = self.first * self.within["a"][1][0] * float(self.array[0])
        return step.rate * g * there * self.factor

    def between(self, step):
        if step == 0:
            self.listed[0], type(self).factor = 0.25, 0.75
        if step == 2:
            self.array[0], self.within["a"][1][0] = 0.5, 4.0


class Later(Trainer):
    """One that goes by how many steps there were, and by what it may have."""

    @elementwise
    def _change(self, g, step):
        return step.rate * g / (1 + self.steps) * getattr(self, "more", 1.0)

    def between(self, step):
        self.more = 0.5


@pytest.mark.parametrize("kind", [Restless, Paired, Named, Scaled, Later])
@pytest.mark.parametrize("rate", [0.1, lambda step: 0.1 / (1 + step)])
def test_settings_may_change(kind, rate):
    """What is set between two steps holds for the next; so does a schedule's rate."""
    same(lambda: kind(rate), "float64")


class Registered(Trainer):
    """One whose class is told of those derived from it."""

    known = {}  # noqa: RUF012  # as users write it

    def __init_subclass__(cls, **more):
        super().__init_subclass__(**more)
        cls.known[cls.__name__] = cls


class Entered(Registered):
    """One that is told of."""

    @elementwise
    def _change(self, g, step):
        return step.rate * g


class Counting(Trainer):
    """One that changes itself."""

    def __init__(self, rate):
        super().__init__(rate)
        self.count = 0

    @elementwise
    def _change(self, g, step):
        self.count += 1
        return step.rate * g / self.count


class Holding(Trainer):
    """One that calls a function which holds what may change."""

    def __init__(self, rate):
        super().__init__(rate)
        held = self.held = [1.0]
        self.factor = lambda: held[0]

    @elementwise
    def _change(self, g, step):
        return step.rate * g * self.factor()

    def between(self, step):
        self.held[0] += 1.0


@pytest.mark.parametrize("kind", [Counting, Holding])
def test_what_cannot_be_watched(kind):
    """A rule that changes its trainer, or depends on what nobody sees, is left to
    NumPy, and run once."""
    same(lambda: kind(0.1), "float64", kernels=False)


def test_no_class_is_derived():
    """A trainer is watched by what stands for it, not by a class of another name."""
    same(lambda: Entered(0.1), "float64")
    assert Registered.known == {"Entered": Entered}
    assert Entered.__subclasses__() == []


@dataclass(eq=False)
class Centred(Trainer):
    """One that divides by what may be 0, or less."""

    keeps = ("mean", "square")

    @elementwise
    def _change(self, g, step, m, s):
        step.blend(m, 0.5, g)
        step.blend(s, 0.5, 0.75 * g * g)
        return step.rate * g / np.sqrt(s - m * m)


@dataclass(eq=False)
class Mixed(Centred):
    """The same, by NumPy."""

    def _change(self, g, step, m, s):
        return super()._change(g, step, m, s)


@dataclass(eq=False)
class Wary(Trainer):
    """One that raises an error of its own."""

    keeps = ("count",)

    def _change(self, g, step, n):
        n += 1
        if not g.all():
            raise FloatingPointError("a slope of 0")
        return step.rate * g


@dataclass(eq=False)
class Ahead(Adam):
    """One of penne's, in a part of its rule."""

    def _ahead(self, g, step, m):
        return step.rate * m / np.abs(m)


FAILING = {
    "epsilon of 0": lambda: Adam(epsilon=1e-50),
    "epsilon of 0, of NumPy": lambda: Adam(epsilon=np.float64(1e-50)),
    "a rule of one's own": lambda: Centred(0.1),
    "by NumPy": lambda: Mixed(0.1),
    "that raises": lambda: Wary(0.1),
    "in a part": lambda: Ahead(0.1),
    "infinite rate": lambda: SGD(1e39),
    "infinite velocity": lambda: Momentum(weight_decay=1.0),
}


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.parametrize("executor", [plain, fast.enable])
@pytest.mark.parametrize("name", FAILING)
def test_what_fails_changes_nothing(name, executor):
    """Settings too small or large for a dtype, what is infinite, and rules of one's own
    give NaN: that is an error by kernels too, before any parameter has changed."""
    p, q = (parameter(np.ones(5000, "float32")) for _ in range(2))
    slope = np.full(5000, 0.5, "float32")
    trainer = FAILING[name]()
    if name == "infinite velocity":
        trainer.receive(asum(p * slope) + asum(q * slope))
        trainer.memory[q][0][:], q.value[:] = np.inf, -np.inf
    else:
        slope[2500:] = 0
    before = kept(trainer, p, q)
    with executor(), pytest.raises(FloatingPointError):
        trainer.receive(asum(p * 0.5) + asum(q * slope))
    assert all(map(np.array_equal, before, kept(trainer, p, q)))


def test_what_is_not_finite_is_computed_as_by_numpy():
    """Where a rule of one's own divides by 0 NumPy warns, and so it does by kernels."""
    p = parameter(np.ones(5000, "float32"))
    slope = np.arange(5000, dtype="float32")
    with fast.enable(), pytest.warns(RuntimeWarning, match="divide by zero"):
        Inverse(0.1).receive(asum(p * slope))
    assert p.value[0] == -np.inf


def kept(trainer, *parameters):
    """Copies of parameters, and of what is remembered of them."""
    arrays = [(p.value, *trainer.memory.get(p, ())) for p in parameters]
    return [x.copy() for some in arrays for x in some]


class Own(Trainer):
    """Plain descent, as its rule has it."""

    def _change(self, g: np.ndarray, step: Step) -> np.ndarray:
        return step.rate * g


class Said(Own):
    """The same, said to be elementwise."""

    @elementwise
    def _change(self, g, step):
        return step.rate * g


class Inverse(Own):
    """Steep where the slope is small."""

    @elementwise
    def _change(self, g, step):
        return step.rate / g


class Holding(Own):
    """Depends on what may change unseen."""

    @elementwise
    def _change(self, g, step):
        return step.rate * self.held.factor * g

    held = SimpleNamespace(factor=2.0)


class Normed(Own):
    """Says that it is elementwise, which it is not."""

    @elementwise
    def _change(self, g, step):
        return step.rate * g / np.linalg.norm(g)


class Signed(Own):
    """Elementwise, by what kernels do not know."""

    @elementwise
    def _change(self, g, step):
        return step.rate * np.where(np.signbit(g), -1, np.tan(g)).astype(g.dtype)


class Large(Own):
    """Asks for a value."""

    @elementwise
    def _change(self, g, step):
        return step.rate * g if np.abs(g).max() < 1e6 else 0 * g


def test_who_says_so():
    """A rule of one's own is a kernel if it says that it is elementwise."""
    same(lambda: Said(0.1), "float32")
    same(lambda: Own(0.1), "float32", kernels=False)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("make", [Normed, Signed, Large, Holding])
def test_what_is_no_chain_is_left_to_numpy(make):
    """Whatever a rule says, and calls."""
    done = []
    before = rules.descended
    with pytest.MonkeyPatch.context() as patch, fast.enable():
        patch.setattr(
            rules, "descended", lambda *a: done.append(before(*a)) or done[-1]
        )
        found = trained(make(0.1), "float64", steps=2)
    assert done == [False, False]
    with plain():
        expected = trained(make(0.1), "float64", steps=2)
    np.testing.assert_array_equal(found, expected)


def test_arrays_that_are_not_side_by_side():
    """A parameter with an array of another order is left to NumPy."""
    with fast.enable():
        p = Parameter(np.asfortranarray(np.ones((80, 70))))
        SGD(0.5).receive(asum(p * 2))
    assert (p.value == 0).all()
