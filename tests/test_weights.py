"""Weights from PyTorch, Keras and Merlin: what their layers gave, and the way back."""

from pathlib import Path

import numpy as np
import pytest
from fixtures import doubles  # noqa: F401  # for every test here
from golden import GOLDEN, GOLDEN_GRU, XS, wave

from penne import *
from penne.recurrent.decoders import (
    SimplifiedLSTMDecoder,
    VanillaLSTMDecoder,
    VanillaRNNDecoder,
)
from penne.recurrent.variants import (
    FGR,
    LSTMNFG,
    LSTMNIG,
    LSTMNOG,
    NOAF,
    DiagonalLSTM,
    LSTMNoPeepholes,
    MinimalGatedUnit,
    RecurrentOutput,
    SimplifiedGRU,
    SimplifiedLSTM,
    StandardLSTM,
    VanillaLSTM,
)
from penne.weights import (
    from_keras,
    from_merlin,
    from_torch,
    to_keras,
    to_merlin,
    to_torch,
)

HERE = Path(__file__).parent / "recorded"


def recorded(which):
    """The arrays recorded from a library."""
    with np.load(HERE / f"weights_{which}.npz") as file:
        return dict(file)


TORCH, KERAS = recorded("torch"), recorded("keras")
N, M, V = 3, 4, 6


def under(arrays, prefix):
    """The arrays whose names begin with the prefix, without it."""
    cut = len(prefix)
    return {name[cut:]: x for name, x in arrays.items() if name.startswith(prefix)}


def close(found, expected, tolerance=1e-12):
    """The same but for rounding."""
    found = compute_value(found) if isinstance(found, Expression) else found
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


ROUNDED = 1e-6  # Keras multiplies matrices in single precision, whatever their dtype


def standard(n=N, m=M, **options):
    return StandardLSTM(n, m, rng=0, **options)


def gated(n=N, m=M, **options):
    return GRU(n, m, reset="after", rng=0, **{"recurrent_bias": True, **options})


def deep(make):
    """Two layers in two directions."""
    return Bidirectional(make(N), make(N)) >> Bidirectional(make(2 * M), make(2 * M))


# --- PyTorch --------------------------------------------------------------------------

TORCH_TABLE = {
    "lstm": standard,
    "lstm_deep": lambda: deep(standard),
    "lstm_no_bias": lambda: standard(bias=None),
    "lstm_projection": lambda: (
        standard(projection=2) >> Map(Dropout(0.0)) >> standard(2, projection=2)
    ),
    "gru": gated,
    "gru_deep": lambda: deep(gated),
    "gru_no_bias": lambda: gated(bias=None, recurrent_bias=False),
    "rnn": lambda: Simple(N, M, rng=0),
    "rnn_deep": lambda: deep(lambda n: Simple(n, M, f=rectify, rng=0)),
}
every_torch = pytest.mark.parametrize("name", TORCH_TABLE)


def torch_states(r, state, letter):
    """A state as PyTorch has it: (layers and directions, batch, size)."""
    return np.array([compute_value(x) for p, x in state.items() if p[-1] == letter])


@every_torch
def test_torch(name):
    """Outputs and final states are those recorded, for a whole batch and for one of
    sequences of several lengths."""
    r, case = TORCH_TABLE[name](), under(TORCH, f"{name}/")
    from_torch(r, under(case, "weights/"))
    xs, lengths = TORCH["inputs"], TORCH["lengths"]
    for given, which in [({}, ""), ({"lengths": lengths}, "ragged_")]:
        outputs, _, state = unroll(r, xs, **given)
        expected = case["ragged" if which else "outputs"]
        longest = lengths if which else np.full(len(lengths), len(xs))
        mask = np.arange(len(xs))[:, None] < longest
        close(compute_value(outputs)[mask], expected[mask])
        for letter in "hc":
            if letter in case:
                close(torch_states(r, state, letter), case[f"{which}{letter}"])


@every_torch
def test_torch_gradients(name):
    """What was read is learnt on: every parameter gets a gradient."""
    r = TORCH_TABLE[name]()
    from_torch(r, under(TORCH, f"{name}/weights/"))
    found = compute_gradients(asum(r.transduce(TORCH["inputs"]) ** 2))
    assert found.keys() == set(r.parameters().values())


