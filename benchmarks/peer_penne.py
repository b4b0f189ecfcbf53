"""penne as its users write it: transducers, composed or of one's own."""

import itertools

import numpy as np

import penne
from penne import (
    GRU,
    LSTM,
    SGD,
    Adagrad,
    Layer,
    LayerNorm,
    Map,
    Module,
    Simple,
    Stack,
    Transducer,
    asum,
    binary_crossentropy_with_logits,
    cell,
    compute_values,
    default_dtype,
    logsoftmax,
    mean,
    sigmoid,
    take_along_axis,
    tanh,
    zeros,
)
from penne.recurrent.variants import StandardLSTM

from . import workloads as W
from .workloads import SIZES

VERSION = penne.__version__


def trained(batches, loss, trainer=None):
    """One update on the next of ``batches``, forever."""
    trainer = trainer or Adagrad(learning_rate=0.01, delta=0)
    batches = itertools.cycle(batches)

    def update():
        return trainer.receive(loss(*next(batches)))

    return update


def lm(rnn, H, V):
    """A language model: from symbols to the log-probabilities of the next."""
    embed = Layer(-V, H, f=None, bias=None)
    return Stack(Map(embed), rnn, Map(Layer(H, V, f=logsoftmax)))


def nats(model, text):
    """The surprise at each symbol of a text after the first."""
    logp = model.transduce(text[:-1])
    return -sum(p[symbol] for p, symbol in zip(logp, text[1:]))


def trained_on_batches(model, batches):
    """Updates of a language model on symbols, (T, B)."""

    def loss(x, y):
        logp = model.transduce(x)
        return -asum(take_along_axis(logp, y[..., None], -1))

    return trained(batches, loss)


def trained_on_sentences(model, batches):
    """Updates of a language model on lists of sentences."""

    def loss(batch):
        return sum(nats(model, sentence) for sentence in batch)

    return trained([(batch,) for batch in batches], loss)


class OwnLSTM(Transducer):
    """The LSTM without peepholes, written by a user."""

    def __init__(self, insize, size):
        self.gates = [Layer([insize, size], size, f=sigmoid) for _ in range(3)]
        self.write = Layer([insize, size], size, f=tanh)
        self.zero = zeros(size)

    def start(self):
        """h := 0, c := 0."""
        self.h = self.c = self.zero

    def step(self, x):
        """One step."""
        i, f, o = (gate(x, self.h) for gate in self.gates)
        self.c = f * self.c + i * self.write(x, self.h)
        self.h = o * tanh(self.c)
        return self.h


class MyCell(Transducer):
    """A cell of the user's own: no input gate, peepholes, layer norm on the cell."""

    def __init__(self, insize, size):
        self.keep = Layer([insize, size, "diag"], size, f=sigmoid)
        self.show = Layer([insize, size, "diag"], size, f=sigmoid)
        self.write = Layer([insize, size], size, f=tanh)
        self.norm = LayerNorm(size)
        self.zero = zeros(size)

    def start(self):
        """h := 0, c := 0."""
        self.h = self.c = self.zero

    @cell
    def step(self, x):
        """One step."""
        self.c = self.keep(x, self.h, self.c) * self.c + self.write(x, self.h)
        o = self.show(x, self.h, self.c)
        self.h = o * tanh(self.norm(self.c))
        return self.h


class BareCell(MyCell):
    """The same, with no decorator."""

    step = MyCell.step.__wrapped__


def cat_loss():
    """A function that builds the loss of ``cat``."""
    s = SIZES["cat"]
    H, V = s["H"], s["V"]
    model = Stack(LSTM(-V, H), Map(Layer(H, V, f=logsoftmax)))
    text = [ord(c) for c in W.CAT]
    return lambda: nats(model, text)


def cat():
    """LSTM; the expression is rebuilt for each update."""
    return trained([()], cat_loss())


def cat_same():
    """LSTM; the same expression is received again."""
    same = cat_loss()()
    return trained([()], lambda: same)


