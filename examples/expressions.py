"""Arithmetic modulo 3, learnt from results alone: a network in the form of each tree.

Python's ``ast`` parses texts like "3 - (4 + (1 * 2))"; a step of a tree LSTM (Tai et
al. 2015, equations 9-14, x the operator) makes the state of a node of those of its
operands.  Another LSTM, of as many weights, reads the text.  Both learn from 2,000
batches, of up to seven numbers.  Percent right of 200 expressions of each size, from
four on all new (seed 0, 74 s of processor time)::

    numbers      2   3   4   5   6   7   8   9  10  11  12 weights
    TreeLSTM   100 100 100 100 100 100  99  98  96  98  95  11,331
    Reader      98  80  73  62  55  57  56  52  50  42  52  11,775
"""

import ast
import time

import arithmetic
import numpy as np
from arithmetic import SYMBOLS, results, text_of
from program import figure, options

from penne import *

LEARNT, LONGEST, OPERATORS = 7, 12, [ast.Add, ast.Sub, ast.Mult]


class TreeLSTM(Module):
    """Numbers have a state, h and c; operators join two."""

    def __init__(self, n, rng):
        self.number = Layer(-10, n, f=None, rng=rng)
        kinds = [sigmoid, sigmoid, sigmoid, sigmoid, tanh]  # of i, o, fl, fr, g
        self.gates = [Layer([-3, n, n], n, f=f, rng=rng) for f in kinds]
        self.output = Layer(n, arithmetic.MODULUS, f=logsoftmax, rng=rng)

    @cell
    def join(self, op, left, lc, right, rc):
        """c := i * g + fl * lc + fr * rc;  h := o * tanh(c)."""
        i, o, fl, fr, g = [gate(op, left, right) for gate in self.gates]
        c = i * g + fl * lc + fr * rc
        return o * tanh(c), c

    def read(self, tree):
        if isinstance(tree, ast.Constant):
            return tanh(self.number(tree.value)), self.number(tree.value)
        op = OPERATORS.index(type(tree.op))
        return self.join(op, *self.read(tree.left), *self.read(tree.right))

    def __call__(self, texts):
        trees = [ast.parse(text, mode="eval").body for text in texts]
        return self.output(stack([self.read(tree)[0] for tree in trees]))


class Reader(Module):
    """The same without trees: the last output of an LSTM."""

    def __init__(self, n, rng):
        self.rnn = LSTM(-len(SYMBOLS), n, rng=rng)
        self.output = Layer(n, arithmetic.MODULUS, f=logsoftmax, rng=rng)

    def __call__(self, texts):
        lengths = [len(text) for text in texts]
        symbols = [[SYMBOLS.index(c) for c in t.ljust(max(lengths))] for t in texts]
        found = unroll(self.rnn, np.array(symbols).T, lengths=lengths)
        return self.output(found.last_output)


def train(model, updates, known, rng):
    trainer = Adam(schedules.Linear(5e-3, updates), clip_gradients=5.0)
    for _ in range(updates):
        texts = [text_of(n, rng) for n in rng.integers(1, LEARNT + 1, 32)]
        texts = [text for text in texts if text not in known]
        trainer.receive(-mean(model(texts)[np.arange(len(texts)), results(texts)]))


def main():
    args = options(__doc__, units=32, updates=2000, judged=200, seed=0)
    rng, sizes = np.random.default_rng(args.seed), range(2, LONGEST + 1)
    judged = [[text_of(n, rng) for _ in range(args.judged)] for n in sizes]
    known = set().union(*judged[2:])  # there are few of fewer numbers
    print(f"{'numbers':10} {' '.join(f'{n:3}' for n in sizes)} weights     s")
    with figure("expressions.png") as axes:
        for model in TreeLSTM(args.units, rng), Reader(round(1.7 * args.units), rng):
            name, begun = type(model).__name__, time.process_time()
            train(model, args.updates, known, rng)
            spent = time.process_time() - begun
            found = [compute_value(model(texts)).argmax(1) for texts in judged]
            rates = [100 * np.mean(y == results(x)) for x, y in zip(judged, found)]
            line = "".join(f"{rate:4.0f}" for rate in rates)
            print(f"{name:10}{line} {model.n_params():7,} {spent:5.0f}")
            axes.plot(sizes, rates, "o-", label=name)
        axes.axvline(LEARNT + 0.5, color="grey", ls="--", label="learnt up to here")
        axes.set(xlabel="numbers in the expression", ylabel="% right", ylim=(0, 102))
        axes.legend()


if __name__ == "__main__":
    main()
