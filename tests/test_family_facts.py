"""The family of the literature: numbers on record, counts, seeds, noise."""

import copy
import inspect
import pickle
import re

import numpy as np
import pytest
from fixtures import doubles  # noqa: F401  # for every test here
from golden import GOLDEN, GOLDEN_GRU, XS, evaluated, wave
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne.graph import topological
from penne.modules import ModuleType
from penne.randomness import Random
from penne.recurrent import variants as V
from penne.recurrent.unit import RecurrentUnit

FAMILY = {
    name: thing
    for name, thing in vars(V).items()
    if inspect.isclass(thing) and issubclass(thing, RecurrentUnit)
}
every_variant = pytest.mark.parametrize("name", FAMILY)
NOISY = dict(gal_dropout=0.5, zoneout=0.5)


# --- numbers on record ----------------------------------------------------------------


SLOTS = {"input_gate": 0, "forget_gate": 1, "output_gate": 2, "input_layer": 3}
GRU_SLOTS = {"update_gate": 0, "reset_gate": 1, "input_layer": 3}


def set_waves(r, slots):
    """Weights that are sines."""
    for name, j in slots.items():
        layer = vars(r).get(name)
        if layer is not None:
            layer.weights[0].value = wave(10 * j, 3, 2)
            layer.weights[1].value = wave(10 * j + 3, 2, 2)
            if len(layer.weights) == 3:
                layer.weights[2].value = wave(10 * j + 5, 2)
            layer.bias.value = wave(10 * j + 7, 2)


def last(r):
    """The fourth output."""
    return compute_value(r.transduce(XS))[-1]


@pytest.mark.parametrize("name", GOLDEN)
def test_golden(name):
    """The fourth output, from weights that are sines, is the one on record."""
    r = FAMILY[name](3, 2)
    set_waves(r, {"layer": 0, **SLOTS})
    np.testing.assert_allclose(last(r), GOLDEN[name], atol=1e-9)


@pytest.mark.parametrize(("reset", "update"), GOLDEN_GRU)
def test_golden_gru(reset, update):
    """The four gated units on record, that of Wu and King first."""
    r = GRU(3, 2, reset=reset, update=update)
    set_waves(r, GRU_SLOTS)
    np.testing.assert_allclose(last(r), GOLDEN_GRU[reset, update], atol=1e-9)


def test_golden_rnn():
    """h W, not W h, as the Theano code has it."""
    r = V.VanillaRNN(3, 2)
    set_waves(r, {"layer": 0})
    r.layer.weights[1].value = r.layer.weights[1].value.T.copy()
    np.testing.assert_allclose(last(r), [-0.2095827805, -0.1045383701], atol=1e-9)


# --- counts ---------------------------------------------------------------------------


def test_counts_on_record():
    """At 512 units: the counts of Merlin's layers."""
    counts = {
        "VanillaRNN": 524_800,
        "VanillaLSTM": 2_100_736,
        "LSTMNoPeepholes": 2_099_200,
        "LSTMNFG": 1_575_424,
        "LSTMNIG": 1_575_424,
        "LSTMNOG": 1_575_424,
        "SimplifiedLSTM": 1_049_600,
    }
    assert {name: FAMILY[name](512, 512).n_params() for name in counts} == counts
    assert GRU(512, 512).n_params() == 1_574_400


def test_counts_of_the_recipe():
    """The two recurrent layers of Wu and King's systems, equal in parameters."""
    counts = {
        (V.VanillaLSTM, 192): 838_272,
        (V.LSTMNoPeepholes, 192): 837_120,
        (V.LSTMNFG, 230): 831_680,
        (V.LSTMNIG, 230): 831_680,
        (V.LSTMNOG, 230): 831_680,
        (GRU, 230): 830_760,
        (V.SimplifiedLSTM, 292): 811_760,
        (V.SimplifiedGRU, 292): 812_344,
    }
    for (kind, n), count in counts.items():
        assert Stack(kind(512, n), kind(n, n)).n_params() == count


