"""DyNet (the dyNET38 wheels), autobatching where there is more than one example."""

import itertools
import os
from importlib.metadata import version

import dynet_config

SINGLE = os.environ.get("WORKLOAD") in ("cat", "sample", "reber")
dynet_config.set(mem=3000, random_seed=1, autobatch=0 if SINGLE else 1)

import dynet as dy  # noqa: E402  # dynet reads its configuration when imported
import numpy as np  # noqa: E402

from . import workloads as W  # noqa: E402
from .workloads import SIZES  # noqa: E402

VERSION = version("dyNET38")
KEEP = []  # DyNet frees a collection that Python no longer names


def trained(pc, batches, losses, lr=0.01, sgd=False):
    """One update on the next of ``batches``, forever."""
    KEEP.append(pc)
    trainer = dy.SimpleSGDTrainer(pc, lr) if sgd else dy.AdagradTrainer(pc, lr)
    batches = itertools.cycle(batches)

    def update():
        dy.renew_cg()
        loss = dy.esum(losses(next(batches)))
        value = loss.value()
        loss.backward()
        trainer.update()
        return value

    return update


def lm(batches, H, V, builder=dy.VanillaLSTMBuilder):
    """A language model around one of DyNet's own networks."""
    pc = dy.ParameterCollection()
    E, L = pc.add_lookup_parameters((V, H)), builder(1, H, H, pc)
    out, b = pc.add_parameters((V, H)), pc.add_parameters((V,))

    def losses(batch):
        found = []
        for w in batch:
            s = L.initial_state()
            for x, y in itertools.pairwise(w):
                s = s.add_input(E[x])
                z = dy.affine_transform([b, out, s.output()])
                found.append(dy.pickneglogsoftmax(z, y))
        return found

    return trained(pc, batches, losses)


def columns(batches):
    """Pairs of arrays, (T, B), as lists of B sentences."""
    return [
        [x[:, k].tolist() + [int(y[-1, k])] for k in range(x.shape[1])]
        for x, y in batches
    ]


def cat():
    """CoupledLSTMBuilder."""
    s = SIZES["cat"]
    text = [ord(c) for c in W.CAT]
    return lm([[text]], s["H"], s["V"], dy.CoupledLSTMBuilder)


def charlm():
    """VanillaLSTMBuilder, sentence by sentence, batched by DyNet."""
    s = SIZES["charlm"]
    return lm(columns(W.charlm()), s["H"], s["V"])


def sentences():
    """VanillaLSTMBuilder, sentence by sentence, batched by DyNet."""
    s = SIZES["sentences"]
    return lm(W.sentences(), s["H"], s["V"])


class MyCell:
    """A cell of the user's own: no input gate, peepholes, layer norm on the cell."""

    def __init__(self, pc, V, H):
        self.H = H
        self.E, self.U = (
            pc.add_lookup_parameters((V, 3 * H)),
            pc.add_parameters((3 * H, H)),
        )
        self.b = pc.add_parameters((3 * H,))
        self.pf, self.po, self.g, self.nb = (pc.add_parameters((H,)) for _ in range(4))

    def step(self, x, h, c):
        """One step."""
        H = self.H
        z = dy.affine_transform([self.b, self.U, h]) + self.E[x]
        f, g = dy.pick_range(z, 0, H), dy.pick_range(z, H, 2 * H)
        o = dy.pick_range(z, 2 * H, 3 * H)
        c = dy.cmult(dy.logistic(f + dy.cmult(self.pf, c)), c) + dy.tanh(g)
        n = dy.layer_norm(c, self.g, self.nb)
        h = dy.cmult(dy.logistic(o + dy.cmult(self.po, c)), dy.tanh(n))
        return h, c


