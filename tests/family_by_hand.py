"""The LSTM with all its options, and the gated units, one number at a time.

Twins of ``penne.recurrent`` in plain Python, written from the equations; ``p`` maps
the paths of ``Module.parameters()`` to weights, a matrix as a list of rows.  They take
complex numbers too, so that a step along the imaginary axis gives a derivative that
is exact to rounding (Squire and Trapp 1998).
"""

import cmath


def sigmoid(z):
    """1 / (1 + exp(-z))."""
    return 1 / (1 + cmath.exp(-z))


def identity(z):
    """z."""
    return z


tanh = cmath.tanh


def product(W, x):
    """x W; a W that is no list of rows is a diagonal."""
    if not isinstance(W[0], list):
        return [a * b for a, b in zip(x, W)]
    return [sum(x[i] * W[i][j] for i in range(len(x))) for j in range(len(W[0]))]


def add(*vectors):
    """The sum of vectors."""
    return [sum(parts) for parts in zip(*vectors)]


def times(a, b):
    """The elementwise product."""
    return [x * y for x, y in zip(a, b)]


def zoned(d, old, new):
    """d * old + (1 - d) * new, or new where there is no d."""
    if d is None:
        return new
    return [a * x + (1 - a) * y for a, x, y in zip(d, old, new)]


def normalised(vectors, eps=1e-5):
    """The vectors, side by side, with mean 0 and variance 1."""
    everything = [x for v in vectors for x in v]
    mean = sum(everything) / len(everything)
    var = sum((x - mean) * (x - mean) for x in everything) / len(everything)
    return [[(x - mean) / cmath.sqrt(var + eps) for x in v] for v in vectors]


def lstm(
    p,
    xs,
    m,
    *,
    input_gate=True,
    forget_gate="coupled",
    output_gate=True,
    peepholes="diagonal",
    input_activation=tanh,
    output_activation=tanh,
    gate_recurrence=False,
    shared_input=False,
    layer_norm=False,
    projection=None,
    noise=None,
    **_,
):
    """Outputs and final state of the LSTM; ``noise``: for each step a dict of masks."""
    kinds = {
        "input_gate": input_gate,
        "forget_gate": forget_gate,
        "output_gate": output_gate,
    }
    gates = [name for name, kind in kinds.items() if kind is True]
    before = {name: [0.0] * m for name in gates}
    c = p.get("c0", [0.0] * m)
    h = p.get("h0", [0.0] * (projection or m))
    outputs = []
    for t, x in enumerate(xs):
        masks = noise[t] if noise else {}
        x = product(p["input_map.weights.0"], x) if shared_input else x
        hm = times(h, masks["gal"]) if "gal" in masks else h
        names = [*gates, "input_layer"]
        of_x = [product(p[f"{name}.weights.0"], x) for name in names]
        of_h = [product(p[f"{name}.weights.1"], hm) for name in names]
        if gate_recurrence:
            first = 3 if peepholes else 2
            for k, name in enumerate(gates):
                for j, other in enumerate(gates):
                    R = p[f"{name}.weights.{first + j}"]
                    of_h[k] = add(of_h[k], product(R, before[other]))
        if layer_norm:
            of_x, of_h = normalised(of_x), normalised(of_h)
            of_x = [times(v, p[f"gains.{n}.0"]) for n, v in zip(names, of_x)]
            of_h = [times(v, p[f"gains.{n}.1"]) for n, v in zip(names, of_h)]
        sums = {n: add(a, b, p[f"{n}.bias"]) for n, a, b in zip(names, of_x, of_h)}

        def gate(name, c, sums=sums):
            if kinds[name] is not True:
                return [1.0] * m
            hole = times(c, p[f"{name}.weights.2"]) if peepholes else [0.0] * m
            return [sigmoid(z) for z in add(sums[name], hole)]

        i, f = gate("input_gate", c), gate("forget_gate", c)
        i = [1 - v for v in f] if input_gate == "coupled" else i
        f = [1 - v for v in i] if forget_gate == "coupled" else f
        g = [input_activation(z) for z in sums["input_layer"]]
        g = times(g, masks["semeniuta"]) if "semeniuta" in masks else g
        new = add(times(f, c), times(i, g))
        o = gate("output_gate", new)
        shown = new
        if layer_norm:
            (shown,) = normalised([new])
            shown = add(times(shown, p["norm.gain"]), p["norm.bias"])
        y = times(o, [output_activation(v) for v in shown])
        y = product(p["projection.weights.0"], y) if projection else y
        now = {"input_gate": i, "forget_gate": f, "output_gate": o}
        before = {name: now[name] for name in gates}
        c = zoned(masks.get("zone_c"), c, new)
        h = zoned(masks.get("zone_h"), h, y)
        outputs.append(h)
    return outputs, {"h": h, "c": c}


def gru(p, xs, m, *, reset="before", update="keep", kind="gru", noise=None, **_):
    """Outputs and final state of ``GRU``, or of the units with one gate alone."""
    h, outputs = p.get("h0", [0.0] * m), []
    for t, x in enumerate(xs):
        masks = noise[t] if noise else {}
        hm = times(h, masks["gal"]) if "gal" in masks else h

        def gate(name, x=x, hm=hm):
            z = add(
                product(p[f"{name}.weights.0"], x),
                product(p[f"{name}.weights.1"], hm),
                p[f"{name}.bias"],
            )
            return [sigmoid(v) for v in z]

        names = ("reset_gate", "update_gate") if kind == "gru" else ("forget_gate",) * 2
        r, z = gate(names[0]), gate(names[1])
        U = p["input_layer.weights.1"]
        if reset == "before":
            recurring = product(U, times(r, hm))
        else:
            inner = product(U, hm)
            if "recurrent_bias" in p:
                inner = add(inner, p["recurrent_bias"])
            recurring = times(r, inner)
        a = add(product(p["input_layer.weights.0"], x), recurring)
        g = [tanh(v) for v in add(a, p["input_layer.bias"])]
        g = times(g, masks["semeniuta"]) if "semeniuta" in masks else g
        kept = times(h, p["decay.weights.0"]) if "decay.weights.0" in p else h
        w = [1 - v for v in z] if update == "keep" else z
        new = [(1 - w[j]) * kept[j] + w[j] * g[j] for j in range(m)]
        h = zoned(masks.get("zone_h"), h, new)
        outputs.append(h)
    return outputs, {"h": h}


def simple(p, xs, m, *, f=tanh, noise=None, **_):
    """Outputs and final state of h := f(x W + h U + b)."""
    h, outputs = p.get("h0", [0.0] * m), []
    for t, x in enumerate(xs):
        masks = noise[t] if noise else {}
        hm = times(h, masks["gal"]) if "gal" in masks else h
        W, U, b = p["layer.weights.0"], p["layer.weights.1"], p["layer.bias"]
        new = [f(z) for z in add(product(W, x), product(U, hm), b)]
        h = zoned(masks.get("zone_h"), h, new)
        outputs.append(h)
    return outputs, {"h": h}