def test_torch_model():
    """A model of three modules, each by its prefix; an embedding is looked up."""
    r = Map(Layer(-V, N, f=None, bias=None)) >> gated() >> Map(Layer(M, 2, f=None))
    weights = under(TORCH, "model/weights/")
    for layer, prefix in zip(r.layers, ["embed.", "rnn.", "out."]):
        from_torch(layer, weights, prefix)
    close(r.transduce(TORCH["text"]), TORCH["model/outputs"])
    back = {}
    for layer, prefix in zip(r.layers, ["embed.", "rnn.", "out."]):
        back |= to_torch(layer, prefix)
    assert {k: x.shape for k, x in back.items()} == {
        k: x.shape for k, x in weights.items()
    }
    assert (back["embed.weight"] == weights["embed.weight"]).all()


# --- Keras ----------------------------------------------------------------------------

KERAS_TABLE = {
    "lstm": standard,
    "lstm_backwards": standard,
    "lstm_no_bias": lambda: standard(bias=None),
    "gru": gated,
    "gru_before": lambda: GRU(N, M, rng=0),
    "rnn": lambda: Simple(N, M, rng=0),
    "both": lambda: Bidirectional(standard(), standard()),
    "both_gru": lambda: Bidirectional(gated(), gated()),
}


def keras_list(name):
    """What ``get_weights()`` gave."""
    return list(under(KERAS, f"{name}/weights/").values())


@pytest.mark.parametrize("name", KERAS_TABLE)
@pytest.mark.parametrize("masked", [False, True])
def test_keras(name, masked):
    """Outputs, the last, and final states are those recorded, under a mask of any
    pattern and without, backwards and in two directions."""
    r, case = KERAS_TABLE[name](), under(KERAS, f"{name}/")
    from_keras(r, keras_list(name))
    xs, mask = KERAS["inputs"].swapaxes(0, 1), KERAS["mask"].T
    mask = mask if masked else np.ones_like(mask)
    outputs, last, state = unroll(
        r,
        xs,
        mask=mask,
        time_major=False,
        go_backwards=name == "lstm_backwards",
    )
    which = "masked_" if masked else ""
    expected, found = case[f"{which}outputs"], compute_value(outputs)
    if "both" in name:  # Keras has zeros where its Bidirectional is masked
        close(found[mask], expected[mask], ROUNDED)
    else:
        close(found, expected, ROUNDED)
        close(last, expected[:, -1], ROUNDED)
    states = [case[f"{which}state{k}"] for k in range(len(state))]
    for value, theirs in zip(state.values(), states, strict=True):
        close(value, theirs, ROUNDED)


def test_keras_last_output():
    """The last output of two directions is what each gave last."""
    r = Bidirectional(standard(), standard())
    from_keras(r, keras_list("last"))
    xs, mask = KERAS["inputs"], KERAS["mask"]
    close(unroll(r, xs, mask=mask).last_output, KERAS["last/outputs"], ROUNDED)


def test_keras_model():
    """A model is a stack: embedding, two directions, one, a dense layer."""
    r = (
        Map(Layer(-V, N, f=None, bias=None))
        >> Bidirectional(gated(), gated())
        >> Simple(2 * M, M)
        >> Map(Layer(M, 2, f=None))
    )
    from_keras(r, keras_list("model"))
    expected = KERAS["model/outputs"].swapaxes(0, 1)
    close(r.transduce(KERAS["text"]), expected, ROUNDED)
    for mine, theirs in zip(to_keras(r).values(), keras_list("model"), strict=True):
        assert mine.shape == theirs.shape


@pytest.mark.parametrize("name", KERAS_TABLE)
def test_keras_and_back(name):
    """There and back are the weights that were, but for two biases that are one."""
    r = KERAS_TABLE[name]()
    from_keras(r, keras_list(name))
    for mine, theirs in zip(to_keras(r).values(), keras_list(name), strict=True):
        if mine.ndim == 2 and len(mine) == 2:
            np.testing.assert_allclose(mine.sum(0), theirs.sum(0), rtol=1e-15)
            np.testing.assert_array_equal(mine[1, -M:], theirs[1, -M:])
        else:
            np.testing.assert_array_equal(mine, theirs)


# --- Merlin ---------------------------------------------------------------------------


