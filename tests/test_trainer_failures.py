"""What fails changes nothing, and says what is wrong."""

import pickle

import numpy as np
import pytest
from trainers import every_trainer

from penne import *
from penne.optimize import Trainer


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@every_trainer
@pytest.mark.parametrize(
    ("spoil", "name"),
    [
        (lambda a: asum(log(a - 5.0)), "log"),
        (lambda a: asum(sqrt(a * 0.0) * 0.0), "(divide|multiply|power)"),
    ],
    ids=["loss", "gradient"],
)
def test_nan(make, oracle, spoil, name):
    """A NaN in the loss, or in a gradient alone, is an error that names the op, and
    neither a parameter nor the trainer's memory has changed."""
    a, b = parameter(np.ones(2)), parameter(np.ones(2))
    trainer = make()
    trainer.receive(asum(a * a * b))
    kept = pickle.dumps([a.value, b.value, list(trainer.memory.values())])
    with pytest.raises(FloatingPointError, match=name):
        trainer.receive(asum(b * b) + spoil(a))
    assert pickle.dumps([a.value, b.value, list(trainer.memory.values())]) == kept


def test_all_or_nothing():
    """An update that fails for one parameter, by NumPy's errors, changes none."""
    a, b = (parameter(np.ones(2, np.float32)) for _ in range(2))
    huge = np.full(2, 1e30, np.float32)
    trainer = Adagrad()
    with np.errstate(all="raise"), pytest.raises(FloatingPointError):
        trainer.receive(asum(a * 2.0) + asum(b * huge))
    assert (a.value == 1).all()
    assert all((m == 1).all() for kept in trainer.memory.values() for m in kept)


@pytest.mark.parametrize("order", [1, -1])
def test_all_or_nothing_large(order):
    """So too where large arrays could be changed in place but for NumPy's errors."""
    ps = [parameter(np.ones((70, 70), np.float32)) for _ in range(2)]
    steep, flat = (asum(p * k) for p, k in zip(ps[::order], (2.0, np.float32(1e-30))))
    with np.errstate(all="raise"), pytest.raises(FloatingPointError, match="underflow"):
        Adagrad().receive(steep + flat)
    assert all((p.value == 1).all() for p in ps)


@pytest.mark.parametrize(
    "make", [Adagrad, Adam, AdamW, NAdam, AMSGrad, RMSprop, Adadelta]
)
def test_nan_in_the_update(make):
    """A gradient without NaN whose update would be NaN is an error that names the
    trainer; no parameter has changed, also none that is changed in place."""
    big, small = parameter(np.ones((80, 80))), parameter(np.ones(2))
    trainer = make()
    trainer.receive(asum(big) + asum(small))
    kept = pickle.dumps([big.value, small.value, list(trainer.memory.values())])
    with pytest.raises(FloatingPointError, match=f"{make.__name__}: invalid"):
        trainer.receive(asum(big) + asum(small * np.array([np.inf, 1])))
    now = pickle.dumps([big.value, small.value, list(trainer.memory.values())])
    assert now == kept
    assert trainer.steps == 1


@every_trainer
def test_nan_in_a_leaf(make, oracle):
    """A NaN that was given is reported as the leaf it stands in."""
    a = parameter(np.ones(2))
    with pytest.raises(FloatingPointError, match="leaf"):
        make().receive(asum(a * np.array([1, np.nan])))
    assert (a.value == 1).all()


