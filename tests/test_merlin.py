"""Networks by the names that Merlin gives layers."""

import numpy as np
import pytest
from fixtures import doubles  # noqa: F401  # for every test here

from penne import *
from penne.recurrent import merlin
from penne.recurrent import variants as V
from penne.recurrent.merlin import DeepRecurrentNetwork

NAMES = {
    "RNN": V.VanillaRNN,
    "LSTM": V.VanillaLSTM,
    "LSTM_NFG": V.LSTMNFG,
    "LSTM_NIG": V.LSTMNIG,
    "LSTM_NOG": V.LSTMNOG,
    "LSTM_NPH": V.LSTMNoPeepholes,
    "SLSTM": V.SimplifiedLSTM,
    "GRU": GRU,
    "SGRU": V.SimplifiedGRU,
}
FEEDFORWARD = {
    "TANH": np.tanh,
    "SIGMOID": lambda z: 1 / (1 + np.exp(-z)),
    "SOFTMAX": lambda z: np.exp(z) / np.exp(z).sum(-1, keepdims=True),
    "RELU": lambda z: np.maximum(z, 0),
    "RESU": lambda z: np.log(1 + np.exp(z)),
    "LINEAR": lambda z: z,
}
XS = np.random.default_rng(0).normal(0, 1, (5, 3))


def test_every_name_is_tested():
    """The names are those of Merlin, each with its test below."""
    both = {"BLSTM", "BSLSTM"}
    assert merlin.HIDDEN.keys() == {*NAMES, *FEEDFORWARD} - {"LINEAR"} | both
    assert merlin.OUTPUT.keys() == {"LINEAR", "SIGMOID", "SOFTMAX", "RECURRENT"}


@pytest.mark.parametrize("name", NAMES)
def test_recurrent_layers(name):
    """A name is its class; the gated unit is that of Wu and King."""
    net = DeepRecurrentNetwork(3, [4], 2, [name], rng=0)
    assert type(net.layers[0]) is NAMES[name]
    if name == "GRU":
        assert (net.layers[0].reset, net.layers[0].update) == ("after", "write")
    assert net.transduce(XS).shape == (5, 2)


@pytest.mark.parametrize("name", FEEDFORWARD)
def test_layers_without_state(name):
    """A name is its function of x W + b."""
    if name in merlin.HIDDEN:
        net = DeepRecurrentNetwork(3, [4], 2, [name], rng=0)
    else:
        net = DeepRecurrentNetwork(3, [], 4, [], name, rng=0)
    layer = net.layers[0].f
    layer.bias.value = np.arange(4) / 4
    (W,) = layer.weights
    expected = FEEDFORWARD[name](XS @ W.value + layer.bias.value)
    found = compute_value(net.layers[0].transduce(XS))
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "kind"), [("BLSTM", V.VanillaLSTM), ("BSLSTM", V.SimplifiedLSTM)]
)
def test_both_directions(name, kind):
    """In both directions twice the size goes on; with the directions and time turned
    around, the halves of the output are too."""
    net = DeepRecurrentNetwork(3, [4, 6], 2, [name, "TANH"], rng=0)
    both = net.layers[0]
    assert {type(side) for side in both.sides()} == {kind}
    assert net.layers[1].f.insize == [8]
    found = compute_value(both.transduce(XS))
    both.forward, both.backward = both.backward, both.forward
    turned = compute_value(both.transduce(XS[::-1]))
    expected = np.concatenate([found[::-1, 4:], found[::-1, :4]], -1)
    np.testing.assert_allclose(turned, expected, rtol=1e-12)


def test_recurrent_output():
    """y := x W + y U + b: the sum of a geometric series, for an input that stays."""
    net = DeepRecurrentNetwork(3, [], 2, [], "RECURRENT", rng=0)
    (r,) = net.layers
    W, U = (w.value for w in r.layer.weights)
    r.layer.bias.value = b = np.array([0.5, -1.0])
    powers = [np.linalg.matrix_power(U, k) for k in range(5)]
    expected = (XS[0] @ W + b) @ sum(powers)
    found = compute_value(net.transduce(np.stack([XS[0]] * 5)))[-1]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_model():
    """The list of the model gets the parameters of the network, each once."""
    model = []
    types = ["TANH", "LSTM", "BLSTM", "GRU"]
    net = DeepRecurrentNetwork(3, [4] * 4, 2, types, "RECURRENT", model)
    assert len(model) == len(set(model))
    assert set(model) == set(net.parameters().values())


def test_recipe():
    """The systems of Wu and King, as their recipe has them: two layers of 512, two of
    cells, equal in parameters."""
    sizes = dict(LSTM=192, LSTM_NPH=192, LSTM_NFG=230, SLSTM=292, GRU=230, SGRU=292)
    counts = [838_272, 837_120, 831_680, 811_760, 830_760, 812_344]
    for (name, n), count in zip(sizes.items(), counts):
        types = ["TANH", "TANH", name, name]
        net = DeepRecurrentNetwork(300, [512, 512, n, n], 80, types)
        assert sum(layer.n_params() for layer in net.layers[2:4]) == count
        rest = 301 * 512 + 513 * 512 + (n + 1) * 80
        assert net.n_params() == count + rest


def test_first_weights():
    """N(0, fan-in ** -1/2), of all layers the same for the same seed."""
    one, two = (
        DeepRecurrentNetwork(400, [300], 2, ["LSTM"], rng=seed) for seed in (1, 1)
    )
    W, U, p = (w.value for w in one.layers[0].forget_gate.weights)
    for w, fan in ((W, 400), (U, 300), (p, 300)):
        assert w.std() == pytest.approx(fan**-0.5, rel=0.1)
    for mine, other in zip(one.parameters().values(), two.parameters().values()):
        np.testing.assert_array_equal(mine.value, other.value)


def test_trains():
    """A hybrid network learns a batch of sequences of two lengths, by its mean squared
    error with the padding left out."""
    rng = np.random.default_rng(0)
    xs, mask = rng.normal(0, 1, (6, 2, 3)), np.arange(6)[:, None] < [6, 4]
    targets = np.cumsum(xs[..., :2], 0) / 3
    net = DeepRecurrentNetwork(3, [8, 8], 2, ["TANH", "BLSTM"], "RECURRENT", rng=0)
    trainer = Adam(0.01)

    def update():
        ys, _, _ = unroll(net, xs, mask=mask)
        return trainer.receive(mmse(ys, targets, mask) + 1e-5 * L2_cost(net))

    losses = [update() for _ in range(60)]
    assert losses[-1] < losses[0] / 10


def test_refused():
    """A name that is none, and lists of different lengths, are told so."""
    with pytest.raises(ValueError, match=r"no hidden layer 'LSMT' among .*BSLSTM"):
        DeepRecurrentNetwork(3, [4], 2, ["LSMT"])
    with pytest.raises(ValueError, match="no output layer 'TANH' among LINEAR"):
        DeepRecurrentNetwork(3, [4], 2, ["TANH"], "TANH")
    with pytest.raises(ValueError, match=r"one type for each size, got 1 .* 2 sizes"):
        DeepRecurrentNetwork(3, [4, 4], 2, ["TANH"])