def golden_weights(letters="ifoc"):
    """Those of Merlin's gates, for 3 inputs and 2 units."""
    found = {}
    for j, letter in enumerate(letters):
        found[f"W_x{letter}"] = wave(10 * j, 3, 2)
        found[f"W_h{letter}"] = wave(10 * j + 3, 2, 2)
        found[f"w_c{letter}"] = wave(10 * j + 5, 2)
        found[f"b_{letter}"] = wave(10 * j + 7, 2)
    return found


MERLIN = [Simple, VanillaLSTM, LSTMNoPeepholes, LSTMNFG, LSTMNIG, LSTMNOG]
MERLIN += [SimplifiedLSTM]
MERLIN_GRU = dict(reset="after", update="write")


@pytest.mark.parametrize("kind", MERLIN)
def test_merlin(kind):
    """The last of four steps with weights by Merlin's names is what its formulas
    give."""
    r, given = kind(3, 2), golden_weights()
    from_merlin(r, {name: given[name] for name in to_merlin(r)})
    found = compute_value(r.transduce(XS)[-1])
    np.testing.assert_allclose(found, GOLDEN[kind.__name__], 1e-9)


def test_merlin_gru():
    """z, r and h are the names of a GRU's gates."""
    r, given = GRU(3, 2, **MERLIN_GRU), golden_weights("zrqh")
    given |= {f"{name[:-1]}h": x for name, x in golden_weights("zrqc").items()}
    h = {
        n: wave(k, *s)
        for n, k, s in [("W_xh", 30, (3, 2)), ("W_hh", 33, (2, 2)), ("b_h", 37, (2,))]
    }
    from_merlin(r, {name: {**given, **h}[name] for name in to_merlin(r)})
    expected = GOLDEN_GRU[tuple(MERLIN_GRU.values())]
    np.testing.assert_allclose(compute_value(r.transduce(XS)[-1]), expected, 1e-9)


PARAMS = {  # the order of ``params`` in Merlin's classes
    "W_xi W_hi b_i": Simple,
    "W_xi W_hi w_ci W_xf W_hf w_cf W_xo W_ho w_co W_xc W_hc b_i b_f b_o b_c": (
        VanillaLSTM
    ),
    "W_xi W_hi w_ci W_xo W_ho w_co W_xc W_hc b_i b_o b_c": LSTMNFG,
    "W_xf W_hf w_cf W_xo W_ho w_co W_xc W_hc b_f b_o b_c": LSTMNIG,
    "W_xi W_hi w_ci W_xf W_hf w_cf W_xc W_hc b_i b_f b_c": LSTMNOG,
    "W_xi W_hi W_xf W_hf W_xo W_ho W_xc W_hc b_i b_f b_o b_c": LSTMNoPeepholes,
    "W_xf W_hf W_xc W_hc b_f b_c": SimplifiedLSTM,
    "W_xf W_hf w_cf W_xc W_hc b_f b_c": SimplifiedGRU,
    "W_xz W_hz W_xr W_hr W_xh W_hh b_z b_r b_h": lambda n, m: GRU(n, m, **MERLIN_GRU),
    "W_xi W_yi b_y": RecurrentOutput,
    "W_xi W_hi W_yi U_hi b_i b": lambda n, m: VanillaRNNDecoder(n, m, 5),
    "W_xi W_hi w_ci W_yi W_xf W_hf w_cf W_xo W_ho w_co W_xc W_hc U_ho "
    "b_i b_f b_o b_c b": lambda n, m: VanillaLSTMDecoder(n, m, 5),
    "W_yi W_xf W_hf W_xc W_hc U_ho b_f b_c b": lambda n, m: SimplifiedLSTMDecoder(
        n, m, 5
    ),
}


@pytest.mark.parametrize("names", PARAMS)
def test_merlin_params(names):
    """Names and order are those of ``params``; a list in this order, also of two
    directions and a hidden layer, is a mapping of the names."""
    make = PARAMS[names]
    assert " ".join(to_merlin(make(N, M))) == names
    whole = Bidirectional(make(N, M), make(N, M)) >> Map(Layer(3, 2, rng=0))
    there = to_merlin(whole)
    assert list(there)[-2:] == ["layers.1.f.W", "layers.1.f.b"]
    drawn = [
        np.random.default_rng(k).normal(size=x.shape)
        for k, x in enumerate(there.values())
    ]
    from_merlin(whole, drawn)
    for mine, theirs in zip(to_merlin(whole).values(), drawn, strict=True):
        np.testing.assert_array_equal(mine, theirs)


# --- the way back ---------------------------------------------------------------------

