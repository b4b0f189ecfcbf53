"""Bad input is the documented error, never a crash and never a changed parameter;
threads do not disturb each other; the same is computed again from run to run."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import penne
from penne import *
from penne.testing import every_row as every_op_row
from penne.testing.registry import TRANSDUCERS

DOCUMENTED = (
    *(ValueError, TypeError, IndexError, FloatingPointError, OverflowError),
    MemoryError,
    np.exceptions.ComplexWarning,  # NumPy's own, of a complex number given for a real
)
BAD = [
    np.array(["a", "b"]),
    np.array([1 + 2j]),
    np.array([None, 1], dtype=object),
    np.array([b"text"]),
    np.array(["2026-01-01"], "datetime64[D]"),
    b"bytes",
    "text",
    None,
    {},
    {1.0},
    object(),
    [[1.0], [1.0, 2.0]],
    lambda x: x,
]
NUMBERS = [
    np.zeros((0,)),
    np.zeros((0, 3, 0)),
    np.zeros((1,) * 20),
    np.array([np.nan, np.inf, -np.inf]),
    np.array(1e308),
    np.float16([1, 2, 65504]),
    np.array([2**63 - 1, -(2**63)]),
    np.array([2**64 - 1], np.uint64),
    np.zeros(3, bool),
    np.arange(6.0)[::-2],
    np.broadcast_to(np.float64(1), (3, 3)),
    -1,
    1000,
    True,
    np.nan,
    [],
]


def attempt(f, *args):
    """The value of f, or the documented error; NumPy's warnings are no matter here."""
    with np.errstate(all="ignore"):
        try:
            y = f(*args)
            for x in y if isinstance(y, (list, tuple)) else [y]:
                if isinstance(x, Expression) and x.size < 1e5:
                    compute_value(x)
        except DOCUMENTED as error:
            return str(error) or type(error).__name__
    return None


@every_op_row
def test_ops_of_bad_input(row):
    """An op of anything at all gives a value or a documented error with a message."""
    rng = np.random.default_rng(0)
    function = row.function
    for bad in BAD + NUMBERS:
        for place in range(2):
            args = [rng.normal(size=(3,)) for _ in range(2)]
            args[place] = bad
            for count in range(place + 1, 3):
                attempt(function, *args[:count])


@pytest.mark.parametrize("n", [3, -5])
@pytest.mark.parametrize("name", ["LongShortTermMemory", "Stack", "Bidirectional"])
def test_transducers_of_bad_input(name, n):
    """A transducer of anything at all gives outputs or a documented error; no
    parameter changes, and the next text is read as ever."""
    r = TRANSDUCERS[name].make(n)
    good = [np.ones(3)] * 2 if n > 0 else [1, 4]
    expected = [np.array(a) for a in flat_values(r.transduce(good))]
    before = {p: p.value.copy() for p in r.parameters().values()}
    for bad in BAD + NUMBERS:
        for inputs in ([good[0], bad], bad):
            attempt(r.transduce, inputs)
    for p, value in before.items():
        np.testing.assert_array_equal(p.value, value)
    found = flat_values(r.transduce(good))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6)


def flat_values(y):
    """The arrays among outputs."""
    if isinstance(y, (list, tuple)):
        return [a for part in y for a in flat_values(part)]
    return [compute_value(y)]


arrays = hnp.arrays(
    st.sampled_from(
        ["float16", "float32", "float64", "int8", "int64", "uint8", "bool"]
    ),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3),
)


@given(x=arrays, y=arrays, data=st.data())
def test_arrays_of_any_kind(x, y, data):
    """Arithmetic on any two arrays gives a value of the declared shape and dtype, or a
    documented error, NaN and infinities and integers that overflow among them."""
    names = ["add", "multiply", "matmul", "maximum", "power", "where", "dot"]
    f = getattr(penne, data.draw(st.sampled_from(names)))
    with np.errstate(all="ignore"):
        try:
            z = f(*([x, y] if f is not penne.where else [True, x, y]))
            value = np.asarray(compute_value(z))
        except DOCUMENTED:
            return
    assert (value.shape, value.dtype) == (z.shape, z.dtype)


