"""The workloads that penne and its peers are timed on: same sizes, same data, one seed.

Every peer module has a function for each workload it can serve.  It returns
``update``, which takes no argument, does one whole training update (build the graph
if the peer builds one, forward, backward, Adagrad or SGD) and returns the loss; for
``sample`` it generates ``chars`` characters and returns the last one.  This module
imports NumPy alone.
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Tree = Any  # an int is a leaf, a pair of trees an inner node

CAT = "^the cat sat on the mat$"
SIZES: dict[str, dict[str, Any]] = {
    "cat": dict(T=len(CAT) - 1, B=1, H=100, V=256),
    "charlm": dict(T=64, B=32, H=256, V=96),
    "sentences": dict(B=32, H=256, V=96, lo=3, hi=80),
    "mycell": dict(T=40, B=16, H=128, V=96),
    "trees": dict(B=25, leaves=(4, 30), H=150, V=500, labels=5),
    "sample": dict(H=256, V=96, chars=300),
    "reber": dict(H=10, V=7),
}

DEFAULT = {
    "cat": "a string of 24, coupled LSTM with peepholes",
    "cat_same": "`cat`, the same loss object each time",
    "charlm": "64 x 32 symbols, LSTM",
    "charlm_gru": "64 x 32 symbols, GRU",
    "sentences": "32 sentences of 3 to 80, LSTM",
    "mycell": "40 x 16 symbols, a cell of one's own",
    "trees": "25 binary trees, tree LSTM",
    "sample": "300 symbols drawn one by one, LSTM",
    "reber": "one Reber string, simple network of 10",
}
ASKED = {
    "cat_fused": "`cat` sizes, PyTorch's nn.LSTM",
    "charlm_float64": "`charlm`, penne in float64",
    "sentences_bare": "`sentences`, an LSTM class of one's own",
    "mycell_bare": "`mycell`, the class as it is written",
    "mycell_compiled": "`mycell`, PyTorch under torch.compile",
}
WORKLOADS = {**DEFAULT, **ASKED}
VARIANT_OF = {
    "cat_same": "cat",
    "cat_fused": "cat",
    "charlm_float64": "charlm",
    "sentences_bare": "sentences",
    "mycell_bare": "mycell",
    "mycell_compiled": "mycell",
}


def rng(seed: int = 0) -> np.random.Generator:
    """The generator that data of this seed are drawn from."""
    return np.random.default_rng(seed)


def cat() -> tuple[Array, Array]:
    """The string as symbols and the symbols that follow them, (T, 1)."""
    ids = np.array([ord(c) for c in CAT])
    return ids[:-1, None], ids[1:, None]


def _symbols(name: str, seed: int, n: int) -> list[tuple[Array, Array]]:
    s, r = SIZES[name], rng(seed)
    shape = s["T"], s["B"]
    return [
        (r.integers(0, s["V"], shape), r.integers(0, s["V"], shape)) for _ in range(n)
    ]


def charlm(n: int = 8) -> list[tuple[Array, Array]]:
    """n batches (inputs, targets) of symbols, (T, B)."""
    return _symbols("charlm", 1, n)


def mycell(n: int = 8) -> list[tuple[Array, Array]]:
    """n batches (inputs, targets) of symbols, (T, B)."""
    return _symbols("mycell", 2, n)


def sentences(n: int = 8) -> list[list[list[int]]]:
    """n batches of B sentences; lengths like those of text lines: log-normal, clipped.

    A sentence of k steps is a list of k + 1 symbols.
    """
    s, r = SIZES["sentences"], rng(3)
    batches = []
    for _ in range(n):
        drawn = np.exp(r.normal(3.3, 0.6, s["B"])).astype(int)
        lengths = np.clip(drawn, s["lo"], s["hi"])
        batches.append([r.integers(0, s["V"], k + 1).tolist() for k in lengths])
    return batches


def _grow(r: np.random.Generator, leaves: int, V: int) -> Tree:
    if leaves == 1:
        return int(r.integers(0, V))
    left = int(r.integers(1, leaves))
    return _grow(r, left, V), _grow(r, leaves - left, V)


def trees(n: int = 8) -> list[list[tuple[Tree, int]]]:
    """n batches of B pairs (tree, label): an int is a leaf, a pair an inner node."""
    s, r = SIZES["trees"], rng(4)

    def labelled() -> tuple[Tree, int]:
        tree = _grow(r, int(r.integers(*s["leaves"])), s["V"])
        return tree, int(r.integers(0, s["labels"]))

    return [[labelled() for _ in range(s["B"])] for _ in range(n)]


REBER: dict[int, list[tuple[str, int | None]]] = {
    0: [("B", 1)],
    1: [("T", 2), ("P", 3)],
    2: [("S", 2), ("X", 4)],
    3: [("T", 3), ("V", 5)],
    4: [("X", 3), ("S", 6)],
    5: [("P", 4), ("V", 6)],
    6: [("E", None)],
}
SYMBOLS = "BTSXPVE"


def _marked(symbols: str) -> Array:
    """A vector with 1 at each of ``symbols``, (7)."""
    vector = np.zeros(len(SYMBOLS))
    vector[[SYMBOLS.index(symbol) for symbol in symbols]] = 1
    return vector


def _reber_string(r: np.random.Generator) -> tuple[Array, Array]:
    state: int | None = 0
    inputs, targets = [], []
    while state is not None:
        moves = REBER[state]
        symbol, state = moves[int(r.integers(len(moves)))]
        if state is not None:
            inputs.append(_marked(symbol))
            targets.append(_marked("".join(move for move, _ in REBER[state])))
    return np.array(inputs), np.array(targets)


def reber(n: int = 200) -> list[tuple[Array, Array]]:
    """n strings as (inputs, targets), (T, 7): one-hot, and every legal next symbol."""
    r = rng(5)
    return [_reber_string(r) for _ in range(n)]