def mycell():
    """The cell written out, sentence by sentence, batched by DyNet."""
    s = SIZES["mycell"]
    H, V = s["H"], s["V"]
    pc = dy.ParameterCollection()
    cell = MyCell(pc, V, H)
    out, b = pc.add_parameters((V, H)), pc.add_parameters((V,))

    def losses(batch):
        found = []
        zero = dy.zeros((H,))
        for w in batch:
            h = c = zero
            for x, y in itertools.pairwise(w):
                h, c = cell.step(x, h, c)
                found.append(dy.pickneglogsoftmax(dy.affine_transform([b, out, h]), y))
        return found

    return trained(pc, columns(W.mycell()), losses)


class TreeLSTM:
    """Binary tree LSTM: a forget gate for each child."""

    def __init__(self, pc, V, H):
        self.H = H
        self.E = pc.add_lookup_parameters((V, H))
        self.Lw, self.Lb = pc.add_parameters((3 * H, H)), pc.add_parameters((3 * H,))
        self.Nw, self.Nb = (
            pc.add_parameters((5 * H, 2 * H)),
            pc.add_parameters((5 * H,)),
        )

    def part(self, z, k):
        """The k-th part of z."""
        return dy.pick_range(z, k * self.H, (k + 1) * self.H)

    def encode(self, t):
        """h and c of a tree."""
        part = self.part
        if isinstance(t, int):
            z = dy.affine_transform([self.Lb, self.Lw, self.E[t]])
            c = dy.cmult(dy.logistic(part(z, 0)), dy.tanh(part(z, 1)))
        else:
            (hl, cl), (hr, cr) = self.encode(t[0]), self.encode(t[1])
            z = dy.affine_transform([self.Nb, self.Nw, dy.concatenate([hl, hr])])
            c = dy.cmult(dy.logistic(part(z, 0)), dy.tanh(part(z, 1)))
            c = c + dy.cmult(dy.logistic(part(z, 3)), cl)
            c = c + dy.cmult(dy.logistic(part(z, 4)), cr)
        return dy.cmult(dy.logistic(part(z, 2)), dy.tanh(c)), c


def trees():
    """A recursive function, a tree at a time, batched by DyNet."""
    s = SIZES["trees"]
    pc = dy.ParameterCollection()
    model = TreeLSTM(pc, s["V"], s["H"])
    out, b = pc.add_parameters((s["labels"], s["H"])), pc.add_parameters((s["labels"],))

    def nats(t, y):
        z = dy.affine_transform([b, out, model.encode(t)[0]])
        return dy.pickneglogsoftmax(z, y)

    def losses(batch):
        return [nats(t, y) for t, y in batch]

    return trained(pc, W.trees(), losses)


def sample():
    """VanillaLSTMBuilder, symbol by symbol."""
    s = SIZES["sample"]
    H, V = s["H"], s["V"]
    pc = dy.ParameterCollection()
    E, L = pc.add_lookup_parameters((V, H)), dy.VanillaLSTMBuilder(1, H, H, pc)
    out, b = pc.add_parameters((V, H)), pc.add_parameters((V,))
    r = np.random.default_rng(0)
    KEEP.append(pc)

    def update():
        dy.renew_cg()
        state = L.initial_state()
        x = 0
        for _ in range(s["chars"]):
            state = state.add_input(E[x])
            p = dy.softmax(dy.affine_transform([b, out, state.output()])).npvalue()
            x = int(r.choice(V, p=p / p.sum()))
        return x

    return update


def reber():
    """SimpleRNNBuilder, one string at a time."""
    H = SIZES["reber"]["H"]
    pc = dy.ParameterCollection()
    L = dy.SimpleRNNBuilder(1, 7, H, pc)
    out, b = pc.add_parameters((7, H)), pc.add_parameters((7,))

    def losses(batch):
        s = L.initial_state()
        found = []
        for x, y in zip(*batch):
            s = s.add_input(dy.inputVector(x))
            p = dy.logistic(dy.affine_transform([b, out, s.output()]))
            found.append(dy.binary_log_loss(p, dy.inputVector(y)))
        return found

    return trained(pc, W.reber(), losses, lr=0.2, sgd=True)
