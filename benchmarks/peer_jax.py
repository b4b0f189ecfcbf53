"""JAX as its users write it: jit of a whole update, lax.scan over time, padding to
buckets of 16."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import sigmoid

from . import workloads as W
from .workloads import SIZES

VERSION = jax.__version__


def init(**shapes):
    """Parameters by name."""
    r = W.rng(9)
    return {
        k: jnp.asarray(r.normal(0, 0.08, s), jnp.float32) for k, s in shapes.items()
    }


def arrays(batches):
    """Tuples of NumPy arrays as tuples of JAX's."""
    return [tuple(map(jnp.asarray, batch)) for batch in batches]


def trained(P, batches, loss, lr=0.01, sgd=False):
    """One update on the next of ``batches``, forever."""

    @jax.jit
    def step(P, A, *batch):
        value, g = jax.value_and_grad(loss)(P, *batch)
        if sgd:
            return jax.tree.map(lambda p, g: p - lr * g, P, g), A, value
        A = jax.tree.map(lambda a, g: a + g * g, A, g)
        P = jax.tree.map(lambda p, a, g: p - lr * g / jnp.sqrt(a + 1e-8), P, A, g)
        return P, A, value

    state = [P, jax.tree.map(jnp.zeros_like, P)]
    batches = itertools.cycle(batches)

    def update():
        state[0], state[1], value = step(*state, *next(batches))
        return float(value)

    return update


def nll(logits, y, mask=1.0):
    """-sum of the log-probabilities of y where the mask is 1."""
    logp = jax.nn.log_softmax(logits)
    return -(jnp.take_along_axis(logp, y[..., None], -1)[..., 0] * mask).sum()


def scan(cell, P, x, B, H):
    """The outputs of a cell (P, h, c, z) -> (h, c) over time."""

    def f(state, z):
        h, c = cell(P, *state, z + state[0] @ P["W"])
        return (h, c), h

    return jax.lax.scan(f, (jnp.zeros((B, H)),) * 2, P["E"][x] + P["b"])[1]


def lstm(P, h, c, z):
    """The LSTM without peepholes."""
    i, f, g, o = jnp.split(z, 4, -1)
    c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
    return sigmoid(o) * jnp.tanh(c), c


def graves(P, h, c, z):
    """LSTM, diagonal peepholes, forget gate = 1 - input gate."""
    zi, zg, zo = jnp.split(z, 3, -1)
    i = sigmoid(zi + P["pi"] * c)
    c = (1 - i) * c + i * jnp.tanh(zg)
    return sigmoid(zo + P["po"] * c) * jnp.tanh(c), c


def own(P, h, c, z):
    """A cell of the user's own: no input gate, peepholes, layer norm on the cell."""
    zf, zg, zo = jnp.split(z, 3, -1)
    c = sigmoid(zf + P["pf"] * c) * c + jnp.tanh(zg)
    m = c.mean(-1, keepdims=True)
    v = ((c - m) ** 2).mean(-1, keepdims=True)
    n = (c - m) / jnp.sqrt(v + 1e-5) * P["g"] + P["nb"]
    return sigmoid(zo + P["po"] * c) * jnp.tanh(n), c


def lm(cell, gates, batches, B, H, V, **more):
    """A language model around a cell; its embedding goes straight to the gates."""
    n = gates * H
    P = init(E=(V, n), W=(H, n), b=(n,), O=(H, V), ob=(V,), **more)

    def loss(P, x, y):
        return nll(scan(cell, P, x, B, H) @ P["O"] + P["ob"], y)

    return trained(P, arrays(batches), loss)


def cat():
    """lax.scan."""
    s = SIZES["cat"]
    H = s["H"]
    return lm(graves, 3, [W.cat()], 1, H, s["V"], pi=(H,), po=(H,))


def charlm():
    """lax.scan."""
    s = SIZES["charlm"]
    return lm(lstm, 4, W.charlm(), s["B"], s["H"], s["V"])


def mycell():
    """lax.scan."""
    s = SIZES["mycell"]
    H = s["H"]
    more = dict(pf=(H,), po=(H,), g=(H,), nb=(H,))
    return lm(own, 3, W.mycell(), s["B"], H, s["V"], **more)


def padded(batch):
    """Sentences as (inputs, targets, mask), (T, B), T a multiple of 16."""
    T = -(-max(len(w) - 1 for w in batch) // 16) * 16
    shape = T, len(batch)
    x, y, m = np.zeros(shape, int), np.zeros(shape, int), np.zeros(shape, np.float32)
    for b, w in enumerate(batch):
        k = len(w) - 1
        x[:k, b] = w[:-1]
        y[:k, b] = w[1:]
        m[:k, b] = 1
    return x, y, m


def sentences():
    """lax.scan on padded batches, padded once, outside of the update."""
    s = SIZES["sentences"]
    B, H, V = s["B"], s["H"], s["V"]
    P = init(E=(V, 4 * H), W=(H, 4 * H), b=(4 * H,), O=(H, V), ob=(V,))

    def loss(P, x, y, m):
        return nll(scan(lstm, P, x, B, H) @ P["O"] + P["ob"], y, m)

    return trained(P, arrays(map(padded, W.sentences())), loss)


def sample():
    """jit of one step."""
    s = SIZES["sample"]
    H, V = s["H"], s["V"]
    P = init(E=(V, 4 * H), W=(H, 4 * H), b=(4 * H,), O=(H, V), ob=(V,))

    @jax.jit
    def step(h, c, x, k):
        h, c = lstm(P, h, c, P["E"][x] + P["b"] + h @ P["W"])
        k, q = jax.random.split(k)
        return h, c, jax.random.categorical(q, h @ P["O"] + P["ob"]), k

    def update():
        h = c = jnp.zeros(H)
        x = jnp.asarray(0)
        k = jax.random.PRNGKey(0)
        for _ in range(s["chars"]):
            h, c, x, k = step(h, c, x, k)
            int(x)
        return float(x)

    return update


def padded_string(x, y):
    """A Reber string as (inputs, targets, weights), T a multiple of 16."""
    T = -(-len(x) // 16) * 16
    m = np.zeros((T, 1), np.float32)
    m[: len(x)] = 1 / (len(x) * 7)
    longer = ((0, T - len(x)), (0, 0))
    return np.pad(x, longer).astype("f"), np.pad(y, longer).astype("f"), m


def reber():
    """lax.scan on padded strings."""
    H = SIZES["reber"]["H"]
    P = init(Wi=(7, H), Wh=(H, H), b=(H,), O=(H, 7), ob=(7,))

    def loss(P, x, y, m):
        def f(h, z):
            h = jnp.tanh(z + h @ P["Wh"])
            return h, h

        hs = jax.lax.scan(f, jnp.zeros(H), x @ P["Wi"] + P["b"])[1]
        u = hs @ P["O"] + P["ob"]
        return (m * (jax.nn.softplus(u) - y * u)).sum()

    data = arrays(padded_string(x, y) for x, y in W.reber())
    return trained(P, data, loss, lr=0.2, sgd=True)
