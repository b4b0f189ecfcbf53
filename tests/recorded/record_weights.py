"""Record weights of PyTorch's and Keras's layers, and what the layers make of a batch.

To run it (any PyTorch; Keras 3 with any backend; CPU; a few seconds), from anywhere::

    python tests/recorded/record_weights.py torch
    KERAS_BACKEND=torch python tests/recorded/record_weights.py keras

Each writes ``weights_torch.npz`` or ``weights_keras.npz`` beside itself, of arrays in
float64, though Keras computes in single precision, by the names CASE/weights/NAME,
CASE/outputs, ...; and ``tests/test_weights.py`` holds penne's layers with these weights
against them.
"""

import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
STEPS, BATCH, IN, OUT, SYMBOLS = 5, 3, 3, 4, 6
LENGTHS = np.array([5, 2, 3])
rng = np.random.RandomState(0)
INPUTS = rng.normal(0, 1, (STEPS, BATCH, IN))
TEXT = rng.randint(0, SYMBOLS, (STEPS, BATCH))
MASK = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]], bool)


def torch_cases():
    """Every layer of PyTorch's with its outputs, final states, and those of a packed
    batch; and a model of three modules."""
    import torch
    from torch import nn
    from torch.nn.utils import rnn

    torch.set_default_dtype(torch.float64)
    torch.manual_seed(0)
    deep = {"num_layers": 2, "bidirectional": True}
    layers = {
        "lstm": nn.LSTM(IN, OUT),
        "lstm_deep": nn.LSTM(IN, OUT, **deep),
        "lstm_no_bias": nn.LSTM(IN, OUT, bias=False),
        "lstm_projection": nn.LSTM(IN, OUT, proj_size=2, num_layers=2),
        "gru": nn.GRU(IN, OUT),
        "gru_deep": nn.GRU(IN, OUT, **deep),
        "gru_no_bias": nn.GRU(IN, OUT, bias=False),
        "rnn": nn.RNN(IN, OUT),
        "rnn_deep": nn.RNN(IN, OUT, nonlinearity="relu", **deep),
    }
    found = {}
    x = torch.tensor(INPUTS)
    packed = rnn.pack_padded_sequence(x, LENGTHS, enforce_sorted=False)
    for name, layer in layers.items():
        outputs, state = layer(x)
        ragged, last = layer(packed)
        hs, lasts = (s if isinstance(s, tuple) else (s,) for s in (state, last))
        case = {
            "outputs": outputs,
            "ragged": rnn.pad_packed_sequence(ragged, total_length=STEPS)[0],
        }
        for letter, h, short in zip("hc", hs, lasts):
            case |= {letter: h, f"ragged_{letter}": short}
        case |= {f"weights/{k}": w for k, w in layer.state_dict().items()}
        found |= {f"{name}/{k}": v for k, v in case.items()}
    embed, gru, out = nn.Embedding(SYMBOLS, IN), nn.GRU(IN, OUT), nn.Linear(OUT, 2)
    model = nn.ModuleDict({"embed": embed, "rnn": gru, "out": out})
    found |= {f"model/weights/{k}": w for k, w in model.state_dict().items()}
    found["model/outputs"] = out(gru(embed(torch.tensor(TEXT)))[0])
    arrays = {k: v.detach().numpy() for k, v in found.items()}
    return arrays, f"PyTorch {torch.__version__}"


def keras_cases():
    """Every layer of Keras's with its outputs, the last, and the final state, under a
    mask and without; backwards; two directions; and a model."""
    import keras
    from keras import layers

    keras.config.set_floatx("float64")
    keras.utils.set_random_seed(0)
    options = {"return_sequences": True, "return_state": True}
    options |= {"bias_initializer": "random_normal"}
    made = {
        "lstm": layers.LSTM(OUT, **options),
        "lstm_backwards": layers.LSTM(OUT, go_backwards=True, **options),
        "lstm_no_bias": layers.LSTM(OUT, use_bias=False, **options),
        "gru": layers.GRU(OUT, **options),
        "gru_before": layers.GRU(OUT, reset_after=False, **options),
        "rnn": layers.SimpleRNN(OUT, **options),
        "both": layers.Bidirectional(layers.LSTM(OUT, **options)),
        "both_gru": layers.Bidirectional(layers.GRU(OUT, **options)),
    }
    found, array = {}, keras.ops.convert_to_numpy
    x, mask = INPUTS.swapaxes(0, 1).copy(), MASK.T.copy()
    for name, layer in made.items():
        for prefix, keywords in [("", {}), ("masked_", {"mask": mask})]:
            outputs, *states = map(array, layer(x, **keywords))
            found[f"{name}/{prefix}outputs"] = outputs
            for k, state in enumerate(states):
                found[f"{name}/{prefix}state{k}"] = state
        found |= listed(name, layer)
    last = layers.Bidirectional(layers.LSTM(OUT))
    found["last/outputs"] = array(last(x, mask=mask))
    found |= listed("last", last)
    model = keras.Sequential(
        [
            layers.Embedding(SYMBOLS, IN),
            layers.Bidirectional(layers.GRU(OUT, return_sequences=True)),
            layers.SimpleRNN(OUT, return_sequences=True),
            layers.Dense(2, bias_initializer="random_normal"),
        ]
    )
    found["model/outputs"] = array(model(TEXT.T.copy()))
    found |= listed("model", model)
    return found, f"Keras {keras.__version__}, {keras.backend.backend()}"


def listed(name, layer):
    """The weights of a layer of Keras's, in its order."""
    return {f"{name}/weights/{k:02}": w for k, w in enumerate(layer.get_weights())}


def main():
    """Record what the library named on the command line gives."""
    (which,) = sys.argv[1:]
    cases, made = {"torch": torch_cases, "keras": keras_cases}[which]()
    cases = {name: np.asarray(x, np.float64) for name, x in cases.items()}
    made = f"{made}, tests/recorded/record_weights.py"
    given = {"inputs": INPUTS, "text": TEXT, "mask": MASK, "lengths": LENGTHS}
    np.savez_compressed(HERE / f"weights_{which}.npz", made_by=made, **given, **cases)


if __name__ == "__main__":
    main()
