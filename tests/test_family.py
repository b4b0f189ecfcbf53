"""The family of the literature equals its equations, alone and in combination."""

import copy

import family_by_hand as by_hand
import numpy as np
import pytest
from fixtures import doubles, examples, randomize  # noqa: F401  # doubles: for every test
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne.graph import topological
from penne.randomness import Random
from penne.recurrent import variants as V

NONE = by_hand.identity
LSTMS = {
    "LSTM": (LSTM, {}),
    "VanillaLSTM": (V.VanillaLSTM, dict(forget_gate=True)),
    "LSTMNFG": (V.LSTMNFG, dict(forget_gate=False)),
    "LSTMNIG": (V.LSTMNIG, dict(forget_gate=True, input_gate=False)),
    "LSTMNOG": (V.LSTMNOG, dict(forget_gate=True, output_gate=False)),
    "LSTMNoPeepholes": (V.LSTMNoPeepholes, dict(forget_gate=True, peepholes=None)),
    "StandardLSTM": (V.StandardLSTM, dict(forget_gate=True, peepholes=None)),
    "SimplifiedLSTM": (
        V.SimplifiedLSTM,
        dict(input_gate="coupled", forget_gate=True, output_gate=False, peepholes=None),
    ),
    "NIAF": (V.NIAF, dict(forget_gate=True, input_activation=NONE)),
    "NOAF": (V.NOAF, dict(forget_gate=True, output_activation=NONE)),
    "FGR": (V.FGR, dict(forget_gate=True, gate_recurrence=True)),
    "DiagonalLSTM": (
        V.DiagonalLSTM,
        dict(forget_gate=True, peepholes=None, shared_input=True),
    ),
}
OTHERS = {
    "GRU": (GRU, by_hand.gru, {}),
    "MinimalGatedUnit": (
        V.MinimalGatedUnit,
        by_hand.gru,
        dict(kind="mgu", update="write"),
    ),
    "SimplifiedGRU": (
        V.SimplifiedGRU,
        by_hand.gru,
        dict(kind="sgru", update="write", reset="after"),
    ),
    "VanillaRNN": (V.VanillaRNN, by_hand.simple, {}),
    "RecurrentOutput": (V.RecurrentOutput, by_hand.simple, dict(f=NONE)),
}
TABLE = {name: (kind, by_hand.lstm, o) for name, (kind, o) in LSTMS.items()} | OTHERS
every_variant = pytest.mark.parametrize("name", TABLE)
seeds = st.integers(0, 10**6)
sizes = st.integers(1, 3)


def masks(r, ys, values):
    """For each step the masks that were drawn, by name."""
    drawn = {"semeniuta": r._semeniuta, "zone_c": r._zone_c, "zone_h": r._zone_h}
    found = []
    for before, y in zip([[], *([y] for y in ys)], ys):
        new = topological([y], dict.fromkeys(before))
        leaves = [x for x in new if isinstance(x, Random) and x is not r_mask(r)]
        step = {n: values[x] for x in leaves for n, d in drawn.items() if x.draw is d}
        if r._gal:
            step["gal"] = values[r_mask(r)]
        found.append(step)
    return found


def r_mask(r):
    """The mask of a sequence, or None."""
    return vars(r).get("mask")


def derivative(f, p, path, index):
    """df/dp at one number, by a step along the imaginary axis."""
    row, *rest = index
    moved = copy.deepcopy(p[path])
    place = moved[row] if rest else moved
    place[rest[0] if rest else row] += 1e-30j
    return f({**p, path: moved}).imag / 1e-30


def agree(r, twin, options, steps, batch, rng, symbols=False):
    """Values, final state and gradients of r are those of its twin."""
    n, m = abs(r.insize[0]), r.outsize
    xs = rng.normal(0, 1, (steps, *batch, n))
    given = xs
    if symbols:
        given = rng.integers(0, n, (steps, *batch))
        xs = np.eye(n)[given]
    p = {path: w.value.tolist() for path, w in r.parameters().items()}
    with fixed_masks():
        r.start()
        ys = [r.step(x) for x in given]
        towards = rng.normal(0, 1, (steps, *batch, ys[0].shape[-1]))
        loss = asum(stack(ys) * towards)
        gradients = compute_gradients(loss)
        leaves = [x for x in topological(ys) if isinstance(x, Random)]
        values = compute_values([*ys, *r.state.values(), *leaves], {})
        drawn = masks(r, ys, values)
    rows = list(np.ndindex(batch))

    def one(p, b):
        noise = [{k: v[b].tolist() for k, v in step.items()} for step in drawn]
        return twin(p, [x[b].tolist() for x in xs], m, noise=noise, **options)

    def total(p):
        found = 0
        for b in rows:
            for y, w in zip(one(p, b)[0], towards):
                found += sum(a * v for a, v in zip(y, w[b].tolist()))
        return found

    for b in rows:
        outputs, state = one(p, b)
        found = [values[y][b] for y in ys]
        np.testing.assert_allclose(found, outputs, rtol=1e-11, atol=1e-12)
        for key, expected in state.items():
            np.testing.assert_allclose(values[getattr(r, key)][b], expected, atol=1e-12)
    assert {*gradients} == {*r.parameters().values()}
    for path, w in r.parameters().items():
        expected = np.zeros(w.shape)
        for index in np.ndindex(w.shape):
            expected[index] = derivative(total, p, path, index)
        np.testing.assert_allclose(gradients[w], expected, rtol=1e-8, atol=1e-9)