FORMULA = re.compile(r"Parameters: ([^.,]*)")


@every_variant
@given(n=st.integers(1, 4), m=st.integers(1, 4))
def test_counts_as_stated(name, n, m):
    """Every variant has as many parameters as its docstring says, for symbols too."""
    (formula,) = FORMULA.findall(FAMILY[name].__doc__)
    count = evaluated(formula, n, m)
    assert FAMILY[name](n, m).n_params() == FAMILY[name](-n, m).n_params() == count


# --- seeds and names ------------------------------------------------------------------


def test_same_seed():
    """The same seed gives the same first weights in every variant: what has the same
    name and shape is the same, and what is drawn afterwards too."""
    known, after = {}, set()
    for kind in [*FAMILY.values(), GRU]:
        if kind in (V.DiagonalLSTM, V.RecurrentOutput):
            continue  # which have rules of their own
        rng = np.random.default_rng(3)
        for path, p in kind(4, 3, rng=rng).parameters().items():
            first = known.setdefault((path, p.shape), p.value)
            np.testing.assert_array_equal(p.value, first)
        after.add(rng.random())
    assert len(after) == 1
    V.RecurrentOutput(4, 3, rng=(rng := np.random.default_rng(3)))
    assert rng.random() in after


def test_gates_by_name():
    """Parameters are found by the names of gates, in the order of the equations."""
    names = {name: [*FAMILY[name](3, 2).gates] for name in ("VanillaLSTM", "LSTMNFG")}
    assert names["VanillaLSTM"] == [*SLOTS]
    assert names["LSTMNFG"] == ["input_gate", "output_gate", "input_layer"]
    order = ["input_gate", "forget_gate", "input_layer", "output_gate"]
    r = V.StandardLSTM(3, 2)
    assert [*r.gates] == order
    assert [*dict.fromkeys(path.split(".")[0] for path in r.parameters())] == order
    assert r.gates["forget_gate"].bias is r.forget_gate.bias
    assert [*GRU(3, 2).gates] == ["reset_gate", "update_gate", "input_layer"]
    assert [*V.SimplifiedGRU(3, 2).gates] == ["forget_gate", "input_layer"]
    assert [*Simple(3, 2).gates] == ["layer"]


def test_own_options_go_first():
    """A variant takes the options of the LSTM, and what is given goes first."""
    r = V.LSTMNFG(3, 2, peepholes=None, forget_gate="coupled", rng=0)
    assert r.parameters().keys() == LSTM(3, 2, peepholes=None).parameters().keys()


@pytest.mark.parametrize("kind", [LSTM, V.VanillaLSTM])
def test_forget_bias(kind):
    """With large ``forget_bias`` the cell keeps what it has, coupled or not."""
    r = kind(3, 2, forget_bias=50.0)
    r.start()
    r.c = constant([0.5, -1.0])
    r.step(np.zeros(3))
    np.testing.assert_allclose(compute_value(r.c), [0.5, -1.0], rtol=1e-9)


def test_forget_bias_of_a_variant():
    """Where a variant draws its biases, ``forget_bias`` still says where bf starts, and
    all else is drawn as without it; coupled, -bi."""
    plain, r = (V.DiagonalLSTM(3, 2, rng=0, **k) for k in ({}, dict(forget_bias=3.0)))
    coupled = V.DiagonalLSTM(3, 2, rng=0, forget_gate="coupled", forget_bias=3.0)
    assert (r.forget_gate.bias.value == 3).all()
    assert (coupled.input_gate.bias.value == -3).all()
    expected = plain.parameters()
    assert len({x for p in expected.values() for x in p.value.ravel()}) > 20
    for path, p in r.parameters().items():
        if path != "forget_gate.bias":
            np.testing.assert_array_equal(p.value, expected[path].value)


