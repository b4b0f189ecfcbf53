"""What is saved is what is loaded, by name, whole or not at all."""

import os
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penne import *

CLASSES = '''
import sys
import numpy as np
from penne import *


class Forwards(Module):
    """Two layers, a tied one, a learned first state, a dict and a list."""

    def __init__(self, seed):
        self.embedding = Layer(-5, 4, rng=seed)
        self.cell = Learned(seed + 1)
        self.out = Layer(4, 5, f=logsoftmax, rng=seed + 2)
        self.again = self.embedding
        self.weight = self.out.weights[0]
        self.more = {"a": Layer(2, 2, rng=seed + 3), 7: [parameter([0.5 + seed])]}

    def loss(self, symbols):
        hs = self.cell.transduce([self.embedding(k) for k in symbols[:-1]])
        return -sum(self.out(h)[k] for h, k in zip(hs, symbols[1:]))


class Backwards(Forwards):
    """The same, made in another order."""

    def __init__(self, seed):
        self.more = {7: [parameter([0.5 + seed])], "a": Layer(2, 2, rng=seed)}
        self.out = Layer(4, 5, f=logsoftmax, rng=seed + 5)
        self.weight = self.out.weights[0]
        self.again = Layer(-5, 4, rng=seed + 6)
        self.cell = Learned(seed + 7)
        self.embedding = self.again


class Learned(Transducer):
    def __init__(self, seed):
        self.h = None
        self.layer = Layer([4, 4], 4, rng=seed)
        self.initial = parameter(np.full(4, seed))

    def start(self):
        self.h = self.initial

    def step(self, x):
        self.h = self.layer(x, self.h)
        return self.h
'''
exec(CLASSES)


def elsewhere(program, *arguments):
    """What a program prints in a process of its own."""
    code = CLASSES + textwrap.dedent(program)
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def values(module):
    """A copy of every parameter's value by name."""
    return {name: p.value.copy() for name, p in module.names().items()}


def assert_same(one, other):
    """Equal names and equal bits."""
    assert list(one) == list(other)
    for name in one:
        assert one[name].dtype == other[name].dtype
        np.testing.assert_array_equal(one[name], other[name])


@pytest.fixture
def path(tmp_path):
    """A file in an empty folder."""
    return tmp_path / "model.npz"


# --- names ----------------------------------------------------------------------------


def test_another_process(path):
    """Saved in one process, loaded in another where the layers are made in another
    order, after it has run: training goes on bit for bit."""
    program = """
        kind, path = sys.argv[1:]
        model = dict(Forwards=Forwards, Backwards=Backwards)[kind](1)
        trainer = Adam(0.1, groups={model.embedding: Momentum()})
        average = Average(model, decay=0.5)
        compute_value(model.loss([3, 2]))
        for k in range(6):
            if k == 3 and kind == "Forwards":
                save(model, path, trainer=trainer, average=average)
            if k == 3 and kind == "Backwards":
                load(path, model, trainer=trainer, average=average)
            print(trainer.receive(model.loss([0, 1, 2, 1, 4])).hex())
            average.update()
        print(average.state["cell.initial.average"].tobytes().hex())
    """
    expected = elsewhere(program, "Forwards", path)
    found = elsewhere(program, "Backwards", path)
    assert found[:3] != expected[:3]
    assert found[3:] == expected[3:]


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("kind", [Forwards, Backwards])
def test_names(kind, after):
    """A name depends on what holds the parameter, not on the order in which that was
    made, nor on the state; a tied parameter has one."""
    model = kind(0)
    if after:
        model.cell.start()
        assert model.cell.h is model.cell.initial
    assert list(model.names()) == [
        "again.bias",
        "again.weights.0",
        "cell.initial",
        "cell.layer.bias",
        "cell.layer.weights.0",
        "cell.layer.weights.1",
        "more.7.0",
        "more.a.bias",
        "more.a.weights.0",
        "out.bias",
        "out.weights.0",
    ]
    assert set(model.names().values()) == set(model.parameters().values())


