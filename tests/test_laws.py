"""Each law catches what breaks it, and says so with the smallest input that does."""

import itertools
import re

import numpy as np
import pytest
from fixtures import registries, wrong_gradients  # noqa: F401  # registries: for all
from hypothesis import strategies as st

import penne
from penne import *
from penne import op
from penne.graph import OPS, Op
from penne.optimize.trainer import Trainer
from penne.testing import check_gradient, check_op, check_trainer, check_transducer
from penne.testing.laws import Broken
from penne.testing.op_laws import LAWS as OP_LAWS
from penne.testing.registry import missing
from penne.testing.tables.rows import Argument
from penne.testing.trainer_laws import LAWS as TRAINER_LAWS
from penne.testing.transducer_laws import LAWS as TRANSDUCER_LAWS


def broken_laws(check, *args, **options):
    """The sentences of the laws broken."""
    with pytest.raises(Broken) as caught:
        check(*args, **options)
    return str(caught.value).split("\n\n")


# --- transducers ----------------------------------------------------------------------


class Ahead(Transducer):
    """Sees a later input: it remembers the text of an earlier run."""

    def __init__(self):
        self.ahead = {}

    def transduce(self, inps):
        self.start()
        later = [*inps[1:], np.zeros(3)]
        return [constant(x) + y for x, y in zip(inps, later)]

    def step(self, inp):
        return constant(inp)


class Mixing(Transducer):
    """Takes the mean over a batch."""

    def step(self, inp):
        x = constant(inp)
        return x - mean(x, axis=0) if x.ndim > 1 else x


class Remembering(Transducer):
    """start forgets nothing."""

    def __init__(self):
        self.h = constant(np.zeros(3))

    def step(self, inp):
        self.h = self.h + inp
        return self.h


class Hidden(Transducer):
    """Has state where nobody looks for it."""

    def __init__(self):
        self.kept = iter(())

    def start(self):
        cells[:] = [np.zeros(3)]

    def step(self, inp):
        cells[0] = cells[0] + inp
        return constant(cells[0])


cells = [np.zeros(3)]


class Skipping(Transducer):
    """transduce is not start and steps."""

    def transduce(self, inps):
        return super().transduce(inps[:1] + inps[:-1])

    def step(self, inp):
        return constant(inp)


class Shared(Transducer):
    """A deep copy shares the parameter with its original."""

    def __init__(self):
        self.W = parameter(np.ones(3))

    def __deepcopy__(self, memo):
        other = Shared()
        other.W = self.W
        return other

    def step(self, inp):
        return self.W * inp


class Double(Transducer):
    """A copy is the same object."""

    def start(self):
        self.h = constant(np.zeros(3))

    def step(self, inp):
        self.h = self.h + inp
        return self.h

    def __copy__(self):
        return self


class Unpickled(Transducer):
    """Pickles, but as something else."""

    def __init__(self, scale=2.0):
        self.scale = scale

    def __reduce__(self):
        return Unpickled, ()

    def step(self, inp):
        return constant(inp) * self.scale


class Renumbered(Transducer):
    """Pickles, and has a number assigned afterwards: a state that was none."""

    def __init__(self):
        self.scale = 2.5

    def __setstate__(self, state):
        super().__setstate__(state)
        self.scale = float("2.5")

    def step(self, inp):
        return constant(inp) * self.scale


class Unsaved(Transducer):
    """Has numbers that no file gets, made anew from those that do."""

    def __init__(self):
        self.W = parameter(np.ones(3))
        self.steps = itertools.count(1)

    def __deepcopy__(self, memo):
        return self

    def step(self, inp):
        return self.W * (inp * next(self.steps))


def crooked(x):
    """tanh, with a gradient that is a hundredth too large."""
    return np.tanh(x)


rule = lambda g, y, x: (1.01 * g * (1 - y * y),)
crooked = Op(crooked, "()->()", gradient=rule)  # in no registry


class Crooked(Transducer):
    """Has wrong gradients."""

    def __init__(self):
        self.layer = Layer(3, 2, rng=0)

    def step(self, inp):
        return crooked(self.layer(inp))


class Cut(Transducer):
    """Its inputs get no gradient."""

    def __init__(self):
        self.layer = Layer([3, 2], 2, rng=0)

    def start(self):
        self.h = zeros(2)

    def step(self, inp):
        self.h = self.layer(detach(constant(inp)), self.h)
        return self.h