@pytest.mark.parametrize("kind", [Simple, LSTM, GRU])
def test_start_anew(kind):
    """To start again, with a learned state too, is no change of what a cell is made of;
    another first state is one, and is learnt from then on."""
    r, xs = kind(3, 2, learned_start=True, rng=0), np.ones((4, 3))
    r.transduce(xs)
    changes = ModuleType.changes
    first = compute_value(r.transduce(xs))
    assert ModuleType.changes == changes
    r.h0 = parameter(np.ones(2))
    ys = r.transduce(xs)
    assert (compute_value(ys) != first).any()
    assert r.h0 in compute_gradients(asum(ys))


# --- what is known of some variants ---------------------------------------------------


def random(kind, seed=0, size=1.0, **options):
    """A unit of 3 inputs and 2 outputs with parameters drawn anew."""
    r, rng = kind(3, 2, **options), np.random.default_rng(seed)
    for p in r.parameters().values():
        p.value = rng.normal(0, size, p.shape)
    return r


def test_vanilla_without_peepholes():
    """With peepholes of 0 the vanilla LSTM is the standard one."""
    r = random(V.VanillaLSTM)
    standard = V.StandardLSTM(3, 2)
    for name, layer in r.gates.items():
        if len(layer.weights) == 3:
            layer.weights[2].value = np.zeros(2)
        for mine, other in zip(layer.weights, standard.gates[name].weights):
            other.value = mine.value
        standard.gates[name].bias.value = layer.bias.value
    np.testing.assert_allclose(last(r), last(standard), rtol=1e-12)


def test_simplified_is_bounded():
    """|h| < tanh(1), as c is a mixture of numbers within -1 and 1."""
    r = random(V.SimplifiedLSTM, size=20.0)
    xs = np.random.default_rng(1).normal(0, 10, (50, 3))
    assert abs(compute_value(r.transduce(xs))).max() <= np.tanh(1)


def test_nothing_is_forgotten():
    """Without a forget gate a cell to which is added only grows."""
    r = random(V.LSTMNFG)
    r.input_layer.bias.value += 100
    r.start()
    cells = [compute_value((r.step(x), r.c)[1]) for x in XS]
    assert (np.diff([np.zeros(2), *cells], axis=0) > 0).all()


def test_diagonal_is_a_full_lstm():
    """It is the LSTM whose U are diagonal and whose W have common factors."""
    r = random(V.DiagonalLSTM)
    full = V.StandardLSTM(3, 2)
    W = r.input_map.weights[0].value
    for name, layer in r.gates.items():
        u, w = (p.value for p in layer.weights)
        full.gates[name].weights[0].value = W * u
        full.gates[name].weights[1].value = np.diag(w)
        full.gates[name].bias.value = layer.bias.value
    np.testing.assert_allclose(last(r), last(full), rtol=1e-12)


def test_diagonal_goes_on():
    """Four steps and four more, without a start, are eight steps."""
    r, xs = random(V.DiagonalLSTM), np.concatenate([XS, -XS])
    expected = compute_value(r.transduce(xs))
    r.start()
    parts = [[compute_value(r.step(x)) for x in part] for part in (XS, -XS)]
    np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_diagonal_first_weights():
    """u, w and b are uniform within m ** -1/2, of variance 1/(3 m)."""
    m = 2000
    r = V.DiagonalLSTM(3, m, rng=0)
    for layer in r.gates.values():
        for p in (*layer.weights, layer.bias):
            assert abs(p.value).max() <= m**-0.5
            np.testing.assert_allclose(p.value.var(), 1 / (3 * m), rtol=0.1)


def numpy_lstm(r, xs, dh):
    """The gradient of the NumPy layer: that of each step, nothing from the next."""
    W = r.input_map.weights[0].value
    P = {n: (*(w.value for w in g.weights), g.bias.value) for n, g in r.gates.items()}
    h, c = np.zeros(2), np.zeros(2)
    found = {n: np.zeros((3, 2)) for n in P} | {"input_map": np.zeros(W.shape)}
    for x, d in zip(xs, dh):
        z = x @ W
        a = {n: u * z + w * h + b for n, (u, w, b) in P.items()}
        i, f, o = (1 / (1 + np.exp(-a[n])) for n in list(SLOTS)[:3])
        g, old, c = np.tanh(a["input_layer"]), c, 0
        c = f * old + i * g
        dc = d * o * (1 - np.tanh(c) ** 2)
        slopes = (
            dc * g * i * (1 - i),
            dc * old * f * (1 - f),
            d * np.tanh(c) * o * (1 - o),
            dc * i * (1 - g**2),
        )
        for name, slope in zip(SLOTS, slopes):
            found[name] += [slope * z, slope * h, slope]
            found["input_map"] += np.outer(x, slope * P[name][0])
        h = o * np.tanh(c)
    return found


