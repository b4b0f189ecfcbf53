"""Who may import whom, and how large the engine may be."""

import ast
import builtins
import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import pytest

import penne

ROOT = Path(penne.__file__).parent
ORDER = [
    "version",
    "grammar",
    "counts",
    "signature",
    "settings",
    "repeats",
    "dtypes",
    "leading",
    "operators",
    "calls",
    "pickling",
    "graph",
    "randomness",
    "rows",
    "ops.axes",
    "ops.elementwise",
    "ops.transcendental",
    "ops.rounding",
    "ops.shape",
    "ops.reduction",
    "ops.linear",
    "ops.selection",
    "ops.indexing",
    "ops.arrangement",
    "ops.diagonals",
    "ops.contraction",
    "ops.sorting",
    "ops.linalg",
    "ops.decomposition",
    "ops.opaque",
    "ops.numpy_names",
    "ops.numpy_shapes",
    "ops",
    "conv",
    "opening",
    "differentiate",
    "doorway",
    "places",
    "faults",
    "compute",
    "functions",
    "symbols",
    "composite",
    "loops",
    "modules",
    "exchanges",
    "forms",
    "drawing",
    "debugging",
    "tracing",
    "checkpointing",
    "initializers",
    "layers",
    "costs",
    "optimize.schedules",
    "optimize.clipping",
    "optimize.limits",
    "optimize.trainer",
    "optimize.momentum",
    "optimize.adaptive",
    "optimize.averages",
    "optimize",
    "files",
    "recurrent.structure",
    "recurrent.masking",
    "recurrent.reading",
    "recurrent.transducer",
    "recurrent.unit",
    "recurrent.cells",
    "recurrent.lstm",
    "recurrent.decoders",
    "recurrent.variants",
    "recurrent.composition",
    "recurrent.feedback",
    "recurrent.unrolling",
    "recurrent.scanning",
    "recurrent.merlin",
    "recurrent",
    "weights.blocks",
    "weights.cells",
    "weights.torch_layout",
    "weights.keras_layout",
    "weights.merlin_layout",
    "weights",
    "lm.reading",
    "lm.vocabulary",
    "lm.grouping",
    "lm.running",
    "lm.losses",
    "lm.sampling",
    "lm.branching",
    "lm.beam",
    "lm",
    "testing.directions",
    "testing.differences",
    "testing.elsewhere",
    "testing.rebuilt",
    "testing.gradients",
    "fast.threads",
    "fast.buffers",
    "fast.products",
    "fast.vectors",
    "fast.tiles",
    "fast.store",
    "fast.packing",
    "fast.sums",
    "fast.chains",
    "fast.formulas",
    "fast.helpers",
    "fast.simple_steps",
    "fast.writing",
    "fast.kernels",
    "fast.paying",
    "fast.rules",
    "fast.outline",
    "fast.components",
    "fast.unrolling",
    "fast.collect",
    "fast.deciding",
    "fast.ragged",
    "fast.first_steps",
    "fast.structure",
    "fast.halves",
    "fast.instructions",
    "fast.adjoint",
    "fast.rewriting",
    "fast.order",
    "fast.roles",
    "fast.fusing",
    "fast.describing",
    "fast.lowering",
    "fast.program",
    "fast.layout",
    "fast.recursions",
    "fast.running",
    "fast.alone",
    "fast.various",
    "fast.strangers",
    "fast.recipe",
    "fast.executor",
    "fast.explaining",
    "fast",
    "testing.numpy_table",
    "testing.tables.rows",
    "testing.tables.elementwise",
    "testing.tables.products",
    "testing.tables.shape",
    "testing.tables.selection",
    "testing.tables.composed",
    "testing.tables.arrays",
    "testing.tables.windows",
    "testing.tables.matrices",
    "testing.tables.numpys",
    "testing.tables",
    "testing.batched",
    "testing.papers",
    "testing.registry",
    "testing.graphs",
    "testing.strategies",
    "testing.laws",
    "testing.op_laws",
    "testing.transducer_laws",
    "testing.trainer_laws",
    "testing.each",
    "testing.plugin",
    "testing.mistakes",
    "testing.errors",
    "testing",
    "testing.__main__",
]


def module_name(path):
    """``ops/shape.py`` is ``ops.shape``, ``ops/__init__.py`` is ``ops``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(p for p in parts if p != "__init__")


def imported(path):
    """The modules of penne that the file at ``path`` imports."""
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            if node.module:
                yield ".".join([*base, node.module])
            else:
                yield from (".".join([*base, a.name]) for a in node.names)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names = [a.name for a in node.names]
            assert not any(n.startswith("penne") for n in names), "relative, please"


FILES = [f for f in sorted(ROOT.rglob("*.py")) if f != ROOT / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=module_name)
def test_layers(path):
    """A file imports only what stands above it in the table, and stands in it."""
    place = ORDER.index(module_name(path))
    for name in imported(path):
        assert ORDER.index(name) < place, f"{module_name(path)} imports {name}"


def code_lines(path):
    """How many lines of a file hold code: no comment, no docstring, no blank."""
    source = path.read_text()
    doc = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            if ast.get_docstring(node) is not None:
                doc |= set(range(node.body[0].lineno, node.body[0].end_lineno + 1))
    empty = (
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENDMARKER,
    )
    lines = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in empty:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - doc)


def test_size():
    """The engine is under 500 lines of code: it can be read in one sitting."""
    engine = ("signature", "graph", "differentiate", "compute")
    assert sum(code_lines(ROOT / f"{name}.py") for name in engine) < 500


def test_names():
    """``from penne import *`` gives names that exist and shadow no built-in, and no
    module has the name of a public function."""
    assert all(hasattr(penne, name) for name in penne.__all__)
    assert len(set(penne.__all__)) == len(penne.__all__)
    assert not set(penne.__all__) & set(dir(builtins))
    modules = {module_name(f).rpartition(".")[2] for f in FILES}
    assert not modules & {n for n in penne.__all__ if callable(getattr(penne, n))}


def test_light_import():
    """``import penne`` loads neither SciPy nor numba, matplotlib, tqdm, hypothesis."""
    heavy = ["scipy", "numba", "matplotlib", "tqdm", "hypothesis"]
    check = f"import sys, penne; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


SAID = re.compile(r"This module imports\s+((?:``[\w.]+``[\s,]*(?:and\s+)?)+)\.")


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda p: p.stem)
def test_what_a_module_says_that_it_imports(path):
    """It imports that, in this order, and nothing else of penne."""
    tree = ast.parse(path.read_text())
    doc = ast.get_docstring(tree) or ""
    inside = [x for x in tree.body if isinstance(x, ast.ImportFrom) and x.level]
    found = [[x.module] if x.module else [a.name for a in x.names] for x in inside]
    names = list(dict.fromkeys(name for some in found for name in some))
    if said := SAID.search(doc):
        assert re.findall(r"``([\w.]+)``", said[1]) == names
    if "imports nothing of penne" in " ".join(doc.split()):
        assert not names