@pytest.mark.parametrize("rate", [0.1, 1e30])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("make", [SGD, Adam, Adagrad, Momentum, RMSprop])
def test_training_on_bad_numbers(make, bad, rate):
    """A loss, or a gradient, that is no number is a FloatingPointError, or the
    parameters stay numbers; after an error nothing has changed."""
    layer = Layer(3, 2, rng=0)
    trainer = make(rate)
    before = {p: p.value.copy() for p in layer.parameters().values()}
    x = np.array([1.0, bad, 0.0], np.float32)
    with np.errstate(all="ignore"):
        try:
            trainer.receive(asum(layer(x) ** 2))
        except FloatingPointError:
            for p, value in before.items():
                np.testing.assert_array_equal(p.value, value)
            assert trainer.steps == 0
    assert not any(np.isnan(p.value).any() for p in before)


@given(data=st.binary(max_size=200))
def test_files_of_any_bytes(data, tmp_path_factory):
    """A file of any bytes is a ValueError, and no parameter has changed."""
    path = tmp_path_factory.mktemp("files") / "model.npz"
    path.write_bytes(data)
    layer = Layer(2, 2, rng=0)
    before = layer.weights[0].value.copy()
    with pytest.raises(ValueError, match="load: "):
        load(path, layer)
    np.testing.assert_array_equal(layer.weights[0].value, before)


@given(at=st.integers(0, 10**6), bits=st.integers(1, 255))
def test_damaged_files(at, bits, tmp_path_factory):
    """A file with one byte changed is refused or, where the byte says nothing, read."""
    path = tmp_path_factory.mktemp("files") / "model.npz"
    save(Layer(2, 2, rng=0), path)
    data = bytearray(path.read_bytes())
    data[at % len(data)] ^= bits
    path.write_bytes(bytes(data))
    layer = Layer(2, 2, rng=1)
    before = layer.weights[0].value.copy()
    try:
        load(path, layer)
    except ValueError:
        np.testing.assert_array_equal(layer.weights[0].value, before)


# --- threads --------------------------------------------------------------------------


def trained(seed):
    """A small model trained for some steps: its losses."""
    rng = np.random.default_rng(seed)
    r = Stack(LSTM(-5, 4, rng=rng), Map(Layer(4, 5, f=logsoftmax, rng=rng)))
    trainer, losses = Adagrad(0.1), []
    for _ in range(4):
        text = rng.integers(0, 5, rng.integers(2, 9)).tolist()
        logp = r.transduce(text[:-1])
        loss = -sum((p[c] for p, c in zip(logp, text[1:])), constant(0.0))
        losses.append(trainer.receive(loss))
    return losses


def test_eight_threads():
    """Graphs built, traced, evaluated and trained in eight threads at once are those
    of one thread."""
    expected = [trained(seed) for seed in range(16)]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(trained, range(16)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_threads_share_a_graph():
    """One graph may be evaluated and differentiated by eight threads at once."""
    rng = np.random.default_rng(0)
    r = GRU(3, 4, rng=rng)
    loss = asum(stack(r.transduce(list(rng.normal(size=(12, 3))))) ** 2)
    expected = {p: g.copy() for p, g in compute_gradients(loss).items()}
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: compute_gradients(loss), range(16)))
    for gradients in found:
        for p, g in expected.items():
            np.testing.assert_allclose(gradients[p], g, rtol=1e-5, atol=1e-6)


def test_settings_are_of_their_thread():
    """What a ``with`` block sets in one thread is not seen in another."""
    with default_dtype("float64"), ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: parameter([1.0]).dtype).result()
    assert other == "float32"


# --- determinism ----------------------------------------------------------------------

PROGRAM = """
import hashlib, numpy as np
import penne
from penne import *
rng = np.random.default_rng(7)
r = Stack(LSTM(-9, 6, rng=rng), Map(Dropout(0.3, rng=rng)), GRU(6, 4, rng=rng))
out, trainer = Layer(4, 9, f=logsoftmax, rng=rng), Adam(0.01)
for _ in range(5):
    text = rng.integers(0, 9, 12).tolist()
    loss = -sum(out(h)[c] for h, c in zip(r.transduce(text[:-1]), text[1:]))
    trainer.receive(loss)
values = b"".join(p.value.tobytes() for p in [*r.parameters().values(), out.bias])
print(hashlib.sha256(values).hexdigest())
"""


def test_runs_are_alike():
    """Two processes with the plain executor and one seed end with the same bits."""
    environment = {"PENNE_FAST": "0", "PYTHONPATH": ":".join(sys.path)}
    found = {
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            capture_output=True,
            text=True,
            check=True,
            env={**environment, "PYTHONHASHSEED": str(k)},
        ).stdout
        for k in range(2)
    }
    assert len(found) == 1
