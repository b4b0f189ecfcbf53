"""Work that is shared between threads: whole, the same numbers, and BLAS put back."""

import os
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("numba")
pytest.importorskip("threadpoolctl")
import ragged
import threadpoolctl
from fixtures import compiled_graphs, kernels_apart  # noqa: F401  # for every test
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from penne import *
from penne import fast
from penne.fast import products, recipe, recursions, threads
from penne.fast.layout import _dealt, _together
from penne.recurrent.variants import StandardLSTM

THREADS = 3


@pytest.fixture
def _shared(monkeypatch):
    """Three threads, and everything is large enough for all of them."""
    threads._pool.cache_clear()
    monkeypatch.setattr(threads, "count", lambda: THREADS)
    monkeypatch.setattr(threads, "LEAST_WORK", 1)
    monkeypatch.setattr(products, "LEAST_ROWS", 1)
    monkeypatch.setattr(recursions, "LEAST_ROWS", 1)
    yield
    threads._pool.cache_clear()


@pytest.fixture
def tasks(monkeypatch):
    """How many tasks were run together, each time."""
    counts, together = [], threads.together

    def counted(tasks):
        counts.append(len(tasks))
        together(tasks)

    monkeypatch.setattr(threads, "together", counted)
    return counts


def blas():
    """How many threads the libraries of BLAS have."""
    return threads._now()


@given(st.integers(0, 50), st.integers(1, 9))
def test_shares_are_all_rows(length, parts):
    """Each row is in one share; shares differ by one row at most."""
    shares = threads.shares(length, parts)
    assert [k for a, b in shares for k in range(a, b)] == list(range(length))
    assert len(shares) == parts
    sizes = [b - a for a, b in shares]
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("wrong", [0, 2])
def test_what_a_task_raises_is_raised_when_all_are_done(wrong):
    """Nothing is still at work afterwards."""
    done = []

    def task(k):
        done.append(k)
        if k == wrong:
            raise KeyError(k)

    with pytest.raises(KeyError):
        threads.together([lambda k=k: task(k) for k in range(3)])
    assert sorted(done) == [0, 1, 2]


@pytest.mark.usefixtures("_shared")
def test_blas_has_one_thread_in_a_team():
    """Also in one within another; and afterwards what it had, whatever went wrong."""
    before = blas()
    assert threads.parts(1 << 40) == 0

    def work():
        with threads.team():
            assert threads.parts(1 << 40) == THREADS
            with threads.team():
                assert set(blas()) == {1}
            assert set(blas()) == {1}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert blas() == before


def test_a_team_is_as_large_as_the_user_lets_it_be():
    """Limits that are set while programs are known are kept to."""
    for number in (2, 1, 3):
        with threadpoolctl.threadpool_limits(number):
            assert threads.count() == number
            with threads.team():
                assert set(blas()) == {1}
                assert threads.parts(1 << 40) == number
            assert set(blas()) == {number}


def test_one_thread_where_there_were_several(monkeypatch, tasks):
    """What was laid out for several threads is computed by one."""
    monkeypatch.setattr(threads, "LEAST_WORK", 1)
    loss = CASES[0](np.random.default_rng(0))
    with fast.enable():
        for number in (3, 1):
            with threadpoolctl.threadpool_limits(number):
                ragged.assert_same(loss, "float64")
                assert tasks
                assert max(tasks) == number
                tasks.clear()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.usefixtures("_shared")
def test_a_child_has_threads_of_its_own():
    """Work is done in a process forked by a team, in which BLAS is as at first."""
    before, found = blas(), []
    with threads.team():
        threads.together([lambda: None] * 3)
        child = os.fork()
        if child == 0:
            same = blas() == before
            threads.together([lambda k=k: found.append(k) for k in range(3)])
            os._exit(not (same and sorted(found) == [0, 1, 2]))
    assert os.waitpid(child, 0)[1] == 0