def test_truncated_gradient():
    """``truncate=1`` gives the gradient of the NumPy layer; without it, the true one,
    which is another for five steps and the same for one."""
    rng = np.random.default_rng(0)
    for steps in (1, 5):
        xs, dh = rng.normal(0, 1, (steps, 3)), rng.normal(0, 1, (steps, 2))
        true, cut = random(V.DiagonalLSTM), random(V.DiagonalLSTM, truncate=1)
        true, cut = (
            {path: grads[p] for path, p in r.parameters().items()}
            for r in (true, cut)
            for grads in [compute_gradients(asum(r.transduce(xs) * dh))]
        )
        expected = numpy_lstm(random(V.DiagonalLSTM), xs, dh)
        np.testing.assert_allclose(
            cut["input_map.weights.0"], expected["input_map"], rtol=1e-12
        )
        for name in SLOTS:
            parts = [f"{name}.weights.0", f"{name}.weights.1", f"{name}.bias"]
            found = [cut[path] for path in parts]
            np.testing.assert_allclose(found, expected[name], rtol=1e-12, atol=1e-15)
        away = max(
            np.linalg.norm(true[k] - cut[k]) / (np.linalg.norm(true[k]) or 1)
            for k in cut
        )
        assert away > 0.1 if steps > 1 else away < 1e-12


def test_truncated_recurrence():
    """``truncate=1`` cuts every state: no step reaches the input of the one before."""
    for kind in (LSTM, V.FGR, GRU, V.SimplifiedGRU, Simple):
        first = parameter(np.ones(3))
        for truncate in (None, 1):
            one, two = random(kind, truncate=truncate).transduce([first, XS[0]])
            found = [compute_gradients(asum(y))[first] for y in (one, one + two)]
            assert np.allclose(*found, rtol=1e-12) == (truncate == 1)


# --- first states ---------------------------------------------------------------------


@every_variant
def test_learned_start(name):
    """h0 (and c0) are parameters, zero at first, and their gradient is exact."""
    r = random(FAMILY[name], learned_start=True)
    parts = {"h0", "c0"} if r.has_c else {"h0"}
    assert parts <= r.parameters().keys()
    again = FAMILY[name](3, 2, learned_start=True)
    assert not any(again.parameters()[part].value.any() for part in parts)
    loss = asum(r.transduce(np.stack([XS, -XS], 1)) ** 2)
    found, expected = compute_gradients(loss), check_gradients(loss)
    for part in parts:
        p = r.parameters()[part]
        np.testing.assert_allclose(found[p], expected[p], rtol=1e-7, atol=1e-8)


def test_elman_of_the_tutorial():
    """Elman's network on Reber strings: 267 trained numbers, h0 among them."""
    model = Stack(Simple(7, 10, learned_start=True), Map(Layer(10, 7, f=sigmoid)))
    assert model.n_params() == 267


# --- noise ----------------------------------------------------------------------------


def noisy(seed=0, **options):
    """A noisy LSTM, with the same weights as the quiet one of the same seed."""
    return LSTM(3, 40, rng=seed, **options)


def test_nothing_drawn_without_noise():
    """A probability of 0 draws nothing: the graph is that of the cell without."""
    r = noisy(gal_dropout=0.0, semeniuta_dropout=0.0, zoneout=(0.0, 0.0))
    assert not [x for x in topological(r.transduce(list(XS))) if isinstance(x, Random)]
    assert "mask" not in r.state