ROUND = {
    "torch": (to_torch, from_torch, TORCH_TABLE),
    "keras": (to_keras, from_keras, KERAS_TABLE),
}


@pytest.mark.parametrize(
    ("library", "name"), [(a, b) for a, (_, _, table) in ROUND.items() for b in table]
)
def test_round_trip(library, name):
    """What goes there and comes back, into a module with other weights, is the same to
    the bit."""
    to, back, table = ROUND[library]
    r, s = table[name](), table[name]()
    rng = np.random.default_rng(1)
    for p in r.parameters().values():
        p.value = rng.normal(size=p.shape)
    back(s, to(r))
    for path, p in r.parameters().items():
        np.testing.assert_array_equal(s.parameters()[path].value, p.value)
    copied = to(r)
    next(iter(copied.values()))[...] = 0
    assert all(p.value.any() for p in r.parameters().values())


def test_several_inputs():
    """Inputs of several sizes, symbols among them, are one: their weights stand one
    above the other."""
    for to, back in [(to_torch, from_torch), (to_keras, from_keras)]:
        one, split = standard(2 + V + 1), standard([2, -V, 1])
        back(split, to(one))
        xs, text = np.random.default_rng(0).normal(size=(4, 3)), [5, 0, 2, 2]
        joined = np.concatenate([xs[:, :2], np.eye(V)[text], xs[:, 2:]], 1)
        found = stack(split.transduce(zip(xs[:, :2], text, xs[:, 2:])))
        close(found, compute_value(one.transduce(joined)))


def test_single_precision():
    """Numbers of another precision are rounded; dtypes stay."""
    with default_dtype("float32"):
        r = standard()
    from_torch(r, under(TORCH, "lstm/weights/"))
    assert {p.dtype.name for p in r.parameters().values()} == {"float32"}
    expected = TORCH["lstm/outputs"]
    found = compute_value(r.transduce(TORCH["inputs"]))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


# --- what does not fit ----------------------------------------------------------------


def test_all_names_that_do_not_fit():
    """What is missing, not known, of another shape or another kind is in one message,
    and nothing has changed."""
    r, weights = standard(), under(TORCH, "lstm/weights/")
    before = {path: p.value.copy() for path, p in r.parameters().items()}
    weights["weight_ih_l1"] = weights.pop("weight_ih_l0")
    weights["bias_ih_l0"] = np.zeros(3)
    weights["bias_hh_l0"] = np.zeros(16, int)
    with pytest.raises(ValueError) as error:
        from_torch(r, weights)
    for part in (
        "from_torch: what is given does not fit",
        "missing: weight_ih_l0",
        "not known here: weight_ih_l1",
        "bias_ih_l0 (here (16,), given (3,))",
        "bias_hh_l0 (here float64, given int64)",
    ):
        assert part in str(error.value)
    for path, p in r.parameters().items():
        np.testing.assert_array_equal(p.value, before[path])


def test_wrong_kinds():
    """What is no module, or no mapping, is an error that says what is taken."""
    for read in (from_torch, from_keras, from_merlin):
        with pytest.raises(TypeError, match="takes a module, got dict"):
            read({}, {})
    with pytest.raises(TypeError, match="takes a mapping of names to arrays, got list"):
        from_torch(standard(), keras_list("lstm"))


def test_number_of_arrays():
    """A list of another length is an error that says what is to be in it."""
    message = r"takes 3 arrays, kernel, recurrent_kernel, bias; got 2"
    with pytest.raises(ValueError, match=message):
        from_keras(standard(), keras_list("lstm")[:2])
    given = dict(zip(["kernel", "recurrent_kernel", "b"], keras_list("lstm")))
    with pytest.raises(ValueError, match="missing: bias; not known here: b"):
        from_keras(standard(), given)
    with pytest.raises(ValueError, match="from_merlin: takes 3 arrays, W_xi"):
        from_merlin(Simple(3, 2), [])


