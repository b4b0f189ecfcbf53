"""Searches for the best text: by enumeration, and by hand, one hypothesis at a time."""

from itertools import product
from math import inf

from lm_models import surprises
from numpy.testing import assert_allclose

from penne import compute_value


def enumerated(model, size, length, start, stop, power=0.0):
    """Every text there is, each walked through by itself: (cost, text, log p, whether
    it ends with ``stop``), the best first."""
    others = [k for k in range(size) if k != stop]
    texts = [(*text, stop) for n in range(length) for text in product(others, repeat=n)]
    texts = ([] if stop is None else texts) + list(product(others, repeat=length))
    found = []
    for text in texts:
        logp = 0.0
        for x in surprises(model, [*start, *text])[len(start) - 1 :]:
            logp = logp - x
        ended = text[-1] == stop
        shown = text[:-1] if ended else text
        if logp > -inf:
            found.append((-logp / len(text) ** power, shown, logp, ended))
    return sorted(found)


def by_hand(
    model, length, start, stop, beam, n_best, power=0.0, begun=None, inputs=lambda k: k
):
    """The search, unbatched, never ended early: the state of each hypothesis is put
    back before its step."""
    if begun is None:
        model.start()
        begun = model.state
    model.state = begun
    for number in start[:-1]:
        model.step(inputs(number))
    live, ended = [((), 0.0, model.state, start[-1])], []
    for drawn in range(1, length + 1):
        following = []
        for text, logp, state, last in live:
            model.state = state
            after = compute_value(model.step(inputs(last)))
            for k, x in enumerate(after):
                if k == stop:
                    ended.append((-(logp + x) / drawn**power, text, logp + x, True))
                else:
                    following.append(((*text, k), logp + x, model.state, k))
        live = sorted(following, key=lambda x: (-x[1], x[0]))[:beam]
    ended += [(-x / length**power, text, x, False) for text, x, *_ in following]
    return sorted(ended)[:n_best]


def assert_found(found, expected):
    """The same texts with the same probabilities in the same order."""
    assert [x.symbols for x in found] == [list(x[1]) for x in expected]
    assert [x.finished for x in found] == [x[3] for x in expected]
    assert_allclose([x.logp for x in found], [x[2] for x in expected], rtol=1e-9)
    assert_allclose([x.score for x in found], [-x[0] for x in expected], rtol=1e-9)
