"""What it costs to build expressions, in microseconds, in this process::

    python -m benchmarks.building

Prints one line of JSON: pairs of what is built and the median of building it.
"""

import json
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from penne import LSTM, Layer, logsoftmax
from penne.graph import Expression, topological

H, V = 100, 256
TEXT = [ord(c) for c in "^the cat sat on the mat$"]


def microseconds(f: Callable[[], Any], each: int = 1, rounds: int = 100) -> float:
    """The median over ``rounds`` of one of the ``each`` things that f builds."""
    f()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return statistics.median(times) / each * 1e6


def node(x: Expression) -> float:
    """Building x again from its arguments."""
    assert x.op is not None
    op, args, params, repeat = x.op, x.args, dict(x.params), range(20)
    return microseconds(lambda: [op(*args, **params) for _ in repeat], 20, 50)


class BareLSTM(LSTM):
    """The same step, op by op: as a class of one's own without ``@cell``."""

    step = LSTM.step.__wrapped__


def nodes_of_a_step(rnn: LSTM) -> list[Expression]:
    """What the third step of a network adds to the graph."""
    rnn.start()
    before = topological([rnn.step(k) for k in (1, 2)])
    return [x for x in topological([rnn.step(3)], dict.fromkeys(before)) if x.op]


def measure() -> list[tuple[str, float]]:
    """Pairs: what is built, and its median in microseconds."""
    rng = np.random.default_rng(0)
    rnn, bare = LSTM(-V, H, rng=rng), BareLSTM(-V, H, rng=rng)
    out = Layer(H, V, f=logsoftmax, rng=rng)
    nodes = nodes_of_a_step(bare)
    pairs = list(zip(rnn.transduce(TEXT), TEXT[1:]))

    def loss() -> Expression:
        return -sum(out(h)[k] for h, k in zip(rnn.transduce(TEXT), TEXT[1:]))

    costs = {
        "one primitive node, of those of an LSTM": _median(map(node, nodes)),
        f"one step of an own LSTM, {len(nodes)} nodes": _step(bare),
        "one step of `penne.LSTM`": _step(rnn),
        "the same, of a sequence that is read as one node": microseconds(
            lambda: rnn.transduce(TEXT), len(TEXT)
        ),
        "`out(h)[y]`, a layer with logsoftmax and a symbol of it": microseconds(
            lambda: [out(h)[k] for h, k in pairs], len(pairs)
        ),
        "the whole loss of `cat`": microseconds(loss),
    }
    return list(costs.items())


def _step(rnn: LSTM) -> float:
    def steps() -> list[Expression]:
        rnn.start()
        return [rnn.step(symbol) for symbol in TEXT]

    return microseconds(steps, len(TEXT))


def _median(values: Any) -> float:
    return statistics.median(values)


if __name__ == "__main__":
    print(json.dumps([(what, round(value, 2)) for what, value in measure()]))