def test_colliding_names(path):
    """Two parameters at one path are an error, for one of them would be lost."""
    model = Module()
    model.held = {"a.b": parameter([1.0]), "a": {"b": parameter([2.0])}}
    for ask in (model.parameters, model.names, lambda: save(model, path)):
        with pytest.raises(ValueError, match=r"two have the path 'held\.a\.b'"):
            ask()


def test_any_names(path):
    """Keys may be any text: keywords of NumPy's, slashes, what is not ASCII."""
    keys = ["file", "allow_pickle", "arr_0", "a/b", "model/x", "ü ≠ π", "", "format"]
    one, two = Module(), Module()
    one.held = {key: parameter([float(k)]) for k, key in enumerate(keys)}
    two.held = {key: parameter([-1.0]) for key in reversed(keys)}
    save(one, path)
    load(path, two)
    assert [float(two.held[key].value[0]) for key in keys] == list(range(len(keys)))


texts = st.text("ab./\\:\0\n\ud800üπ", max_size=6) | st.text(max_size=6)


@given(st.lists(texts, min_size=1, max_size=3, unique=True))
@example(["a\0"])
@example(["\ud800"])
def test_written_or_refused(tmp_path_factory, keys):
    """What was written can be read; a key that no file can hold is an error that shows
    it, and nothing is written."""
    path = tmp_path_factory.mktemp("keys") / "model.npz"
    one, two = Module(), Module()
    one.held = {key: parameter([float(k)]) for k, key in enumerate(keys)}
    two.held = {key: parameter([-1.0]) for key in keys}
    refused = [x for x in keys if "\0" in x or any("\ud800" <= c < "\ue000" for c in x)]
    if refused:
        with pytest.raises(
            ValueError, match="save: no file can hold the name"
        ) as error:
            save(one, path)
        assert any(repr(f"held.{key}") in str(error.value) for key in refused)
        assert not os.listdir(path.parent)
        return
    save(one, path)
    load(path, two)
    assert [float(two.held[key].value[0]) for key in keys] == list(range(len(keys)))


# --- values ---------------------------------------------------------------------------


@given(st.integers(0, 99), st.sampled_from(["float32", "float64"]))
def test_bits(tmp_path_factory, seed, dtype):
    """Values come back to the bit: NaN, infinities, -0, denormal and empty ones too;
    into the same arrays."""
    path = tmp_path_factory.mktemp("bits") / "model.npz"
    rng = np.random.default_rng(seed)
    one, two = Module(), Module()
    odd = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e-45], dtype)
    shapes = [(), (0, 3), (2, 3), (6,)]
    drawn = [rng.normal(0, 1, shape).astype(dtype) for shape in shapes]
    one.ps = [parameter(x) for x in [*drawn, odd, drawn[2].T]]
    two.ps = [parameter(np.zeros_like(p.value)) for p in one.ps]
    arrays = [p.value for p in two.ps]
    save_model(one, path)
    load_model(path=path, module=two)
    for p, q, array in zip(one.ps, two.ps, arrays):
        assert q.value.tobytes() == p.value.tobytes()
        assert q.value is array


def test_precision(path):
    """A float64 file fits a float32 model, rounded, and the other way round."""
    with default_dtype("float64"):
        wide = Layer(3, 2, rng=0)
    narrow = Layer(3, 2, rng=1)
    save(wide, path)
    load(path, narrow)
    expected = wide.weights[0].value.astype(np.float32)
    np.testing.assert_array_equal(narrow.weights[0].value, expected)
    assert narrow.weights[0].value.dtype == np.float32