@given(data=st.data())
def test_product_is_numpy_s(data):
    """Of matrices of any size, in any order in memory, to new memory or to old."""
    length, inner, width = (data.draw(st.integers(0, 20)) for _ in range(3))
    rng = np.random.default_rng(0)
    a = np.asarray(
        rng.normal(size=(length, inner)), order=data.draw(st.sampled_from("CF"))
    )
    b = np.asarray(
        rng.normal(size=(inner, width)), order=data.draw(st.sampled_from("CF"))
    )
    out = np.full((length, width), np.nan) if data.draw(st.booleans()) else None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threads, "count", lambda: THREADS)
        patch.setattr(threads, "LEAST_WORK", 1)
        patch.setattr(products, "LEAST_ROWS", 1)
        with threads.team():
            found = products.product(a, b, out=out)
    assert out is None or found is out
    np.testing.assert_allclose(found, np.einsum("ij,jk", a, b), rtol=1e-12, atol=1e-12)


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))),
        )
    )
)
def test_sets_of_rows_that_meet_are_scipy_s(graph):
    """Connected components."""
    length, edges = graph
    above, below = np.array(edges, np.intp).reshape(-1, 2).T
    label, size = _together(length, [(above, below), (None, np.arange(length))])
    matrix = coo_array((np.ones(len(edges)), (above, below)), (length, length))
    count, expected = connected_components(matrix, directed=False)
    assert len(size) == count
    assert len({*zip(label.tolist(), expected.tolist())}) == count
    assert size.tolist() == np.bincount(label).tolist()


@given(st.lists(st.integers(1, 20), min_size=1), st.integers(1, 4))
def test_sets_are_dealt_evenly(sizes, parts):
    """No thread has more than the largest set beyond another's."""
    part = _dealt(np.array(sizes), parts)
    total = np.bincount(part, sizes, parts)
    assert total.sum() == sum(sizes)
    assert total.max() - total.min() <= max(sizes)


CASES = [
    ragged.by_sequence(StandardLSTM, ragged.VECTOR, "float64"),
    ragged.by_sequence(GRU, ragged.BATCH, "float32"),
    ragged.by_tree(ragged.VECTOR, "float64"),
]


@pytest.mark.usefixtures("_shared")
@pytest.mark.parametrize("loss", CASES, ids=["sequences", "batches", "trees"])
def test_sequences_apart(loss, tasks):
    """Sequences and trees are for different threads: loss and gradients are the plain
    executor's."""
    rng = np.random.default_rng(0)
    for _ in range(3):
        ragged.assert_same(loss(rng), "float32")
    ragged.assert_compiled()
    assert any(layout.apart for layout in recipe._layouts.values())
    assert max(tasks) == THREADS
    assert "one kernel in 3 threads" in fast.explain(loss(rng))


@pytest.mark.usefixtures("_shared")
@pytest.mark.parametrize(
    "kind", [GRU, pytest.param(StandardLSTM, marks=pytest.mark.slow)]
)
def test_examples_apart(kind, tasks):
    """Examples of one array are for different threads, forward and backward."""
    with default_dtype("float64"):
        r = kind(ragged.N, ragged.H, rng=0)
    inputs = np.random.default_rng(0).normal(size=(6, 5, ragged.N))
    ragged.assert_same(asum(exp(r.transduce(inputs))), "float64")
    ragged.assert_compiled()
    assert not any(layout.apart for layout in recipe._layouts.values())
    assert max(tasks) == THREADS


@pytest.mark.usefixtures("_shared")
def test_bits():
    """The same bits each time."""
    make = CASES[0]
    with fast.enable():
        found = [ragged.found(make(np.random.default_rng(0))) for _ in range(4)]
    for other in found[1:]:
        assert all(map(np.array_equal, found[0], other))


@pytest.mark.usefixtures("_shared")
def test_threads_of_the_user_s():
    """Two threads of the user's, each with a team, find what one finds."""
    makers, right = CASES[::2], []
    losses = [make(np.random.default_rng(0)) for make in makers]
    with fast.enable():
        expected = [ragged.found(loss) for loss in losses]

    def work(loss, numbers):
        with fast.enable():
            for _ in range(10):
                right.append(all(map(np.array_equal, ragged.found(loss), numbers)))

    mine = [threading.Thread(target=work, args=x) for x in zip(losses, expected)]
    for thread in mine:
        thread.start()
    for thread in mine:
        thread.join()
    assert right == [True] * 20
