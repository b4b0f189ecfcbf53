"""Strategies draw what they say, say what is wrong at once, shrink to what is small."""

import numpy as np
import pytest
from fixtures import examples
from hypothesis import HealthCheck, find, given, settings
from hypothesis import strategies as st

from penne import Expression, Transducer, compute_value, plain
from penne.graph import topological
from penne.lm import Vocabulary
from penne.signature import signature
from penne.testing import strategies
from penne.testing.transducer_laws import check_transducer

few = examples(0.8)


@given(data=st.data())
@few
@pytest.mark.parametrize("text", ["()->()", "(n),(n,m)->(m)", "(2,k),(k)->(2)"])
def test_arrays(text, data):
    """Arrays fit the signature they are drawn for."""
    drawn = data.draw(strategies.arrays(text))
    signature(text).infer("op", [a.shape for a in drawn])
    assert all(a.dtype == "float64" for a in drawn)


@given(data=st.data())
@few
@pytest.mark.parametrize(
    ("domain", "inside"),
    [("positive", lambda x: x > 0), ("unit", lambda x: (x > 0) & (x < 1))],
)
def test_domains(domain, inside, data):
    """Their numbers are of the domain asked for."""
    (x,) = data.draw(strategies.arrays("()->()", domains=domain, dtype="float32"))
    assert inside(x).all()
    assert x.dtype == "float32"


@given(graph=strategies.graphs())
@few
def test_graphs(graph):
    """A graph evaluates to the value that NumPy and SciPy give it."""
    x, value = graph.expression, graph.value
    assert isinstance(x, Expression)
    with plain(), np.errstate(all="ignore"):
        np.testing.assert_allclose(compute_value(x), value, rtol=1e-7, atol=1e-6)


@given(x=strategies.expressions(smooth=True))
@few
def test_smooth_expressions(x):
    """Smooth ones are of ops with a gradient, or of what is made to pass it on."""
    assert x.floating


@given(r=strategies.transducers(-4))
@few
def test_transducers(r):
    """Transducers take the inputs asked for."""
    assert isinstance(r, Transducer)
    assert len(r.transduce([0, 3, 1])) == 3


@given(r=strategies.stacks(2, max_layers=2))
@settings(examples(0.12), suppress_health_check=[HealthCheck.nested_given])
def test_stacks_obey_the_laws(r):
    """What is drawn at random obeys every law."""
    check_transducer(lambda: r, insize=2, examples=2)


@given(
    batch=strategies.ragged(st.integers(0, 3)),
    tree=strategies.trees(st.integers(0, 3), max_leaves=4),
    corpus=strategies.corpora(),
    vocabulary=strategies.vocabularies(),
)
@few
def test_texts_and_trees(batch, tree, corpus, vocabulary):
    """Batches are lists of lists, trees pairs of trees, texts lines of words."""

    def leaves(tree):
        return sum(map(leaves, tree)) if isinstance(tree, tuple) else 1

    assert all(isinstance(line, list) for line in batch)
    assert 1 <= leaves(tree) <= 4
    assert corpus
    assert all(word for line in corpus for word in line)
    assert isinstance(vocabulary, Vocabulary)


def small(strategy, condition=lambda x: True):
    """The smallest that there is."""
    return find(strategy, condition, settings=settings(max_examples=50, database=None))


def test_shrinks():
    """The smallest are zeros, one leaf, one short text, one op."""
    (x,) = small(strategies.arrays("(n)->()"), lambda a: a[0].shape == (2,))
    assert x.tolist() == [0, 0]
    assert small(strategies.trees(st.integers(0, 3))) == 0
    assert small(strategies.ragged(st.integers(0, 3)), any) == [[0]]
    assert small(strategies.corpora()) == [[]]
    graph = small(strategies.graphs())
    assert len(graph.made_of) <= 1
    assert len(topological([graph.expression])) <= 3


WRONG = [
    (lambda: strategies.arrays("()->()", domains="reel"), "domains is one of"),
    (lambda: strategies.arrays("()->()", max_side=-1), "min_side <= max_side"),
    (lambda: strategies.arrays("()->()", dtype=int), "dtype is floating, got int64"),
    (lambda: strategies.graphs(max_ops=0), "max_ops is at least 1, got 0"),
    (lambda: strategies.cells(0), "insize 0"),
    (lambda: strategies.cells(max_size=0), "max_size is at least 1"),
    (lambda: strategies.stacks(max_layers=0), "at least 1, got 0"),
    (lambda: strategies.transducers("x"), "insize is a size"),
    (lambda: strategies.ragged(3), "elements is a strategy, got 3"),
    (lambda: strategies.ragged(st.none(), max_batch=-1), "sizes are at least 0"),
    (lambda: strategies.trees(3), "leaves is a strategy, got 3"),
    (lambda: strategies.words(alphabet=""), "at least one letter"),
    (lambda: strategies.words(max_length=0), "max_length is at least 1, got 0"),
    (lambda: strategies.corpora(max_lines=0), "at least 1 line"),
]


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_wrong_arguments(make, message):
    """What is wrong with arguments is said when the strategy is made."""
    with pytest.raises((ValueError, TypeError), match=message):
        make()
