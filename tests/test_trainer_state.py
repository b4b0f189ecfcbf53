"""Groups of parameters, each with its trainer; and what a trainer remembers, given and
taken back."""

import numpy as np
import pytest
from trainers import every_trainer, problem

from penne import *
from penne.optimize import clipped

# --- groups ---------------------------------------------------------------------------


def test_groups():
    """Each parameter is updated by the trainer of its group, to the bit as by that
    trainer alone, gradients clipped together, schedules by the outer step."""
    rng = np.random.default_rng(0)
    ps, loss = problem(rng)
    twins = [parameter(p.value) for p in ps]
    halving = lambda step: 0.1 / (1 + step)
    inner = Momentum(halving)
    outer = Adam(0.01, groups={ps[1]: inner, ps[2]: SGD(0.2)}, clip_gradients=0.5)
    alone = [Adam(0.01), Momentum(halving), SGD(0.2)]
    for _ in range(5):
        scaled = clipped(compute_gradients(loss), 0.5)
        for p, twin, trainer in zip(ps, twins, alone):
            trainer.receive(asum(twin * scaled[p]))
        outer.receive(loss)
        for p, twin in zip(ps, twins):
            np.testing.assert_array_equal(p.value, twin.value)
    assert ps[1] in inner.memory
    assert ps[1] not in outer.memory


def test_groups_by_module():
    """A group may be a module; lookups stay sparse where the trainer takes them so."""
    embedding, out = Layer(-6, 3, rng=0), Layer(3, 2, rng=1)
    embedding.weights[0].value[4] = np.nan
    trainer = AdamW(groups={embedding: Adagrad(0.1)})
    trainer.receive(asum(out(embedding([0, 2])) ** 2))
    assert set(trainer.memory) == set(out.parameters().values())
    other = AdamW(groups={out: SGD()})
    other.receive(asum(out(Layer(-6, 3, rng=0)([0, 2])) ** 2))
    (rows, *_) = other.memory
    assert all(m.shape == rows.shape for m in other.memory[rows])


def test_groups_that_overlap():
    """A parameter in two groups, or a group that clips, is an error."""
    layer = Layer(3, 2)
    with pytest.raises(ValueError, match="two of them hold the same"):
        SGD(groups={layer: SGD(), layer.bias: SGD()})
    for inner in (SGD(clip_gradients=1.0), SGD(groups={layer.bias: SGD()})):
        with pytest.raises(ValueError, match="outside only"):
            SGD(groups={layer: inner})


# --- state ----------------------------------------------------------------------------


class Net(Module):
    """An embedding, a layer, and a parameter that no loss reaches."""

    def __init__(self, rng):
        self.embedding = Layer(-5, 4, rng=rng)
        self.out = Layer(4, 2, rng=rng)
        self.idle = parameter([1.0])

    def loss(self, symbols):
        return asum((self.out(self.embedding(symbols)) - 1.0) ** 2)


@every_trainer
def test_resume(make, oracle):
    """A new trainer with another's state, and the parameters' values, goes on bit for
    bit; and a state taken is not changed by what follows."""
    trained = lambda net, trainer, n: [
        trainer.receive(net.loss([k % 5, 1])) for k in range(n)
    ]
    net, other = Net(0), Net(1)
    rate = make().learning_rate
    trainer, again = make(), make()
    trainer.learning_rate = again.learning_rate = schedules.Linear(rate, 20, rate / 9)
    trained(net, trainer, 5)
    state = trainer.state(net)
    for path, p in other.parameters().items():
        p.value = net.parameters()[path].value
    losses = trained(net, trainer, 5)
    again.restore(other, state)
    assert trained(other, again, 5) == losses
    one, two = trainer.state(net), again.state(other)
    assert list(one) == list(two)
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])
    assert not any(name.startswith("idle") for name in one)


def test_state_of_groups():
    """What a group's trainer remembers is in the state too, and goes back to it."""
    net, other = Net(0), Net(0)
    trainer = Adam(groups={net.out: Momentum()})
    trainer.receive(net.loss([0, 1]))
    inner = Momentum()
    again = Adam(groups={other.out: inner})
    again.restore(other, trainer.state(net))
    assert set(inner.memory) == set(other.out.parameters().values())


def test_state_of_another():
    """A state of another trainer or module is refused, with every name at fault, and
    nothing has changed."""
    net = Net(0)
    momentum, adam = Momentum(), Adam()
    momentum.receive(net.loss([0]))
    adam.receive(net.loss([0]))
    before = adam.state(net)
    with pytest.raises(ValueError, match=r"missing: .*bias.mean.*not known.*velocity"):
        adam.restore(net, momentum.state(net))
    wrong = {**before, "out.bias.mean": np.zeros(7), "steps": np.array(0.5)}
    with pytest.raises(ValueError, match=r"out.bias.mean \(here.*steps \(here int"):
        adam.restore(net, wrong)
    with pytest.raises(ValueError, match="4 of the parameters trained"):
        adam.state(Module())
    after = adam.state(net)
    assert all((before[k] == after[k]).all() for k in before)