batches = st.sampled_from([(), (2,)])


@every_variant
@examples(0.16)
@given(n=sizes, m=sizes, steps=st.integers(1, 4), batch=batches, seed=seeds)
def test_by_hand(name, n, m, steps, batch, seed):
    """Outputs, state and gradients are those of the equations."""
    kind, twin, options = TABLE[name]
    rng = np.random.default_rng(seed)
    r = kind(n, m, rng=rng)
    randomize(r, rng, 0.8)
    agree(r, twin, options, steps, batch, rng)


@every_variant
def test_symbols(name):
    """A symbol is its one-hot vector."""
    kind, twin, options = TABLE[name]
    rng = np.random.default_rng(1)
    r = kind(-3, 2, rng=rng)
    randomize(r, rng, 0.8)
    agree(r, twin, options, 3, (2,), rng, symbols=True)


# --- options --------------------------------------------------------------------------

ACTIVATIONS = {tanh: by_hand.tanh, sigmoid: by_hand.sigmoid, None: NONE}
NOISE = dict(
    gal_dropout=0.3, semeniuta_dropout=0.4, zoneout=(0.3, 0.2), learned_start=True
)
ALONE = [
    dict(peepholes=None),
    dict(forget_gate=True),
    dict(forget_gate=False),
    dict(input_gate="coupled", forget_gate=True),
    dict(input_gate=False, forget_gate=True),
    dict(output_gate=False),
    dict(input_activation=None),
    dict(input_activation=sigmoid),
    dict(output_activation=None),
    dict(gate_recurrence=True),
    dict(recurrence="diagonal"),
    dict(shared_input=True),
    dict(forget_bias=1.0),
    dict(layer_norm=True),
    dict(projection=2),
    *({name: value} for name, value in NOISE.items()),
    dict(zoneout=0.5),
]


def by_options(options, n, m, steps, batch, seed):
    """The LSTM with these options agrees with its twin."""
    rng = np.random.default_rng(seed)
    r = LSTM(n, m, rng=rng, **options)
    randomize(r, rng, 0.8)
    own = {k: v for k, v in options.items() if k not in NOISE}
    for name in ("input_activation", "output_activation"):
        if name in own:
            own[name] = ACTIVATIONS[own[name]]
    agree(r, by_hand.lstm, own, steps, batch, rng)


@pytest.mark.parametrize("options", ALONE, ids=str)
@examples(0.12)
@given(n=sizes, m=sizes, steps=st.integers(1, 3), batch=batches, seed=seeds)
def test_option_alone(options, n, m, steps, batch, seed):
    """Each option by itself is its equation."""
    by_options(options, n, m, steps, batch, seed)


@st.composite
def combinations(draw):
    """Options that go together, any number of them."""
    pairs = [(True, True), (True, False), (False, True), (False, False)]
    pairs += [(True, "coupled"), ("coupled", True)]
    i, f = draw(st.sampled_from(pairs))
    o = draw(st.booleans())
    options = dict(input_gate=i, forget_gate=f, output_gate=o)
    gated = True in (i, f, o)
    options["peepholes"] = draw(st.sampled_from(["diagonal", None])) if gated else None
    options["gate_recurrence"] = draw(st.booleans()) if gated else False
    for name in ("input_activation", "output_activation"):
        options[name] = draw(st.sampled_from(list(ACTIVATIONS)))
    options["recurrence"] = draw(st.sampled_from(["full", "diagonal"]))
    if options["recurrence"] == "full":
        options["projection"] = draw(st.sampled_from([None, 1, 2]))
    for name in ("shared_input", "layer_norm"):
        options[name] = draw(st.booleans())
    for name, value in NOISE.items():
        if draw(st.booleans()):
            options[name] = value
    return options


@examples(1.6)
@given(combinations(), sizes, sizes, st.integers(1, 3), batches, seeds)
def test_options_together(options, n, m, steps, batch, seed):
    """Options in any combination are their equations."""
    by_options(options, n, m, steps, batch, seed)


@examples(0.8)
@given(
    reset=st.sampled_from(["before", "after", "biased"]),
    update=st.sampled_from(["keep", "write"]),
    noise=st.sets(st.sampled_from(sorted(NOISE))),
    kind=st.sampled_from(["gru", "mgu", "sgru"]),
    batch=batches,
    seed=seeds,
)
def test_gated_units(reset, update, noise, kind, batch, seed):
    """Options of the gated units are their equations."""
    rng = np.random.default_rng(seed)
    given = {name: NOISE[name] for name in noise}
    given |= dict(zoneout=0.25) if "zoneout" in noise else {}
    own = dict(reset="before" if reset == "before" else "after", update=update)
    make = dict(gru=GRU, mgu=V.MinimalGatedUnit, sgru=V.SimplifiedGRU)[kind]
    r = make(2, 3, rng=rng, recurrent_bias=reset == "biased", **own, **given)
    randomize(r, rng, 0.8)
    agree(r, by_hand.gru, dict(own, kind=kind), 3, batch, rng)
