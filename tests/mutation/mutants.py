"""Mutants of a file: what cosmic-ray's operators make of it, where it can matter.

Left out, as they change no meaning or only words: annotations, type aliases and
overloads, and what stands in a ``raise``, which is the text of an error.
Of ``penne/ops`` and ``penne/conv.py`` only the gradient rules are taken: what is given
as ``gradient=`` or ``total=``, and the private functions of the file that it names.
"""

import ast
import pickle
import sys
import warnings
from functools import cache, lru_cache
from pathlib import Path
from typing import NamedTuple

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import MutationVisitor

ROOT = Path(__file__).parents[2]
RULES = ("gradient", "total")


class Mutant(NamedTuple):
    """One change of one file: the occurrence of an operator, and where it stands."""

    file: str
    operator: str
    occurrence: int
    line: int
    column: int

    @property
    def source(self):
        """The file with the change."""
        return _mutated(self.file, self.operator, self.occurrence)

    @property
    def change(self):
        """The line before and after."""
        before, after = read(self.file).splitlines(), self.source.splitlines()
        pairs = [(a, b) for a, b in zip(before, after) if a != b]
        old, new = pairs[0] if pairs else (before[self.line - 1], "")
        return f"{self.file}:{self.line}: `{old.strip()}` -> `{new.strip()}`"


@cache
def read(file):
    """The text of a file of the repository."""
    return (ROOT / file).read_text()


@cache
def _pickled(file):
    """What cosmic-ray parses a file to; its operators change it."""
    sys.setrecursionlimit(10_000)
    return pickle.dumps(get_ast(read(file)), -1)


@lru_cache(maxsize=8)
def _mutated(file, operator, occurrence):
    visitor = MutationVisitor(occurrence, _operators()[operator])
    return visitor.walk(pickle.loads(_pickled(file))).get_code()


@cache
def _tree(file):
    return ast.parse(read(file))


@cache
def _operators():
    kinds = {name: plugins.get_operator(name) for name in plugins.operator_names()}
    return {name: kind() for name, kind in kinds.items() if not kind.arguments()}


def mutants(file, rules_only):
    """All mutants of a file that can matter; some may not compile."""
    tree = _tree(file)
    left_out, wanted = list(_meaningless(tree)), list(_rules(tree))
    nodes, found = list(ast_nodes(get_ast(read(file)))), []
    for name, operator in _operators().items():
        places = [p for node in nodes for p in operator.mutation_positions(node)]
        for k, ((line, column), _) in enumerate(places):
            here = line, column
            if any(start <= here < end for start, end in left_out):
                continue
            if not rules_only or any(start <= here < end for start, end in wanted):
                found.append(Mutant(file, name, k, line, column))
    return found


def compiles(mutant):
    """Whether a mutant is Python; not so what Python itself warns of, ``is`` beside a
    literal."""
    try:
        with warnings.catch_warnings(action="error", category=SyntaxWarning):
            compile(mutant.source, mutant.file, "exec")
    except SyntaxError:
        return False
    return mutant.source != read(mutant.file)


def _span(node):
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _meaningless(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            yield _span(node.annotation)
        elif isinstance(node, ast.FunctionDef) and node.returns:
            yield _span(node.returns)
        elif isinstance(node, ast.Raise):
            yield _span(node)
        elif isinstance(node, ast.Name) and node.id == "overload":
            yield (node.lineno, node.col_offset - 1), _span(node)[1]
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.BinOp):
            if isinstance(node.value.op, ast.BitOr):
                yield _span(node)


def _rules(tree):
    """Where the gradient rules of a file stand."""
    private = {
        node.name: node
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("_")
        and not node.decorator_list
    }
    given = [k.value for k in ast.walk(tree) if getattr(k, "arg", "") in RULES]
    given = [node for node in given if isinstance(node, ast.Lambda | ast.Name)]
    while given:
        rule = given.pop()
        yield _span(rule)
        names = {n.id for n in ast.walk(rule) if isinstance(n, ast.Name)}
        given += [private.pop(name) for name in names & private.keys()]


def lines_of(file, line, column):
    """The lines that run together with a place: of the innermost function whose body
    it stands in; None for what runs when the file is imported."""
    best = None
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            body = node.body if isinstance(node.body, list) else [node.body]
            start, end = _span(body[0])[0], _span(body[-1])[1]
            if start <= (line, column) < end:
                if best is None or start >= best[0]:
                    best = start, end, body
    return best and _statement(best[2], (line, column))


def _statement(body, here):
    """The lines of the innermost statement of a function's body around a place; of
    one with a body of its own, those of its head."""
    for node in body:
        start, end = _span(node)
        if start <= here < end:
            inner = [n for n in ast.iter_child_nodes(node) if isinstance(n, ast.stmt)]
            inner += [
                n
                for child in ast.iter_child_nodes(node)
                if isinstance(child, ast.ExceptHandler)
                for n in child.body
            ]
            found = _statement(inner, here)
            last = inner[0].lineno - 1 if inner else node.end_lineno
            return found or range(node.lineno, max(last, node.lineno) + 1)
    return None