def charlm(kind=StandardLSTM):
    """StandardLSTM on arrays of symbols."""
    s = SIZES["charlm"]
    H, V = s["H"], s["V"]
    return trained_on_batches(lm(kind(H, H), H, V), W.charlm())


def charlm_gru():
    """GRU on arrays of symbols."""
    return charlm(GRU)


def charlm_float64():
    """``charlm`` with parameters in float64."""
    with default_dtype("float64"):
        return charlm()


def sentences(kind=StandardLSTM, batches=None):
    """StandardLSTM on each sentence as it is."""
    s = SIZES["sentences"]
    H, V = s["H"], s["V"]
    return trained_on_sentences(lm(kind(H, H), H, V), batches or W.sentences())


def sentences_bare():
    """A class of the user's own, with no decorator, on each sentence as it is."""
    return sentences(OwnLSTM)


def mycell(kind=MyCell, batches=None):
    """A class of the user's own on arrays of symbols."""
    s = SIZES["mycell"]
    H, V = s["H"], s["V"]
    model = Stack(kind(-V, H), Map(Layer(H, V, f=logsoftmax)))
    return trained_on_batches(model, batches or W.mycell())


def mycell_bare():
    """A class of the user's own, with no decorator."""
    return mycell(BareCell)


class TreeLSTM(Module):
    """Binary tree LSTM: a forget gate for each child."""

    def __init__(self, V, H, labels):
        self.embed = Layer(-V, H, f=None, bias=None)
        self.leaf = [Layer(H, H, f=f) for f in (sigmoid, tanh, sigmoid)]
        five = (sigmoid, tanh, sigmoid, sigmoid, sigmoid)
        self.node = [Layer([H, H], H, f=f) for f in five]
        self.out = Layer(H, labels, f=logsoftmax)

    @cell
    def alone(self, symbol):
        """h and c of a leaf."""
        x = self.embed(symbol)
        i, u, o = (gate(x) for gate in self.leaf)
        return o * tanh(i * u), i * u

    @cell
    def joined(self, left, right):
        """h and c of an inner node."""
        (hl, cl), (hr, cr) = left, right
        i, u, o, fl, fr = (gate(hl, hr) for gate in self.node)
        c = i * u + fl * cl + fr * cr
        return o * tanh(c), c

    def encode(self, tree):
        """h and c of a tree."""
        if isinstance(tree, int):
            return self.alone(tree)
        return self.joined(*map(self.encode, tree))

    def nats(self, tree, label):
        """The surprise at the label of a tree."""
        h, _ = self.encode(tree)
        return -self.out(h)[label]


def trees(batches=None):
    """A recursive function, a tree at a time."""
    s = SIZES["trees"]
    model = TreeLSTM(s["V"], s["H"], s["labels"])

    def loss(batch):
        return sum(model.nats(tree, label) for tree, label in batch)

    return trained([(batch,) for batch in batches or W.trees()], loss)


def sample():
    """StandardLSTM of symbols, one by one, each drawn as argmax(log p + Gumbel noise).

    The model and the way to draw are those of JAX's peer.
    """
    s = SIZES["sample"]
    H, V = s["H"], s["V"]
    model = Stack(StandardLSTM(-V, H), Map(Layer(H, V, f=logsoftmax)))
    rng = np.random.default_rng(0)

    def update():
        model.start()
        symbol, values = 0, {}
        for _ in range(s["chars"]):
            logp = model.step(symbol)
            compute_values(logp, values)
            symbol = int(np.argmax(values[logp] + rng.gumbel(size=V)))
        return symbol

    return update


def reber():
    """Simple, one string at a time."""
    H = SIZES["reber"]["H"]
    model = Stack(Simple(7, H), Map(Layer(H, 7, f=None)))

    def loss(x, y):
        return mean(binary_crossentropy_with_logits(model.transduce(x), y))

    data = [(x.astype(np.float32), y.astype(np.float32)) for x, y in W.reber()]
    return trained(data, loss, SGD(learning_rate=0.2))
