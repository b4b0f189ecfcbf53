"""Mistakes that a user can make, as they are written: what ``docs/errors.md`` runs.

A blank line parts them; a line ``# --- name`` begins a section.  Each may use all that
``from penne import *``, ``import numpy as np`` and ``import penne`` give, x, a (2, 3)
array of parameters, v, a vector of 3, and a folder of its own.

This module imports nothing of penne.
"""

MISTAKES = """
# --- Ops

v @ np.zeros((2, 4))

v + np.zeros(2)

x @ 2

reshape(x, (4, 4))

asum(x, axis=2)

transpose(x, (0, 0))

concatenate([x, x.T])

stack([])

tanh(v, v)

tanh(v, axis=0)

amax(x[:0])

one_hot(3, 3)

take(x, [2], 0)

solve(x, x)

einsum("ij,jk", x)

conv.convolve(x, x, "some")

-less(v, 1)

astype(x, dtype=complex)

v + "text"

constant([v, v])

x[0, 5]

x["first"]

np.unique(v)

np.add(v, v, out=np.zeros(3))

# --- Expressions in Python

if v[0] > 0: print("positive")

if greater(v[0], 0): print("positive")

v == 1.0

float(asum(v))

v[0] = 1.0

np.array([v, v])

len(asum(v))

v.sum()

f"{asum(v):.3f}"

less(v, 1) & greater(v, 0)

parameter("text")

compute_value([v, v])

parameter([1.0, 2.0]).value = [1.0]

# --- Gradients

gradient(v, v)

gradient(asum(v), 3.0)

gradient(asum(sign(v)), v)

compute_gradients(asum(constant([1, 2])))

compute_gradients(sum([]))

crossentropy(logsoftmax(v), 1)

compute_gradients(asum(log(parameter([-1.0]))))

penne.testing.check_gradient(tanh, np.float32([1.0]))

# --- Layers

Layer(0, 3)

Layer(3, 0)

Layer(3.0, 2)

Layer(3, 2, f="tanh")

Layer(3, 4, f=lambda x: x @ np.ones((2, 2)))

Layer(3, 2)(np.zeros(4))

Layer(3, 2)(np.zeros(3), np.zeros(3))

Layer(-5, 2)(5)

Layer(-5, 2)(0.5)

Layer(-5, 2)("a")

Dropout(1.0)

Dropout("half")

LayerNorm(3)(np.zeros(4))

default_dtype("int32")

# --- Transducers and cells

LSTM(3, 2).step(np.zeros(3))

LSTM(3, 2).transduce(np.zeros((4, 5)))

LSTM(-3, 2).transduce([0, 3])

LSTM(3, 2, peephole=True)

LSTM(3, 2, forget_gate=1)

GRU(3, 2, reset="after", recurrent_bias=1.0)

LSTM(3, 2, 2)

Stack(LSTM(3, 2), tanh)

Map(3)

class Own(Transducer): pass
Own().transduce([1])

r = LSTM(3, 2)
r.state = {"layers.7.h": 0.0}

r = LSTM(3, 2)
r.state = {"h": zeros(2)}
r.step(np.zeros(3))

unroll(LSTM(3, 2), np.ones((4, 3)), state=(zeros(2), zeros(2)))

@penne.cell
def own(x):
    return x if compute_value(x).sum() > 0 else -x
[own(constant(np.full(2, k))) for k in (1.0, -1.0)]

@penne.cell
def own(x):
    return x * np.random.default_rng().normal()
[own(v * k) for k in (1.0, 2.0)]

@penne.cell
def own(x):
    return {"h": tanh(x)}
own(v)

class Own(Transducer):
    def start(self): self.all = [zeros(3)]
    @penne.cell
    def step(self, x): return self.all[-1] + x
Own().transduce([v])

# --- Trainers

SGD().receive(v)

SGD().receive(asum(log(parameter([-1.0]))))

SGD(learning_rate=-0.1)

SGD(learning_rate="fast")

Adam(Layer(3, 2), 0.01)

Adam(beta1=1.0)

Adagrad(lerning_rate=0.1)

SGD(clip_gradients=0)

AdamW(groups={"bias": SGD()})

trainer, one, two = Adam(), Layer(3, 2), Layer(3, 2)
trainer.receive(asum(one(np.ones(3))))
trainer.state(two)

Adam().restore(Layer(3, 2), {"steps": 0, "bias.mean": np.zeros(2)})

# --- Pictures

to_dot(v, 5)

to_dot(v, least=0)

# --- Files

save(v, "model.npz")

load("nothing.npz", Layer(3, 2))

np.arange(9.0).tofile("model.npz")
load("model.npz", Layer(3, 2))

np.savez("model.npz", weights=np.zeros(3))
load("model.npz", Layer(3, 2))

save(Layer(3, 2), "model.npz")
load("model.npz", Layer(4, 2))

save(Layer(3, 2), "model.npz")
load("model.npz", LSTM(3, 2))

# --- Texts

lm.Vocabulary([])

lm.Vocabulary([["to", "be"], ["not"]])

lm.Vocabulary("abc").number("d")

model = Stack(LSTM(-3, 4, rng=0), Map(Layer(4, 3, f=softmax, rng=0)))
lm.bits_per_character(model, [0, 1, 2])

lm.sample(LSTM(-3, 3), "abc", 5)

lm.stateful_batches([0, 1, 2], 4, 2)

# --- One's own ops

op("(n)->(n)")(lambda x: x)(3.0)

op("n->n")(lambda x: x)

op("(n)->(m)")(lambda x: x)

op("(n),(n)->()")(lambda x: x)

op("()->()")(lambda x, *, by: x * by)(v, by=np.ones(3))

own = op("()->()", gradient=lambda g, y, x: np.ones(3))(lambda x: x)
gradient(asum(own(v)), v)

@op("(n)->(n)", batch=False)
def short(x):
    return x[1:]
compute_value(short([1.0, 2.0]))

@op("(n)->(n)", gradient=lambda g, y, x: (g * y * 1.001,))
def own(x):
    return np.exp(x)
penne.testing.check_gradient(own, [1.0])

penne.testing.check_op(lambda x: x)

penne.testing.check_trainer(lambda: SGD)

class Own(penne.optimize.Trainer):
    def _change(self, g, step): g * step.rate
Own(0.1).receive(asum(v))
"""
