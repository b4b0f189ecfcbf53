"""The recurrent cells written out one number at a time, from their equations.

Twins of ``penne.recurrent`` in plain Python: floats, lists and ``math``, no arrays.
A weight matrix is a list of rows; ``p`` maps the paths of ``Module.parameters()`` to
weights.  Each function gives the outputs of all steps and the final state.
"""

from math import exp, tanh


def sigmoid(z):
    """1 / (1 + exp(-z))."""
    return 1 / (1 + exp(-z)) if z >= 0 else exp(z) / (1 + exp(z))


def affine(p, name, *inputs):
    """b + the sum of x W over ``inputs``; a weight with no columns is a diagonal."""
    z = list(p[f"{name}.bias"])
    for k, x in enumerate(inputs):
        W = p[f"{name}.weights.{k}"]
        for j in range(len(z)):
            if isinstance(W[0], list):
                for i in range(len(x)):
                    z[j] += x[i] * W[i][j]
            else:
                z[j] += x[j] * W[j]
    return z


def simple(p, xs, n):
    """h := tanh(W x + U h + b)."""
    h, outputs = [0.0] * n, []
    for x in xs:
        h = [tanh(z) for z in affine(p, "layer", x, h)]
        outputs.append(h)
    return outputs, {"h": h}


def coupled_lstm(p, xs, n):
    """The LSTM of Penne: f = 1 - i, diagonal peepholes, at the output to the new c."""
    h, c, outputs = [0.0] * n, [0.0] * n, []
    for x in xs:
        i = [sigmoid(z) for z in affine(p, "input_gate", x, h, c)]
        g = [tanh(z) for z in affine(p, "input_layer", x, h)]
        c = [(1 - i[j]) * c[j] + i[j] * g[j] for j in range(n)]
        o = [sigmoid(z) for z in affine(p, "output_gate", x, h, c)]
        h = [o[j] * tanh(c[j]) for j in range(n)]
        outputs.append(h)
    return outputs, {"h": h, "c": c}


def gru(p, xs, n):
    """Cho et al. 2014, version 3: reset before the product, z keeps."""
    h, outputs = [0.0] * n, []
    for x in xs:
        r = [sigmoid(z) for z in affine(p, "reset_gate", x, h)]
        z = [sigmoid(z) for z in affine(p, "update_gate", x, h)]
        rh = [r[j] * h[j] for j in range(n)]
        new = [tanh(z) for z in affine(p, "input_layer", x, rh)]
        h = [z[j] * h[j] + (1 - z[j]) * new[j] for j in range(n)]
        outputs.append(h)
    return outputs, {"h": h}


def standard_lstm(p, xs, n):
    """Separate gates i, f, g, o without peepholes."""
    h, c, outputs = [0.0] * n, [0.0] * n, []
    for x in xs:
        i = [sigmoid(z) for z in affine(p, "input_gate", x, h)]
        f = [sigmoid(z) for z in affine(p, "forget_gate", x, h)]
        g = [tanh(z) for z in affine(p, "input_layer", x, h)]
        o = [sigmoid(z) for z in affine(p, "output_gate", x, h)]
        c = [f[j] * c[j] + i[j] * g[j] for j in range(n)]
        h = [o[j] * tanh(c[j]) for j in range(n)]
        outputs.append(h)
    return outputs, {"h": h, "c": c}