@pytest.mark.parametrize(
    "make", [Cut, lambda: Map(crooked), lambda: Stack(Map(crooked), Simple(3, 2))]
)
def test_gradients_of_inputs(make):
    """Gradients of inputs are checked, of what has no parameters too."""
    (sentence,) = broken_laws(check_transducer, make)
    assert re.search(r"the gradient for argument \d at", sentence), sentence


class Odd(Transducer):
    """Gives what is no floating expression, of inputs that it takes as numbers."""

    def __init__(self):
        self.layer = Layer(3, 2, rng=0)

    def start(self):
        self.odd = False

    def step(self, inp):
        self.odd = not self.odd
        y = self.layer(np.asarray(inp) * 2)
        return None if self.odd else (y, greater(y, 0), inp, 3)


class Kinked(Transducer):
    """Stands at a kink, and nowhere else."""

    def __init__(self):
        self.b = parameter(np.zeros(3))

    def step(self, inp):
        return absolute(self.b)


def positive(x):
    """Where x is."""
    return greater(x, 0)


RIGHT = {
    "numbers alone": (Odd, 3, "holds"),
    "a kink": (Kinked, -5, "does not apply"),
    "bools": (lambda: Map(positive), 3, "does not apply"),
    "kinks": (lambda: Map(rectify), 3, "holds"),
    "a rectified bias": (lambda: Simple(3, 2, f=rectify, rng=0), 3, "holds"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_right_transducers(name):
    """What gives None, numbers or bools, takes numbers alone, or stands at kinks, is
    told nothing wrong."""
    make, insize, verdict = RIGHT[name]
    report = check_transducer(make, insize=insize, examples=4)
    assert {o.law: o.verdict for o in report}["gradient"] == verdict


TRANSDUCERS = {
    "steps": (Skipping, "transduce against start and steps"),
    "causality": (Ahead, "input 1 was changed, output 0"),
    "batches": (Mixing, "example [01] of the batch and alone"),
    "start": (Remembering, "after another sequence"),
    "state": (Hidden, "taken back to its state after 0 steps"),
    "copy": (Double, "the original goes on after a copy ran, output 0"),
    "deepcopy": (Shared, "shares parameters"),
    "pickle": (lambda: Unpickled(3.0), "copied after 0 steps, output 0"),
    "saving": (Unsaved, "after save and load"),
    "gradient": (Crooked, "crooked: the gradient for"),
}


@pytest.mark.parametrize("law", TRANSDUCERS)
def test_transducer_laws_catch(law):
    """A transducer that breaks a law is told so in a sentence, with a small input."""
    make, seen = TRANSDUCERS[law]
    says = next(x.says for x in TRANSDUCER_LAWS if x.name == law)
    others = {x.name for x in TRANSDUCER_LAWS} - {law}
    (sentence,) = broken_laws(check_transducer, make, without=others)
    assert f"breaks the law that {says}: " in sentence
    assert re.search(seen, sentence), sentence
    assert "The smallest input found: " in sentence


def test_state_of_a_pickle():
    """What is state only in a pickle breaks the law of pickles too."""
    sentences = broken_laws(check_transducer, Renumbered)
    (sentence,) = [s for s in sentences if "a pickle gives" in s]
    assert "the copy has the state ['scale'], its original []" in sentence


def test_smallest_input():
    """The input shown is as small as can be: one example of one input that is zero but
    for one number."""
    (sentence,) = broken_laws(check_transducer, Mixing, without={"executors"})
    assert sentence.endswith("The smallest input found: sequences = [[[0, 0, 0.5]]].")


def test_executors_law_catches(monkeypatch):
    """An executor that gives other numbers breaks the law of executors."""
    wrong_gradients(monkeypatch)
    make = lambda: Simple(3, 2, rng=0)
    sentences = broken_laws(check_transducer, make, without={"gradient"})
    assert "batched and op by op, the gradient of layer" in sentences[0]


def test_composition_law_catches(monkeypatch):
    """A stack that forgets a part breaks the law of composition."""
    monkeypatch.setattr(Stack, "step", lambda self, inp: self.layers[0].step(inp))
    monkeypatch.setattr(Stack, "start", lambda self: self.layers[0].start())
    make = lambda: Simple(3, 2, rng=0)
    sentences = broken_laws(check_transducer, lambda: Stack(make()), without=())
    assert any("composition of its parts" in s for s in sentences)


def test_inputs_of_every_kind():
    """Vectors, symbols, tuples of both, or a strategy of one's own."""
    for insize in (2, -4, [2, -3]):
        check_transducer(lambda n=insize: LSTM(n, 2, rng=0), insize=insize, examples=2)
    two = lambda batch: st.just(np.ones((*batch, 2)))
    check_transducer(lambda: GRU(2, 3, rng=0), inputs=two, examples=2)
    with pytest.raises(TypeError, match=r"make\(\) gives a transducer, got Layer"):
        check_transducer(lambda: Layer(3, 2))
    with pytest.raises(TypeError, match=r"makes a transducer, got Simple; write lamb"):
        check_transducer(Simple(3, 2))
    with pytest.raises(ValueError, match="no law 'casuality' here; steps, causality"):
        check_transducer(lambda: Simple(3, 2), without=["casuality"])


# --- ops ------------------------------------------------------------------------------


def test_op_laws_catch():
    """An op that breaks a law is told so: of its reference, its shapes, leading axes,
    its arguments, empty arrays, gradients."""

    @op("(n)->()", gradient=lambda g, y, x: (OPS["expand_dims"](g, -1) + 0 * x,))
    def total(x):
        return np.sum(x)

    sentences = broken_laws(check_op, total)
    assert any("shapes and dtypes are those declared" in s for s in sentences)
    assert any("leading axes are batches" in s for s in sentences)

    @op("(n)->(n)")
    def sorting(x):
        x.sort()
        return x

    sentences = broken_laws(check_op, sorting)
    assert "how its arguments lie in memory does not matter" in "".join(sentences)

    @op("(n)->()")
    def largest(x):
        return np.max(x, axis=-1)

    sentences = broken_laws(check_op, largest)
    assert any("empty or of one element: ValueError" in s for s in sentences)
    assert "[] of shape (0,)" in "".join(sentences)

    @op("()->()")
    def halved(x):
        return np.float64(x) / 2 if np.ndim(x) == 0 else (x / 2).astype(np.float64)

    (sentence,) = broken_laws(
        check_op, halved, without=["executors", "leading axes", "edges"]
    )
    assert "halved gives float64 of shape (), declared float32" in sentence


def test_op_reference():
    """A reference is compared; without one, the law does not apply."""

    @op("()->()", gradient=lambda g, y, x: (2 * g * x,))
    def squared(x):
        return x * x

    report = check_op(squared)
    assert [o.law for o in report if not o.cases] == ["reference"]
    assert "does not apply" in str(report)
    check_op(squared, reference=np.square)
    sentence, *_ = broken_laws(check_op, squared, reference=lambda x: x * x + (x > 1))
    assert "squared breaks the law that it equals its reference" in sentence


def test_op_gradient_law():
    """A wrong rule is named with the shapes and numbers that show it."""

    def rule(g, y, a, b):
        return OPS["matvec"](b, g), OPS["outer"](a, g) * 1.1

    @op("(n),(n,m)->(m)", gradient=rule)
    def own_product(a, b):
        return np.einsum("...n,...nm->...m", a, b)

    (sentence,) = broken_laws(check_op, own_product)
    assert "its gradients are derivatives: check_gradient: own_product" in sentence


def test_op_overwrites():
    """An op that overwrites its argument where it can, and gives a copy, is told so."""

    @op("()->()")
    def own_rectify(x):
        x = np.require(x, requirements="W")
        return np.maximum(x, 0, out=x).copy()

    (sentence,) = broken_laws(check_op, own_rectify)
    assert "argument 1 after the evaluation" in sentence
    assert "The smallest input found: arrays = [-" in sentence


def test_op_gradient_of_other_kinds():
    """A rule that is wrong for float32 alone, or that fails for what is empty, is told
    so; an op that is steep there is not."""

    def rule(g, y, x):
        return (g * (1 - y * y) if x.dtype != np.float32 else 1.01 * g * (1 - y * y),)

    (sentence,) = broken_laws(check_op, op("()->()", gradient=rule)(np_tanh))
    assert "the gradient for float32 argument 1: " in sentence

    def first(g, y, x):
        if 0 in x.shape:
            raise IndexError("there is no first")
        return (g * (1 - y * y),)

    (sentence,) = broken_laws(check_op, op("()->()", gradient=first)(np_tanh))
    assert "may be empty or of one element: IndexError: there is no first" in sentence
    steep = lambda g, y, x: (1e4 * g * cos(1e4 * x),)
    check_op(op("()->()", gradient=steep)(lambda x: np.sin(1e4 * x)))


def np_tanh(x):
    """An op's forward."""
    return np.tanh(x)


def np_exp(x):
    """An op's forward."""
    return np.exp(x)


@pytest.mark.parametrize("forward", [np_tanh, np_exp, lambda x: x**3 / (1 + x * x)])
def test_op_numerical(forward):
    """A gradient by differences is right to the digits that it has, and a gradient
    that is wrong by a thousandth is not."""
    check_op(op("()->()", gradient=penne.numerical)(forward))
    rule = lambda g, y, x: [1.001 * h for h in penne.numerical(g, y, x)]
    (sentence,) = broken_laws(check_op, op("()->()", gradient=rule)(forward))
    assert "its gradients are derivatives" in sentence


def test_op_of_ops():
    """Cells, layers and norms within a function are no hindrance; what is wrong within
    is found."""
    with penne.default_dtype("float64"):
        layer, norm = Layer(3, 3, rng=0), LayerNorm(3)
    twice = penne.cell(lambda x: tanh(x) * 2)
    calls = st.just(([Argument((2, 3))], {}))
    for f in (twice, lambda x: layer(x), lambda x: norm(twice(layer(x)))):
        report = check_op(f, calls=calls, examples=5)
        assert {o.law for o in report if not o.cases} == {"reference", "edges"}
    (sentence,) = broken_laws(
        check_op, penne.cell(lambda x: crooked(x) * 2), calls=calls, examples=5
    )
    assert "check_gradient: crooked: the gradient for argument 1" in sentence


def test_op_reference_in_doubles():
    """A reference may give float64 whatever it is given."""
    square = op("()->()", gradient=lambda g, y, x: (2 * g * x,))(lambda x: x * x)
    check_op(square, reference=lambda x: np.square(np.float64(x)))


def test_op_arguments():
    """What is wrong in the call of check_op is an error that says what to write."""
    with pytest.raises(
        ValueError, match=r"domains is one of .*, or 1 of them, got 're"
    ):
        check_op(penne.op("()->()")(lambda x: x), domains="reel")
    with pytest.raises(TypeError, match="takes an op, or calls=, got function"):
        check_op(lambda x: x)
    with pytest.raises(ValueError, match="a function of shapes; give calls="):
        check_op(op(lambda *shapes: "()->()")(lambda x: x))
    with pytest.raises(ValueError, match="examples: at least 1 is tried, got 0"):
        check_op(penne.tanh, examples=0)
    check_op(penne.log, domains="positive", examples=3)
    check_op(penne.softmax, examples=3)


# --- trainers -------------------------------------------------------------------------


class Drifting(Trainer):
    """Moves where the gradient is zero."""

    def _change(self, g, step, *memory):
        return step.rate * (g + 0.01)


class Counting(Trainer):
    """Remembers something that is not in its state."""

    total = 0.0

    def _change(self, g, step, *memory):
        self.total += 1
        return step.rate * g / self.total


class Ranked(Trainer):
    """The first parameter it meets is updated more."""

    seen = None

    def _change(self, g, step, *memory):
        self.seen = self.seen or g.shape
        return step.rate * g * (2 if g.shape == self.seen else 1)


class Sparse(Trainer):
    """Says that it may be given rows alone, but moves the others too."""

    sparse = True
    keeps = ("mean",)

    def _change(self, g, step, *memory):
        memory[0][...] = 0.5 * memory[0] + g
        return step.rate * memory[0]


TRAINERS = {
    "zero gradient": (
        Drifting,
        r"the parameter of shape \(2,\) and float64 after step 1",
    ),
    "resuming": (Counting, "resumed and in one go"),
    "sparse": (Sparse, "rows looked up and one-hot products"),
    "quadratic": (lambda rate: SGD(1e-5), "0.97 of the distance is left|of the dist"),
}


@pytest.mark.parametrize("law", TRAINERS)
def test_trainer_laws_catch(law):
    """A trainer that breaks a law is told so in a sentence, with a small input."""
    make, seen = TRAINERS[law]
    says = next(x.says for x in TRAINER_LAWS if x.name == law)
    others = {x.name for x in TRAINER_LAWS} - {law}
    (sentence,) = broken_laws(check_trainer, lambda: make(0.1), without=others)
    assert f"breaks the law that {says}: " in sentence
    assert re.search(seen, sentence), sentence


def test_order_law_catches(monkeypatch):
    """Updates that depend on which parameter comes first break the law of order."""
    from penne.testing import trainer_laws

    def numbered(self, backwards=False):
        made(self, backwards)
        self.parameters()["second.bias" if backwards else "first.bias"].value += 1

    made = trainer_laws.Network.__init__
    monkeypatch.setattr(trainer_laws.Network, "__init__", numbered)
    sentences = broken_laws(check_trainer, lambda: SGD(0.1))
    assert any("the order of parameters is irrelevant" in s for s in sentences)


def test_paper_is_compared():
    """With a paper's algorithm every step is compared."""
    check_trainer(lambda: SGD(0.1), paper=lambda g, memory, t: 0.1 * g)
    (sentence,) = broken_laws(
        check_trainer, lambda: SGD(0.1), paper=lambda g, memory, t: 0.11 * g
    )
    assert "gradients = [[" in sentence
    assert "moves nothing but what its paper says" in sentence


class Climbing(Trainer):
    """Descends for vectors in float64 alone."""

    up = staticmethod(lambda g: False)

    def _change(self, g, step, *memory):
        return step.rate * (-g if self.up(g) else g)


@pytest.mark.parametrize(
    ("up", "seen"),
    [
        (lambda g: g.ndim == 2, r"shape \(2, 3\) and float64 after step 1"),
        (lambda g: g.ndim == 0, r"shape \(\) and float64 after step 1"),
        (lambda g: g.dtype == np.float32, r"shape \(2,\) and float32 after step 1"),
    ],
)
def test_paper_is_compared_for_all_kinds(up, seen, monkeypatch):
    """Matrices, numbers and float32 go as the paper says, too."""
    monkeypatch.setattr(Climbing, "up", staticmethod(up))
    with pytest.raises(Broken, match=seen):
        check_trainer(lambda: Climbing(0.1), paper=lambda g, memory, t: 0.1 * g)


def test_trainer_arguments():
    """What is no trainer, or the same one twice, is an error."""
    with pytest.raises(TypeError, match=r"make\(\) gives a trainer, got ABCMeta"):
        check_trainer(lambda: SGD)
    with pytest.raises(TypeError, match=r"a function that makes a trainer, got Stoch"):
        check_trainer(SGD(0.1))
    one = SGD()
    with pytest.raises(ValueError, match="the same trainer twice"):
        check_trainer(lambda: one)


# --- the registry ---------------------------------------------------------------------


def test_every_class_has_a_row():
    """Every transducer and trainer of penne's has the laws tried on it."""
    assert missing() == []


def test_laws_are_named():
    """A law has a name of its own and a sentence."""
    for laws in (OP_LAWS, TRANSDUCER_LAWS, TRAINER_LAWS):
        assert len({law.name for law in laws}) == len(laws)
        assert all(law.says for law in laws)


class NearlyOne(Transducer):
    """Its outputs differ after ten digits."""

    def start(self):
        self.k = 0

    def step(self, inp):
        self.k += 1
        return constant(np.ones(1) + self.k * 1e-14)

    def transduce(self, inps):
        return [constant(np.ones(1)) for _ in inps]


def test_numbers_that_differ_little():
    """They are shown to the last digit."""
    others = {x.name for x in TRANSDUCER_LAWS} - {"steps"}
    (sentence,) = broken_laws(check_transducer, NearlyOne, without=others)
    assert "1.0 and not 1.00000000000001 at [0]" in sentence


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: check_transducer(LSTM), r"write lambda: LongShortTermMemory\("),
        (
            lambda: check_transducer(lambda: Simple(3, 2), inputs=st.just(1)),
            r"inputs\(batch\) is a strategy, got .*write lambda batch: before it",
        ),
        (
            lambda: check_gradient(Simple(3, 2), np.ones((2, 3))),
            r"f is a function, got Simple; write r\.transduce",
        ),
    ],
)
def test_likely_mistakes(call, says):
    """They are told what to write."""
    with pytest.raises(TypeError, match=says):
        call()


def test_one_law_left_out_by_its_name():
    """A name alone, as well as a list of names."""
    report = check_transducer(lambda: Simple(3, 2), without="pickle", examples=2)
    assert "pickle" not in {outcome.law for outcome in report}
