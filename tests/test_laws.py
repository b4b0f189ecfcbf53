"""Laws have names, every class has them tried, mistakes in checks are told."""

import numpy as np
import pytest
from hypothesis import strategies as st

from penne import *
from penne.testing import check_gradient, check_transducer
from penne.testing.op_laws import LAWS as OP_LAWS
from penne.testing.registry import missing
from penne.testing.trainer_laws import LAWS as TRAINER_LAWS
from penne.testing.transducer_laws import LAWS as TRANSDUCER_LAWS


def test_every_class_has_a_row():
    """Every transducer and trainer of penne's has the laws tried on it."""
    assert missing() == []


def test_laws_are_named():
    """A law has a name of its own and a sentence."""
    for laws in (OP_LAWS, TRANSDUCER_LAWS, TRAINER_LAWS):
        assert len({law.name for law in laws}) == len(laws)
        assert all(law.says for law in laws)


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
