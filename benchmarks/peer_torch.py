"""PyTorch as its users write it: nn.LSTM where it can serve, else a Python loop."""

import itertools
import os

import torch
import torch.nn.functional as F
from torch import nn

from . import workloads as W
from .workloads import SIZES

VERSION = torch.__version__
torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))


def trained(modules, batches, loss, lr=0.01, sgd=False):
    """One update on the next of ``batches``, forever."""
    ps = [p for m in modules for p in m.parameters()]
    if sgd:
        optimizer = torch.optim.SGD(ps, lr=lr)
    else:
        optimizer = torch.optim.Adagrad(ps, lr=lr, foreach=True)
    batches = itertools.cycle(batches)

    def update():
        optimizer.zero_grad()
        value = loss(*next(batches))
        value.backward()
        optimizer.step()
        return value.item()

    return update


def tensors(batches, **options):
    """Pairs of arrays as pairs of tensors."""
    return [
        (torch.as_tensor(x, **options), torch.as_tensor(y, **options))
        for x, y in batches
    ]


def lm(batches, H, V, kind="LSTM"):
    """A language model around one of PyTorch's own networks."""
    embed, rnn, out = nn.Embedding(V, H), getattr(nn, kind)(H, H), nn.Linear(H, V)

    def loss(x, y):
        logits = out(rnn(embed(x))[0])
        return F.cross_entropy(logits.flatten(0, 1), y.flatten(), reduction="sum")

    return trained([embed, rnn, out], tensors(batches), loss)


class Graves(nn.Module):
    """LSTM, diagonal peepholes, forget gate = 1 - input gate."""

    def __init__(self, V, H):
        super().__init__()
        self.e, self.u = nn.Embedding(V, 3 * H), nn.Linear(H, 3 * H)
        self.pi, self.po = (nn.Parameter(torch.zeros(H)) for _ in range(2))

    def forward(self, x, h, c):
        """One step."""
        zi, zg, zo = (self.e(x) + self.u(h)).chunk(3, -1)
        i = torch.sigmoid(zi + self.pi * c)
        c = (1 - i) * c + i * torch.tanh(zg)
        h = torch.sigmoid(zo + self.po * c) * torch.tanh(c)
        return h, c


class MyCell(nn.Module):
    """A cell of the user's own: no input gate, peepholes, layer norm on the cell."""

    def __init__(self, V, H):
        super().__init__()
        self.e, self.u = nn.Embedding(V, 3 * H), nn.Linear(H, 3 * H)
        self.n = nn.LayerNorm(H)
        self.pf, self.po = (nn.Parameter(torch.zeros(H)) for _ in range(2))

    def forward(self, x, h, c):
        """One step."""
        zf, zg, zo = (self.e(x) + self.u(h)).chunk(3, -1)
        c = torch.sigmoid(zf + self.pf * c) * c + torch.tanh(zg)
        h = torch.sigmoid(zo + self.po * c) * torch.tanh(self.n(c))
        return h, c


def celllm(batches, H, V, B, cell, compiled=False):
    """A language model around a cell of the user's own."""
    m, out = cell(V, H), nn.Linear(H, V)

    def loss(x, y):
        h = c = torch.zeros(B, H)
        total = 0.0
        for t in range(x.shape[0]):
            h, c = m(x[t], h, c)
            total = total + F.cross_entropy(out(h), y[t], reduction="sum")
        return total

    if compiled:
        loss = torch.compile(loss)
    return trained([m, out], tensors(batches), loss)


def cat():
    """The cell written out."""
    s = SIZES["cat"]
    return celllm([W.cat()], s["H"], s["V"], 1, Graves)


def cat_fused():
    """nn.LSTM, another cell, on the sizes of ``cat``."""
    s = SIZES["cat"]
    return lm([W.cat()], s["H"], s["V"])


def charlm():
    """nn.LSTM."""
    s = SIZES["charlm"]
    return lm(W.charlm(), s["H"], s["V"])