def test_nothing_but_numpy(path):
    """A file is read by NumPy alone, without pickle."""
    save(Layer(3, 2, bias=0.5), path, trainer=SGD())
    with np.load(path, allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    np.testing.assert_array_equal(found["model/bias"], [0.5, 0.5])
    assert sorted(found) == [
        "format",
        "model/bias",
        "model/weights.0",
        "trainer/steps",
    ]


def test_trainer_passed_over(path):
    """The state of a trainer in a file is passed over where none is given; where one
    is given and the file has none, that is an error."""
    layer, trainer = Layer(3, 2), Adam()
    trainer.receive(asum(layer(np.ones(3))))
    save(layer, path, trainer=trainer)
    load(path, Layer(3, 2))
    save(layer, path)
    with pytest.raises(ValueError, match="missing: trainer/steps"):
        load(path, layer, trainer=Adam())


# --- what does not fit ----------------------------------------------------------------


def test_all_that_is_wrong_in_one_message(path):
    """Missing, unknown, mis-shaped names and wrong kinds are listed together, and
    neither the module nor trainer nor average has changed."""
    saved = Module()
    saved.same, saved.old = parameter([9.0]), Layer(2, 2)
    saved.wide, saved.number = parameter([1.0, 2.0]), parameter([1.0])
    trainer = Momentum()
    trainer.receive(asum(saved.same))
    average = Average(saved)
    average.update()
    save(saved, path, trainer=trainer, average=average)
    rewrite(path, {"model/number": np.array([1])})

    model = Module()
    model.same, model.new = parameter([1.0]), Layer(3, 2)
    model.wide, model.number = parameter([1.0]), parameter([5.0])
    trainer, average = Adam(), Average(model)
    trainer.receive(asum(model.same))
    average.update()
    before = values(model), trainer.state(model), average.state
    with pytest.raises(ValueError, match="does not fit") as caught:
        load(path, model, trainer=trainer, average=average)
    for expected in [
        "missing: model/new.bias, model/new.weights.0, trainer/same.mean",
        "not known here: model/old.bias, model/old.weights.0, ",
        "trainer/same.velocity",
        "of another shape: model/wide (here (1,), given (2,))",
        "of another kind: model/number (here float32, given int64)",
    ]:
        assert expected in str(caught.value)
    for one, other in zip(before, (values(model), trainer.state(model), average.state)):
        assert_same(one, other)


def rewrite(path, changes):
    """The file with some arrays replaced, or left out where None."""
    with np.load(path) as file:
        found = {name: file[name] for name in file.files} | changes
    np.savez(path, **{name: x for name, x in found.items() if x is not None})


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"model/bias": None}, "missing: model/bias"),
        ({"model/extra": np.zeros(2)}, "not known here: model/extra"),
        ({"other/extra": np.zeros(2)}, "not known here: other/extra"),
        ({"model/bias": np.zeros((2, 1))}, r"shape: model/bias \(here \(2,\), given"),
        ({"model/bias": np.zeros(2, complex)}, "kind: model/bias"),
        ({"model/bias": np.array(["a", "b"])}, "kind: model/bias"),
        ({"format": None}, "not of save"),
        ({"format": np.array("1")}, "not of save"),
        ({"format": np.array(2)}, "of a later penne, in format 2"),
        ({"model/bias": np.array([None, 1])}, "damaged: Object arrays"),
    ],
)
def test_each_way_of_being_wrong(path, changes, what):
    """Each is an error that says what is wrong, and changes nothing."""
    layer = Layer(3, 2)
    save(layer, path)
    rewrite(path, changes)
    other = Layer(3, 2)
    before = values(other)
    with pytest.raises(ValueError, match=what):
        load(path, other)
    assert_same(values(other), before)


def foreign():
    """Files that are none of save's, by kind."""
    pickled = pickle.dumps({"weights": np.ones(3)})
    return {"text": b"weights: 1 2 3\n", "pickle": pickled, "empty": b"", "zip": b"PK"}


