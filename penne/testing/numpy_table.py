"""The table of NumPy's functions in docs/numpy.md, made from what penne has.

    python -m penne.testing.numpy_table > docs/numpy.md

Each public function of ``numpy`` and ``numpy.linalg`` is there, with a gradient or
constant to gradients, or is not, with what to write instead.  This module imports
``graph`` and ``operators``.
"""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np

from ..graph import Op
from ..operators import NUMPY

INSTEAD = {
    "takes no expression: its arrays are constants beside one": """
        arange bartlett blackman diag_indices diag_indices_from empty empty_like eye
        fromfunction geomspace hamming hanning identity indices kaiser logspace
        mask_indices ones tri tril_indices tril_indices_from triu_indices
        triu_indices_from zeros""",
    "how many there are depends on values: NumPy's of `compute_value(x)`": """
        argwhere compress extract flatnonzero intersect1d isin nonzero setdiff1d
        setxor1d trim_zeros union1d unique unique_all unique_counts unique_inverse
        unique_values""",
    "counts and bits: NumPy's of `compute_value(x)`": """
        bincount bitwise_and bitwise_count bitwise_invert bitwise_left_shift bitwise_not
        bitwise_or bitwise_right_shift bitwise_xor digitize gcd histogram histogram2d
        histogram_bin_edges histogramdd invert lcm left_shift lexsort packbits
        ravel_multi_index right_shift searchsorted unpackbits unravel_index""",
    "asks for values: NumPy's of `compute_value(x)`": """
        allclose array_equal array_equiv frexp isclose isnat nextafter spacing
        linalg.cond linalg.matrix_rank""",
    "expressions are real": """
        angle common_type iscomplex iscomplexobj isreal isrealobj mintypecode
        sort_complex""",
    "complex in general: `penne.op` with a gradient of your own": """
        roots linalg.eig linalg.eigvals""",
    "makes an array: `penne.constant(a)`, or `penne.stack` of expressions": """
        array asanyarray asarray asarray_chkfinite ascontiguousarray asfortranarray
        asmatrix require""",
    "expressions do not change: `penne.setitem(x, index, value)`": """
        copyto fill_diagonal place put put_along_axis putmask""",
    "write it with ops, or `penne.op(..., batch=False, gradient=penne.numerical)`": """
        apply_along_axis apply_over_axes frompyfunc i0 interp piecewise polydiv unwrap
        linalg.qr""",
    "shapes: `x.shape`": "broadcast_shapes ix_ nested_iters",
    "nothing of expressions": """
        array2string array_repr array_str base_repr binary_repr bmat busday_count
        busday_offset can_cast datetime_as_string datetime_data einsum_path
        format_float_positional format_float_scientific from_dlpack frombuffer fromfile
        fromiter fromregex fromstring genfromtxt get_include get_printoptions getbufsize
        geterr geterrcall info is_busday isdtype isfortran isscalar issubdtype iterable
        load loadtxt may_share_memory min_scalar_type printoptions promote_types
        result_type save savetxt savez savez_compressed set_printoptions setbufsize
        seterr seterrcall shares_memory show_config show_runtime test typename
        linalg.test""",
}  # fmt: skip
# What gives the same; behind "with" stands what one name of it is.
CODE = {
    "block": "np.concatenate([np.concatenate(row, -1) for row in rows], -2)",
    "broadcast_arrays": "[np.broadcast_to(a, s) for a in (x, y)] "
    "with s = np.broadcast_shapes(x.shape, y.shape)",
    "choose": "np.take_along_axis(np.stack(choices), index[None], 0)[0]",
    "copysign": "np.where(np.less(y, 0), -np.absolute(x), np.absolute(x))",
    "corrcoef": "z @ z.T / x.shape[1] "
    "with z = (x - np.mean(x, 1, keepdims=True)) / np.std(x, 1, keepdims=True)",
    "cov": "away @ away.T / (x.shape[1] - 1) "
    "with away = x - np.mean(x, 1, keepdims=True)",
    "delete": "x[np.delete(np.arange(len(x)), index)]",
    "diagflat": "np.diag(np.ravel(x))",
    "divmod": "x // y, x % y",
    "ediff1d": "np.diff(np.ravel(x))",
    "fmod": "x - y * np.trunc(x / y)",
    "full": "np.broadcast_to(x, shape)",
    "gradient": "np.concatenate([x[1:2] - x[:1], (x[2:] - x[:-2]) / 2, "
    "x[-1:] - x[-2:-1]])",
    "heaviside": "np.where(np.equal(x, 0), y, np.where(np.greater(x, 0), 1.0, 0.0))",
    "insert": "np.concatenate([x[:i], values, x[i:]])",
    "ldexp": "x * 2.0**n",
    "meshgrid": "[np.broadcast_to(a, s) for a in (x, y[:, None])] "
    "with s = len(y), len(x)",
    "modf": "x - np.trunc(x), np.trunc(x)",
    "poly": "functools.reduce(np.convolve, [np.stack([1.0, -r]) for r in roots])",
    "polyadd": "np.pad(p, (n - len(p), 0)) + np.pad(q, (n - len(q), 0)) "
    "with n = max(len(p), len(q))",
    "polyder": "p[:-1] * np.arange(len(p) - 1, 0, -1)",
    "polyfit": "np.linalg.pinv(np.vander(x, degree + 1)) @ y",
    "polyint": "np.append(p / np.arange(len(p), 0, -1), 0.0)",
    "polymul": "np.convolve(p, q)",
    "polysub": "np.pad(p, (n - len(p), 0)) - np.pad(q, (n - len(q), 0)) "
    "with n = max(len(p), len(q))",
    "polyval": "functools.reduce(lambda y, c: y * x + c, p)",
    "resize": "np.ravel(x)[np.resize(np.arange(x.size), shape)]",
    "signbit": "np.less(x, 0)",
    "vander": "np.stack([x**k for k in reversed(range(n))], -1)",
    "linalg.lstsq": "np.linalg.solve(A.T @ A, A.T @ b)",
    "linalg.tensorinv": "np.reshape(np.linalg.inv(np.reshape(A, (n, n))), "
    "A.shape[k:] + A.shape[:k]) with n = math.prod(A.shape[:k])",
    "linalg.tensorsolve": "np.reshape(np.linalg.solve(np.reshape(A, (b.size, -1)), "
    "np.ravel(b)), A.shape[b.ndim:])",
    **{
        f"nan{name}": f"np.{name}(np.where(np.isnan(x), {filled}, x))"
        for filled, names in {
            "0.0": "sum cumsum",
            "1.0": "prod cumprod",
            "np.inf": "min argmin",
            "-np.inf": "max argmax",
        }.items()
        for name in names.split()
    },
    **{
        f"nan{f}": f"np.{f}(x[kept]{more}) with kept = ~np.isnan(compute_value(x))"
        for more, names in {
            "": "mean median std var",
            ", q": "percentile quantile",
        }.items()
        for f in names.split()
    },
}
HEAD = """# NumPy's functions on expressions

`np.name(x)` of an expression builds an expression: penne's own function of that name
and meaning, without `out=`, `dtype=`, `where=` and kin. *yes*: it has a gradient, and
that one has a gradient too. *constant*: asked for a gradient that passes only through
it, penne raises a ValueError that names the op (what needs the shape of x alone, as
`np.zeros_like`, does not depend on x: zeros). *none*: it is not there; a TypeError
says so when it is called, and the table what to write instead (or why not).

Made by `python -m penne.testing.numpy_table > docs/numpy.md` with NumPy {version};
{yes} functions have a gradient, {constant} are constant, {none} are not there.
"""