def charlm_gru():
    """nn.GRU."""
    s = SIZES["charlm"]
    return lm(W.charlm(), s["H"], s["V"], "GRU")


def mycell():
    """The cell written out."""
    s = SIZES["mycell"]
    return celllm(W.mycell(), s["H"], s["V"], s["B"], MyCell)


def mycell_compiled():
    """The same loop under torch.compile."""
    s = SIZES["mycell"]
    return celllm(W.mycell(), s["H"], s["V"], s["B"], MyCell, compiled=True)


def packed(sequences):
    """Sequences of ints, packed."""
    listed = [torch.tensor(s) for s in sequences]
    return nn.utils.rnn.pack_sequence(listed, enforce_sorted=False)


def sentences():
    """nn.LSTM on packed sequences."""
    s = SIZES["sentences"]
    H, V = s["H"], s["V"]
    embed, rnn, out = nn.Embedding(V, H), nn.LSTM(H, H), nn.Linear(H, V)

    def loss(batch):
        x = packed(w[:-1] for w in batch)
        y = packed(w[1:] for w in batch)
        h, _ = rnn(nn.utils.rnn.PackedSequence(embed(x.data), *x[1:]))
        return F.cross_entropy(out(h.data), y.data, reduction="sum")

    return trained([embed, rnn, out], [(b,) for b in W.sentences()], loss)


class TreeLSTM(nn.Module):
    """Binary tree LSTM: a forget gate for each child."""

    def __init__(self, V, H, labels):
        super().__init__()
        self.embed, self.leaf = nn.Embedding(V, H), nn.Linear(H, 3 * H)
        self.node, self.out = nn.Linear(2 * H, 5 * H), nn.Linear(H, labels)

    def encode(self, t):
        """h and c of a tree."""
        if isinstance(t, int):
            i, u, o = self.leaf(self.embed(torch.tensor(t))).chunk(3, -1)
            c = torch.sigmoid(i) * torch.tanh(u)
        else:
            (hl, cl), (hr, cr) = self.encode(t[0]), self.encode(t[1])
            i, u, o, fl, fr = self.node(torch.cat([hl, hr])).chunk(5, -1)
            c = torch.sigmoid(i) * torch.tanh(u)
            c = c + torch.sigmoid(fl) * cl + torch.sigmoid(fr) * cr
        return torch.sigmoid(o) * torch.tanh(c), c


def trees():
    """A recursive function, a tree at a time."""
    s = SIZES["trees"]
    model = TreeLSTM(s["V"], s["H"], s["labels"])

    def nats(t, y):
        logits = model.out(model.encode(t)[0])[None]
        return F.cross_entropy(logits, torch.tensor([y]), reduction="sum")

    def loss(batch):
        return sum(nats(t, y) for t, y in batch)

    return trained([model], [(b,) for b in W.trees()], loss)


def sample():
    """nn.LSTMCell in a loop."""
    s = SIZES["sample"]
    H, V = s["H"], s["V"]
    embed, cell, out = nn.Embedding(V, H), nn.LSTMCell(H, H), nn.Linear(H, V)

    @torch.inference_mode()
    def update():
        h = c = torch.zeros(1, H)
        x = torch.tensor([0])
        for _ in range(s["chars"]):
            h, c = cell(embed(x), (h, c))
            x = torch.multinomial(F.softmax(out(h), -1), 1)[0]
        return float(x)

    return update


def reber():
    """nn.RNN, one string at a time."""
    rnn, out = nn.RNN(7, SIZES["reber"]["H"]), nn.Linear(SIZES["reber"]["H"], 7)

    def loss(x, y):
        return F.binary_cross_entropy_with_logits(out(rnn(x)[0]), y)

    data = tensors(W.reber(), dtype=torch.float32)
    return trained([rnn, out], data, loss, lr=0.2, sgd=True)
