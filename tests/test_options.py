"""The options of the family: which are taken, and which are refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penne import *
from penne.recurrent import variants as V

SWITCHES = ("gate_recurrence", "shared_input", "layer_norm", "learned_start")
bools = st.booleans()


@given(
    st.tuples(bools, bools, bools),
    st.sampled_from(["coupled", None]),
    st.tuples(bools, bools, bools, bools),
)
def test_bools_of_numpy(gates, coupled, switches):
    """Options that are NumPy's bools and strings are as Python's: the same gates, the
    same numbers."""
    options = dict(zip(("input_gate", "forget_gate", "output_gate"), gates))
    options |= {"forget_gate": coupled, "input_gate": True} if coupled else {}
    options |= dict(zip(SWITCHES, switches))
    options |= {"peepholes": None, "gate_recurrence": switches[0] and any(gates)}
    other = {
        name: np.str_(x) if isinstance(x, str) else x if x is None else np.bool_(x)
        for name, x in options.items()
    }
    one, two = LSTM(3, 2, rng=0, **options), LSTM(3, 2, rng=0, **other)
    assert one.kinds == two.kinds
    assert one.gate_names == two.gate_names
    assert one.parameters().keys() == two.parameters().keys()
    xs = np.cos(np.arange(4)[:, None] + np.arange(3))
    ys = (compute_value(r.transduce(xs)) for r in (one, two))
    np.testing.assert_array_equal(*ys)


WRONG = [
    (dict(input_gate="coupled"), "one is to be True"),
    (dict(input_gate="coupled", forget_gate=False), "one is to be True"),
    (dict(forget_gate="coupled", input_gate=False), "one is to be True"),
    (dict(output_gate="coupled"), "output_gate is True or False"),
    (dict(forget_gate="absent"), 'True, False or "coupled"'),
    *[(dict(forget_gate=x), 'True, False or "coupled", got') for x in (1, 0.0, None)],
    (dict(output_gate=np.array(True)), 'True, False or "coupled", got array'),
    (dict(learned_start=np.ones(2)), "learned_start is True or False, got array"),
    (dict(layer_norm=1), "layer_norm is True or False, got 1"),
    (dict(gate_recurrence="no"), "gate_recurrence is True or False, got 'no'"),
    (dict(shared_input=None), "shared_input is True or False, got None"),
    (dict(peepholes="full"), 'peepholes is "diagonal" or None'),
    (dict(recurrence="none"), 'recurrence is "full" or "diagonal"'),
    (dict(recurrence="diagonal", projection=2), 'takes recurrence="full"'),
    (dict(projection=0), "projection is at least 1"),
    (dict(forget_gate=False, forget_bias=1.0), "takes a forget gate"),
    (dict(bias=None, forget_bias=1.0), "leave bias=None out"),
    (dict(input_activation=abs), "write a Transducer"),
    (dict(truncate=2), r"call detach\(\)"),
    (dict(truncate=1, learned_start=True), "no gradient reaches"),
    (dict(zoneout=1.0), "at least 0 and below 1"),
    (dict(gal_dropout=-0.5), "at least 0 and below 1"),
]
BARE = dict(input_gate=False, forget_gate=False, output_gate=False)


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_refused(options, message):
    """Options that do not go together are refused, with what to write instead."""
    with pytest.raises(ValueError, match=message):
        LSTM(3, 2, **options)


def test_refused_by_others():
    """So are those of other cells, and options that a cell does not have."""
    with pytest.raises(ValueError, match="write peepholes=None"):
        LSTM(3, 2, **BARE)
    with pytest.raises(ValueError, match="no gate is left to recur"):
        LSTM(3, 2, peepholes=None, gate_recurrence=True, **BARE)
    with pytest.raises(ValueError, match='reset is "before" or "after"'):
        GRU(3, 2, reset="never")
    with pytest.raises(ValueError, match='update is "keep" or "write"'):
        GRU(3, 2, update="never")
    with pytest.raises(ValueError, match='takes reset="after"'):
        GRU(3, 2, recurrent_bias=True)
    with pytest.raises(ValueError, match=r"recurrent_bias is True or False, got 1\.0"):
        GRU(3, 2, reset="after", recurrent_bias=1.0)
    with pytest.raises(ValueError, match="zoneout is one number"):
        GRU(3, 2, zoneout=(0.1, 0.1))
    with pytest.raises(ValueError, match="zoneout is a pair, for c and h"):
        LSTM(3, 2, zoneout=(0.1, 0.1, 0.1))
    with pytest.raises(TypeError, match="gal_dropout is a probability, got 'much'"):
        LSTM(3, 2, gal_dropout="much")
    for wrong in ("much", True, [1.0, 2.0]):
        with pytest.raises(TypeError, match="forget_bias is a number or None, got"):
            LSTM(3, 2, forget_bias=wrong)
    with pytest.raises(ValueError, match="write gal_dropout"):
        Simple(3, 2, semeniuta_dropout=0.1)
    with pytest.raises(TypeError, match="VanillaLSTM: no option 'peephole' among"):
        V.VanillaLSTM(3, 2, peephole=None)
    for name in ("input_gate", "zoneout", "init"):
        assert name in V.VanillaLSTM.options()