def test_quiet_when_not_training():
    """Dropouts are off while not training; zoneout mixes by its probability."""
    quiet = compute_value(noisy().transduce(XS))
    with training(False):
        for options in (dict(gal_dropout=0.5), dict(semeniuta_dropout=0.5)):
            found = compute_value(noisy(**options).transduce(XS))
            np.testing.assert_allclose(found, quiet, rtol=1e-12)
        mixed = compute_value(noisy(zoneout=(0.0, 0.25)).transduce(XS[:1]))
    np.testing.assert_allclose(mixed, 0.75 * quiet[:1], rtol=1e-12)


def test_one_mask_for_each_sequence():
    """Gal's mask is one for all steps of a sequence; sequences, also those of one
    batch, and evaluations have their own."""
    r, seen = noisy(gal_dropout=0.5), []
    for _ in range(2):
        ys = r.transduce(np.stack([XS, XS, XS], 1))
        leaves = [x for x in topological([ys]) if isinstance(x, Random)]
        assert [x for x in leaves if x.shape != (40,)] == [r.mask]
        assert r.mask.shape == (3, 40)
        seen += [*compute_value(r.mask), *compute_value(r.mask)]
    assert len({row.tobytes() for row in seen}) == 12
    assert set(np.unique(seen)) == {0.0, 2.0}


@pytest.mark.parametrize("insize", [2, -3, -1])
def test_mask_of_each_example(insize):
    """Examples have masks of their own from the first step on, whether they are vectors
    or symbols, of an alphabet of one too."""
    r = LSTM(insize, 40, gal_dropout=0.5, rng=0)
    r.start()
    for _ in range(2):
        r.step(np.zeros((3, 2)) if insize > 0 else np.zeros(3, int))
        assert r.mask.shape == (3, 40)


def test_masks_of_each_step():
    """Semeniuta's mask and zoneout's coins are drawn for each step anew."""
    r = noisy(semeniuta_dropout=0.5, zoneout=0.25)
    leaves = [x for x in topological(r.transduce(list(XS))) if isinstance(x, Random)]
    assert len(leaves) == 3 * len(XS)
    values = compute_values(leaves, {})
    assert len({values[x].tobytes() for x in leaves}) == len(leaves)


def test_memory_is_not_lost():
    """Semeniuta's dropout leaves c as it was, where nothing is written."""
    r = noisy(semeniuta_dropout=0.9, forget_gate=True, forget_bias=50.0)
    r.start()
    r.c = constant(np.full(40, 0.5))
    for x in XS:
        r.step(x)
    assert 0.4 < np.isclose(compute_value(r.c), 0.5).mean() < 0.9


def test_zoneout_keeps():
    """Where the coin says so, c and h are what they were before."""
    r = noisy(zoneout=(0.5, 0.5))
    r.start()
    r.step(XS[0])
    before = r.c, r.h
    r.step(XS[1])
    values = compute_values([*before, r.c, r.h], {})
    for old, new in zip(before, (r.c, r.h)):
        kept = (values[old] == values[new]).mean()
        assert 0.2 < kept < 0.8


def test_noise_is_seeded():
    """The same seed draws the same noise, by copies too."""
    one, two = noisy(7, **NOISY), noisy(7, **NOISY)
    copied = [copy.deepcopy(one), pickle.loads(pickle.dumps(one))]
    expected = compute_value(one.transduce(XS))
    for other in (two, *copied):
        np.testing.assert_array_equal(compute_value(other.transduce(XS)), expected)


def test_noise_trains():
    """A noisy network learns: its surprise at four symbols falls to less than half."""
    r = Stack(noisy(gal_dropout=0.2, semeniuta_dropout=0.2, zoneout=0.1))
    output, trainer = Layer(40, 4, f=logsoftmax, rng=0), Adam(0.01)

    def update():
        ys = r.transduce(list(XS))
        return trainer.receive(-sum(output(y)[k] for k, y in enumerate(ys)))

    losses = [update() for _ in range(60)]
    assert losses[-1] < losses[0] / 2