def functions(module: ModuleType) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Names and functions that a module gives away, by name."""
    for name in sorted(dir(module)):
        found = getattr(module, name)
        if name[0] != "_" and callable(found) and not isinstance(found, type):
            yield name, found


def meaning(function: Callable[..., Any], inside: str = "") -> Any:
    """What a function of NumPy's is on expressions, or None."""
    name = getattr(function, "__name__", "")
    return NUMPY.get(inside + name) or NUMPY.get(name)


def has_gradient(function: Any) -> bool:
    """Whether a function of penne's has one: an op by its rule, another unless its
    first paragraph ends by saying that it is constant to gradients."""
    if isinstance(function, Op):
        return function.gradient is not None
    first = (function.__doc__ or "constant to gradients.").split("\n\n")[0]
    return not " ".join(first.split()).lower().endswith("constant to gradients.")


def rows(module: ModuleType, inside: str = "") -> Iterator[tuple[str, str, str]]:
    """Name, gradient and remark for each function of a module."""
    reasons = {n: text for text, names in INSTEAD.items() for n in names.split()}
    reasons |= {n: f"`{c.replace(' with ', '` with `')}`" for n, c in CODE.items()}
    for name, function in functions(module):
        found = meaning(function, inside)
        if found is None:
            yield name, "none", reasons.get(inside + name, "")
            continue
        own = getattr(found, "__name__", "")
        given = getattr(found, "__module__", "").startswith("penne.ops")
        remark = f"`{own}`" if given and _public(own, found) and own != name else ""
        yield name, "yes" if has_gradient(found) else "constant", remark


def _public(name: str, function: Any) -> bool:
    from .. import ops

    return name in ops.__all__ and getattr(ops, name) is function


def table() -> str:
    """The text of docs/numpy.md."""
    parts, counts = [], {"yes": 0, "constant": 0, "none": 0}
    for module, inside in [(np, ""), (np.linalg, "linalg.")]:
        parts.append(f"\n## {module.__name__}\n\n| function | gradient | remark |")
        parts.append("|---|---|---|")
        for name, gradient, remark in rows(module, inside):
            counts[gradient] += 1
            parts.append(f"| `{name}` | {gradient} | {remark} |")
    version = ".".join(np.__version__.split(".")[:2])
    return HEAD.format(version=version, **counts) + "\n".join(parts) + "\n"


if __name__ == "__main__":
    print(table(), end="")