@pytest.mark.parametrize("kind", foreign())
def test_foreign(path, kind):
    """Text, pickles and empty files are refused with what to write; nothing in them is
    run."""
    path.write_bytes(foreign()[kind])
    with pytest.raises(ValueError, match=r"no \.npz file; .*save\(module, path\)"):
        load(path, Layer(3, 2))


def test_other_npz(path):
    """An .npz or .npy of another hand is said to be one."""
    np.savez(path, weights=np.ones(3))
    with pytest.raises(ValueError, match=r"not of save; .*save\(module, path\)"):
        load(path, Layer(3, 2))
    with open(path, "wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(ValueError, match=r"no \.npz file"):
        load(path, Layer(3, 2))


@given(st.data())
def test_damaged(tmp_path_factory, data):
    """Cut short anywhere, or with any byte changed, a file is refused with what to
    write, or says the same as before."""
    path = tmp_path_factory.mktemp("damaged") / "model.npz"
    saved, other = Layer(3, 2, rng=0), Layer(3, 2, rng=1)
    save(saved, path)
    good, before = path.read_bytes(), values(other)
    place = data.draw(st.integers(0, len(good) - 1))
    if data.draw(st.booleans()):
        path.write_bytes(good[:place])
    else:
        byte = bytes([good[place] ^ data.draw(st.integers(1, 255))])
        path.write_bytes(good[:place] + byte + good[place + 1 :])
    refused = None
    try:
        load(path, other)
    except ValueError as error:
        refused = str(error)
    assert refused is None or refused.startswith("load: ")
    assert_same(values(other), before if refused else values(saved))


def test_damaged_header(path):
    """A dtype changed to a shorter one, which NumPy would read, is seen."""
    layer = Layer(100, 50)
    save(layer, path)
    path.write_bytes(path.read_bytes().replace(b"'<f4'", b"'<f2'"))
    with pytest.raises(ValueError, match=r"damaged: Bad CRC"):
        load(path, layer)


def test_no_module(path):
    """Arguments in another order are an error that says the order."""
    layer = Layer(3, 2)
    for wrong in (lambda: save(str(path), layer), lambda: load(path, [layer])):
        with pytest.raises(
            TypeError, match=r"takes a module, got \w+; write save\(mod"
        ):
            wrong()
    with pytest.raises(FileNotFoundError):
        load(path, layer)


# --- whole or not at all --------------------------------------------------------------


@pytest.mark.parametrize("function", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError("no space left"), KeyboardInterrupt()])
def test_failing(path, monkeypatch, function, error):
    """Where writing fails the file is as it was, or is not there, and nothing else."""

    def fail(*arguments):
        raise error

    for there in (False, True):
        if there:
            save(Layer(3, 2, rng=0), path)
        before = path.read_bytes() if there else None
        with monkeypatch.context() as patch:
            patch.setattr(os, function, fail)
            with pytest.raises(type(error)):
                save(Layer(3, 2, rng=1), path)
        assert (path.read_bytes() if path.exists() else None) == before
        assert os.listdir(path.parent) == [path.name] * there


def test_crash(path):
    """A process that dies in the middle of writing leaves the old file."""
    layer = Layer(30, 20, rng=0)
    save(layer, path)
    program = """
        import os
        os.fsync = lambda *arguments: os._exit(0)
        save(Layer(30, 20, rng=1), sys.argv[1])
    """
    elsewhere(program, path)
    other = Layer(30, 20, rng=2)
    load(path, other)
    assert_same(values(other), values(layer))


@pytest.mark.skipif(os.name != "posix", reason="links and modes are POSIX's")
def test_links_and_modes(path, tmp_path):
    """The name is taken as it is; a link stays one; a new file has the usual mode."""
    link, place = tmp_path / "link", tmp_path / "no suffix"
    link.symlink_to(place)
    save(Layer(3, 2), str(link))
    assert link.is_symlink()
    plain = tmp_path / "plain"
    plain.touch()
    assert place.stat().st_mode == plain.stat().st_mode
    load(link, Layer(3, 2))