@pytest.mark.parametrize(
    ("to", "make", "message"),
    [
        (to_torch, lambda: LSTM(N, M), "PyTorch has no LongShortTermMemory like this"),
        (to_torch, lambda: GRU(N, M), r'it has .*GRU\(reset="after", recurrent_bias'),
        (to_torch, lambda: gated(recurrent_bias=False), "no GatedRecurrentUnit"),
        (to_torch, lambda: Simple(N, M, f=sigmoid), "no Simple like this"),
        (to_torch, lambda: standard(learned_start=True), "no place there for c0, h0"),
        (to_torch, lambda: standard(layer_norm=True), "no StandardLSTM like this"),
        (to_torch, lambda: DiagonalLSTM(N, M), "no DiagonalLSTM like this"),
        (to_torch, lambda: Residual(standard(N, N)), "no Residual like this"),
        (to_torch, lambda: Highway(standard(N, N), N), "no Highway like this"),
        (to_keras, lambda: FGR(N, M), "Keras has no FGR like this"),
        (to_keras, lambda: standard(projection=2), "no StandardLSTM like this"),
        (to_keras, lambda: MinimalGatedUnit(N, M), "no MinimalGatedUnit like this"),
        (to_keras, lambda: standard() >> Map(LayerNorm(M)), r"layers\.1\.f\.gain"),
        (to_merlin, lambda: LSTM(N, M), "Merlin has no LongShortTermMemory"),
        (to_merlin, lambda: NOAF(N, M), "no NOAF like this"),
        (to_merlin, lambda: gated(), "no GatedRecurrentUnit like this"),
    ],
)
def test_what_has_no_place(to, make, message):
    """A module, or a parameter, that the library has none of is an error that names
    it."""
    with pytest.raises(TypeError, match=message):
        to(make())


# --- the decoders ---------------------------------------------------------------------


def s(z):
    return 1 / (1 + np.exp(-z))


def decoded(kind, w, xs):
    """Merlin's equations, in loops over its names."""
    h = c = np.zeros(M)
    y, found = np.zeros(5), []
    for x in xs:
        z = {
            g: x @ w[f"W_x{g}"] + h @ w[f"W_h{g}"] + w[f"b_{g}"]
            for g in "ifoc"
            if (f"W_x{g}" in w)
        }
        if kind is VanillaRNNDecoder:
            h = np.tanh(z["i"] + y @ w["W_yi"])
            y = h @ w["U_hi"] + w["b"]
        else:
            peep = {g: w.get(f"w_c{g}", 0.0) for g in "ifo"}
            f = s(z["f"] + peep["f"] * c)
            i = s(z["i"] + peep["i"] * c) if "i" in z else 1 - f
            c = f * c + i * np.tanh(z["c"] + y @ w["W_yi"])
            h = np.tanh(c) * (s(z["o"] + peep["o"] * c) if "o" in z else 1.0)
            y = h @ w["U_ho"] + w["b"]
        found.append(y)
    return found


@pytest.mark.parametrize(
    "kind", [VanillaRNNDecoder, VanillaLSTMDecoder, SimplifiedLSTMDecoder]
)
def test_decoders(kind):
    """Each is its equations, in loops by hand; its gradients are right; first weights
    have the scale 1 / sqrt(fan_in)."""
    r, xs = kind(N, M, 5, rng=0), np.random.default_rng(0).normal(size=(6, 2, N))
    for b in range(2):
        close(r.transduce(xs[:, b]), decoded(kind, to_merlin(r), xs[:, b]))
    close(
        r.transduce(xs),
        np.stack([compute_value(r.transduce(xs[:, b])) for b in range(2)], 1),
    )
    loss = asum(r.transduce(xs) ** 2)
    found, checked = compute_gradients(loss), check_gradients(loss)
    for p in r.parameters().values():
        np.testing.assert_allclose(found[p], checked[p], rtol=1e-5, atol=1e-7)
    big = kind(10, 400, 100, rng=0)
    for x in to_merlin(big).values():
        if x.ndim == 2:
            np.testing.assert_allclose(x.std(), len(x) ** -0.5, rtol=0.05)


def test_decoder_is_feedback():
    """The decoder of the simple network is that network, its output fed back."""
    r = VanillaRNNDecoder(N, M, 5, rng=0)
    twin = Feedback(Simple([N, 5], M) >> Map(Layer(M, 5, f=None)), np.zeros(5))
    simple, output = twin.layer.layers[0].layer, twin.layer.layers[1].f
    x, h, y = (w.value for w in r.layer.weights)
    for p, value in zip(simple.weights, (x, y, h)):
        p.value = value
    output.weights[0].value = r.output.weights[0].value
    xs = np.random.default_rng(0).normal(size=(5, N))
    close(twin.transduce(xs), compute_value(r.transduce(xs)))
