"""Memory that is used again: what a user holds is never written; threads; forks."""

import gc
import os
import signal
import threading

import numpy as np
import pytest
from fixtures import doubles, every_graph, examples  # noqa: F401  # for every test
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne import fast
from penne.compute import compute_loss_and_gradients
from penne.fast import buffers

V, H = 50, 64
BIG = (1 << 10, 1 << 6)  # numbers in float64, eight times what is kept


@pytest.fixture(autouse=True)
def _fast():
    """No buffer is there at first."""
    buffers.clear()
    with fast.enable():
        yield
    buffers.clear()


def model(rng=0):
    """A maker of losses of an LSTM, with arrays large enough for buffers."""
    r, output = LSTM(-V, H, rng=rng), Layer(H, V, f=logsoftmax, rng=rng)

    def loss(seed):
        rng = np.random.default_rng(seed)
        parts = []
        for n in rng.integers(5, 60, 12):
            s = rng.integers(0, V, n).tolist()
            parts += [output(h)[k] for h, k in zip(r.transduce(s), s)]
        return -sum(parts)

    return loss


def numbers(loss):
    """Copies of the loss and of its gradients."""
    value, found = compute_loss_and_gradients(loss)
    ordered = sorted(found.items(), key=lambda pair: pair[0].serial)
    return [np.array(value), *(np.array(g) for _, g in ordered)]


def equal(some, others):
    """Whether arrays are the same, to the last place."""
    return all(map(np.array_equal, some, others))


def test_gradients_that_are_held():
    """A gradient that a user holds stays as it is, whatever is computed later."""
    make = model()
    held = [compute_loss_and_gradients(make(seed))[1] for seed in range(3)]
    copies = [{p: g.copy() for p, g in found.items()} for found in held]
    for seed in range(10):
        compute_loss_and_gradients(make(seed))
    for found, copy in zip(held, copies):
        for p, g in found.items():
            np.testing.assert_array_equal(g, copy[p])


def test_large_gradients_lie_in_buffers():
    """Gradients, of which those of gates are columns of larger ones, take memory that
    was used before."""
    r = LSTM(4, 128, rng=0)
    inputs = np.random.default_rng(0).normal(size=(9, 8, 4))
    found = compute_loss_and_gradients(asum(stack(list(r.transduce(list(inputs))))))[1]
    kept = {id(x) for same in buffers._buffers.values() for x in same}
    large = [g for g in found.values() if g.nbytes >= buffers.LEAST]
    assert len(large) >= 3
    for g in large:
        while g.base is not None:
            g = g.base
        assert id(g) in kept


def test_values_that_are_held():
    """So does each value of a mapping, and a view of one when the mapping is gone."""
    make = model()
    values = compute_values(make(0))
    held = [(v, v.copy()) for v in values.values() if isinstance(v, np.ndarray)]
    view = max((v for v, _ in held), key=np.size)[..., :1]
    copy = view.copy()
    for seed in range(5):
        compute_values(make(seed))
    for value, before in held:
        np.testing.assert_array_equal(value, before)
    del values, held
    for seed in range(5):
        compute_values(make(seed))
    np.testing.assert_array_equal(view, copy)


def test_buffers_are_used_again():
    """Evaluations of one size need no more memory than the first."""
    loss = model()(0)
    first = numbers(loss)
    held = buffers.held()
    assert held > 0
    for _ in range(5):
        assert equal(numbers(loss), first)
    assert buffers.held() == held


@given(st.integers(buffers.LEAST, 8 * buffers.FINE))
def test_sizes(size):
    """A buffer is large enough, and less than twice as large; of large ones, than a
    quarter more."""
    room = buffers._rounded(size)
    assert size <= room < 2 * size
    assert size <= buffers.FINE or room <= size * 5 / 4
    assert buffers._rounded(room) == room


@examples(1.2)
@given(st.lists(st.integers(1 << 16, 1 << 22), min_size=2, max_size=60), st.booleans())
def test_lengths_that_grow_or_shrink(sizes, grow):
    """Arrays of other and other sizes, one after the other, need a new buffer only
    where a size is twice another."""
    buffers.clear()
    for size in sorted(sizes, reverse=not grow):
        buffers.empty((size,), np.dtype("uint8"))
    made = sum(map(len, buffers._buffers.values()))
    assert made <= 1 + np.log2(max(sizes) / min(sizes)) + 1


def test_a_buffer_that_is_held_is_not_given():
    """Two arrays at once are never the same memory; one that is gone comes back."""
    dtype = np.dtype("float64")
    a, b = buffers.empty(BIG, dtype), buffers.empty(BIG, dtype)
    assert not np.shares_memory(a, b)
    view, where = a[3:5, ::2], b.ctypes.data
    del a, b
    c, d = buffers.empty(BIG, dtype), buffers.empty(BIG, dtype)
    assert where in (c.ctypes.data, d.ctypes.data)
    assert not np.shares_memory(view, c)
    assert not np.shares_memory(view, d)


def test_memory_returns(monkeypatch):
    """No more is kept than ``MOST`` bytes and the array that was one too many; and
    ``clear`` gives everything back."""
    monkeypatch.setattr(buffers, "MOST", 1 << 22)
    dtype = np.dtype("float64")
    for rows in range(1 << 8, 1 << 12, 1 << 7):
        buffers.empty((rows, 1 << 6), dtype)
        assert buffers.held() <= (1 << 22)
    buffers.clear()
    assert buffers.held() == 0


def test_a_loss_leaves_nothing(monkeypatch):
    """What is computed for a loss is freed with the last reference to it."""
    make = model()
    loss = make(0)
    _, found = compute_loss_and_gradients(loss)
    g = next(iter(found.values()))
    del found, loss
    gc.collect()
    free = [b for same in buffers._buffers.values() for b in same]
    assert sum(np.shares_memory(b, g) for b in free) <= 1
    buffers.clear()
    assert np.isfinite(g).all()


@pytest.mark.parametrize("same", [True, False], ids=["one-program", "two-programs"])
def test_threads(same):
    """Two threads that evaluate at once, one program or two, find what each finds
    alone."""
    makers = [model(0), model(0 if same else 1)]
    losses = [[make(seed) for seed in range(3)] for make in makers]
    if not same:
        losses[1] = [loss * asum(exp(parameter(np.zeros(H)))) for loss in losses[1]]
    alone = [[numbers(loss) for loss in some] for some in losses]
    wrong = []

    def work(some, expected):
        with fast.enable():  # a block's setting is that of its thread
            for _ in range(4):
                for loss, right in zip(some, expected):
                    if not equal(numbers(loss), right):
                        wrong.append(loss)

    threads = [threading.Thread(target=work, args=pair) for pair in zip(losses, alone)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_threads_share_a_loss():
    """Two threads may evaluate the same loss at once."""
    loss = model()(0)
    expected, found = numbers(loss), []

    def work():
        with fast.enable():
            found.extend(equal(numbers(loss), expected) for _ in range(8))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 16


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process():
    """A child computes the same numbers as its parent, of old losses and of new."""
    make = model()
    loss = make(0)
    expected, new = numbers(loss), numbers(make(1))
    child = os.fork()
    if child == 0:
        try:
            right = equal(numbers(loss), expected) and equal(numbers(make(1)), new)
        except BaseException:
            right = False
        os._exit(0 if right else 1)
    assert equal(numbers(loss), expected)
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_while_a_buffer_is_taken():
    """A child does not wait for a thread of its parent that was taking a buffer."""
    with buffers._lock:
        child = os.fork()
        if child == 0:
            signal.alarm(20)
            buffers.empty(BIG, np.dtype("float64"))
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
