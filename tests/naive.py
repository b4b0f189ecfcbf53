"""A naive twin of penne: one tape, one op at a time, NumPy, nothing remembered.

``Node`` is an op with its arguments; ``value`` and ``slopes`` walk the whole graph anew
at each call.  Rules are written with NumPy alone: it shares no line with penne.
"""

import numpy as np


class Node:
    """An op of arguments; or, without an op, a leaf that holds an array."""

    def __init__(self, op=None, args=(), array=None, data=None):
        self.op, self.args, self.array, self.data = op, args, array, data


def leaf(array):
    """A leaf with a copy of an array."""
    return Node(array=np.array(array, float))


def order(root):
    """Every node below ``root``, arguments first."""
    found, stack = {}, [(root, False)]
    while stack:
        node, done = stack.pop()
        if done:
            found[node] = None
        elif node not in found:
            stack.append((node, True))
            stack.extend((a, False) for a in node.args)
    return list(found)


def value(root):
    """The value of a node now."""
    values = {}
    for node in order(root):
        arrays = [values[a] for a in node.args]
        given = () if node.data is None else (node.data,)
        values[node] = RULES[node.op][0](*arrays, *given) if node.op else node.array
    return values[root]


def slopes(root, leaves):
    """The gradient of a number for each leaf, zeros for those it does not reach."""
    values, found = {}, {}
    nodes = order(root)
    for node in nodes:
        arrays = [values[a] for a in node.args]
        given = () if node.data is None else (node.data,)
        values[node] = RULES[node.op][0](*arrays, *given) if node.op else node.array
    found[root] = np.ones(())
    for node in reversed(nodes):
        if node in found and node.op:
            arrays = [values[a] for a in node.args]
            given = () if node.data is None else (node.data,)
            parts = RULES[node.op][1](found[node], values[node], *arrays, *given)
            for a, part in zip(node.args, parts):
                part = summed(np.asarray(part), values[a].shape)
                found[a] = found.get(a, 0) + part
    return [found.get(x, np.zeros_like(x.array)) for x in leaves]


def summed(g, shape):
    """A gradient with what was broadcast summed again."""
    while g.ndim > len(shape):
        g = g.sum(0)
    for k, n in enumerate(shape):
        if n == 1 and g.shape[k] != 1:
            g = g.sum(k, keepdims=True)
    return np.broadcast_to(g, shape)


def sigmoid(x):
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def softmax(x):
    """exp(x) / sum(exp(x)) over the last axis."""
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def scattered(g, shape, index):
    """Zeros, to whose rows those of g are added."""
    whole = np.zeros(shape)
    np.add.at(whole, index, g)
    return whole


def halves(g, x, y):
    """What the larger of two gets, a half in a tie."""
    share = (x > y) + 0.5 * (x == y)
    return g * share, g * (1 - share)


RULES = {
    "add": (np.add, lambda g, y, a, b: (g, g)),
    "subtract": (np.subtract, lambda g, y, a, b: (g, -g)),
    "multiply": (np.multiply, lambda g, y, a, b: (g * b, g * a)),
    "divide": (lambda a, b: a / (2 + b * b), None),
    "tanh": (np.tanh, lambda g, y, x: (g * (1 - y**2),)),
    "sigmoid": (sigmoid, lambda g, y, x: (g * y * (1 - y),)),
    "maximum": (np.maximum, lambda g, y, a, b: halves(g, a, b)),
    "matmul": (
        np.matmul,
        lambda g, y, a, b: (
            g @ b.T,
            a.T @ g if a.ndim == 2 else np.outer(a, g),
        ),
    ),
    "softmax": (
        softmax,
        lambda g, y, x: (y * (g - (g * y).sum(-1, keepdims=True)),),
    ),
    "sum": (np.sum, lambda g, y, x: (np.broadcast_to(g, x.shape),)),
    "rows": (
        lambda x, index: x[index],
        lambda g, y, x, index: (scattered(g, x.shape, index),),
    ),
    "stack": (lambda *xs: np.stack(xs), lambda g, y, *xs: list(g)),
}
RULES["divide"] = (
    RULES["divide"][0],
    lambda g, y, a, b: (g / (2 + b * b), -2 * g * a * b / (2 + b * b) ** 2),
)
