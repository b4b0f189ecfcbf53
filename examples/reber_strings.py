"""Strings of Reber's grammar, alone and embedded.

Reber 1967, *Implicit Learning of Artificial Grammars*.  A string begins with B and
ends in E; each state between offers one or two symbols.  Embedded, it stands within
B e ... e E, where e is T or P: Hochreiter and Schmidhuber 1997, *Long Short-Term
Memory*, experiment 1.

A lesson is a string without its end, and the symbols that may come after each of it.
"""

SYMBOLS = "BTSXPVE"
MOVES = [dict(T=1, P=5), dict(S=1, X=2), dict(S=3, X=5), dict(E=6), dict(V=3, P=2)]
MOVES += [dict(V=4, T=5), {}]  # nothing leads on from the last state, 6


def word(draw, longer_than):
    """A string of the grammar, both symbols of a state as likely: ``draw`` gives a
    number below another."""
    w, state = "B", 0
    while state != 6:
        moves = [*MOVES[state].items()]
        symbol, state = moves[draw(len(moves))]
        w += symbol
    return w if len(w) > longer_than else word(draw, longer_than)


def states(w):
    """The state after each symbol of w; None from where it leaves the grammar."""
    found = [0 if w[:1] == "B" else None]
    for symbol in w[1:]:
        found.append(None if found[-1] is None else MOVES[found[-1]].get(symbol))
    return found


def in_grammar(w):
    """Whether w is a string of the grammar, whole, and nothing beside."""
    return bool(w) and states(w)[-1] == 6


def in_embedded_grammar(w):
    """Whether w is such a string between the same symbols, T or P, and B and E."""
    ends = w[:2] + w[-2:]
    return ends in ("BTTE", "BPPE") and in_grammar(w[2:-2])


def lesson(w):
    """The lesson of a string of the grammar."""
    return w[:-1], [MOVES[state] for state in states(w)[:-1]]


def embedded_lesson(w, e):
    """The lesson of B e w e E."""
    return f"B{e}{w}{e}", ["TP", "B", *lesson(w)[1], e, "E"]