@every_trainer
def test_no_scalar(make, oracle):
    """A loss that is no scalar is an error that says what to write."""
    a = parameter(np.ones(2))
    with pytest.raises(ValueError, match="asum"):
        make().receive(a * 2)
    assert (a.value == 1).all()


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: SGD(0), "learning_rate is above 0"),
        (lambda: SGD(-1), "learning_rate is above 0"),
        (lambda: Adam(float("nan")), "learning_rate is above 0"),
        (lambda: SGD(clip_gradients=0), "clip_gradients is above 0"),
        (lambda: Adagrad(delta=-1), "delta is at least 0"),
        (lambda: Adam(beta1=1), "beta1 is at least 0 and below 1"),
        (lambda: Adam(beta2=-0.1), "beta2 is at least 0 and below 1"),
        (lambda: Adam(epsilon=0), "epsilon is above 0"),
        (lambda: Adadelta(decay=1), "decay is at least 0 and below 1"),
        (lambda: Momentum(momentum_coeff=1.5), "momentum_coeff is at least 0"),
        (lambda: SGD(clip_values=-1), "clip_values is above 0"),
        (lambda: AdamW(weight_decay=-1), "weight_decay is at least 0"),
    ],
)
def test_settings(make, what):
    """A setting that cannot be meant is an error that names it."""
    with pytest.raises(ValueError, match=what):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: SGD("0.1"),
        lambda: SGD(None),
        lambda: Adam(beta1=None),
        lambda: AdamW(weight_decay=None),
        lambda: Adam(beta1=True),
        lambda: Adam(beta2=lambda step: 0.5),
        lambda: SGD({"bias": 0.1}),
        lambda: SGD(groups={1: SGD()}),
        lambda: SGD(groups=[Layer(3, 2)]),
        lambda: SGD(groups=None),
    ],
)
def test_settings_of_another_kind(make):
    """A setting that is no number, and a group of what is no parameter, are errors."""
    with pytest.raises(TypeError, match=r"is a number, got|maps parameters or modules"):
        make()


OUT_OF_RANGE = [-0.1, float("nan"), float("inf")]
NO_NUMBERS = [None, "fast", [0.1, 0.2], 1j]


@pytest.mark.parametrize(
    ("rate", "error", "message"),
    [(x, ValueError, f"SGD|Stoch.*got {x} at step 1") for x in OUT_OF_RANGE]
    + [(x, TypeError, r"learning_rate gives a number.*at step 1") for x in NO_NUMBERS],
)
def test_schedule_that_gives_no_rate(rate, error, message):
    """A schedule's rate that cannot be meant, or is no number, is an error, and nothing
    has changed."""
    p = parameter(np.ones(2))
    trainer = SGD(lambda step: rate if step else 0.5)
    trainer.receive(asum(p))
    with pytest.raises(error, match=message):
        trainer.receive(asum(p))
    np.testing.assert_array_equal(p.value, [0.5, 0.5])


@pytest.mark.parametrize("module", [Layer(3, 2), LSTM(3, 2)])
def test_a_module_is_no_rate(module):
    """A module given to a trainer, as other libraries have it, is an error at once."""
    with pytest.raises(
        TypeError, match=r"got a module.*; write trainer\.receive\(loss"
    ):
        Adam(module, 0.01)


class Silent(Trainer):
    """A rule that forgets to give the change."""

    def _change(self, g, step, *memory):
        g * step.rate


class Unmade(Trainer):
    """A trainer that does not make what is a trainer's."""

    def __init__(self, rate):
        self.rate = rate

    def _change(self, g, step, *memory):
        return g * self.rate


@pytest.mark.parametrize("size", [2, 5000])
def test_a_rule_that_gives_nothing(size):
    """A rule that gives no change is an error that says what it is to give."""
    p = parameter(np.ones(size))
    with pytest.raises(TypeError, match=r"Silent\._change: gives what is taken from"):
        Silent(0.1, weight_decay=0.5).receive(asum(p))
    assert (p.value == 1).all()


def test_a_trainer_that_is_not_made():
    """A trainer without what ``Trainer`` makes is told to make it; an attribute that
    there is not is no more than that."""
    with pytest.raises(TypeError, match=r"^Unmade: .*call super\(\)\.__init__\(l"):
        Unmade(0.1).receive(asum(parameter([1.0])))
    assert not hasattr(Adam(), "lr")
