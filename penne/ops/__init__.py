"""Every primitive operation, one definition each, in bands:

``elementwise`` · ``transcendental`` (angles, roots, error function) · ``rounding`` ·
``linear`` (products) · ``contraction`` (einsum) · ``linalg`` · ``decomposition`` ·
``reduction`` (over axes) · ``sorting`` (order, running sums) · ``shape`` and
``arrangement`` (moving, joining, repeating) · ``diagonals`` · ``selection`` (slices
and lookups) · ``indexing`` (``x[...]``).  ``numpy_names`` and ``numpy_shapes`` are only
for ``np.name(x)``, ``opaque`` is for ops without a rule for their gradient.
"""

from ..operators import NUMPY
from . import (
    arrangement,
    contraction,
    decomposition,
    diagonals,
    linalg,
    numpy_names,
    numpy_shapes,
    rounding,
    sorting,
    transcendental,
)
from .arrangement import *  # noqa: F403  # its __all__ says what is public
from .contraction import *  # noqa: F403  # as above
from .decomposition import *  # noqa: F403  # as above
from .diagonals import *  # noqa: F403  # as above
from .elementwise import (
    absolute,
    add,
    astype,
    clip,
    detach,
    divide,
    equal,
    exp,
    expm1,
    greater,
    greater_equal,
    less,
    less_equal,
    log,
    log1p,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    minimum,
    multiply,
    negative,
    not_equal,
    power,
    rectify,
    sigmoid,
    sign,
    softplus,
    sqrt,
    subtract,
    tanh,
    where,
)
from .indexing import getitem, one_hot, setitem, take, take_along_axis
from .linalg import *  # noqa: F403  # as above
from .linear import dot, matmul, outer, vecdot
from .opaque import numerical as numerical
from .reduction import (
    amax,
    amin,
    argmax,
    argmin,
    asum,
    logsumexp,
    mean,
    size_along,
    std,
    var,
)
from .rounding import *  # noqa: F403  # as above
from .selection import segment_sum
from .shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    reshape,
    squeeze,
    stack,
    transpose,
)
from .sorting import *  # noqa: F403  # as above
from .transcendental import *  # noqa: F403  # as above

_BANDS = (
    arrangement,
    contraction,
    decomposition,
    diagonals,
    linalg,
    rounding,
    sorting,
    transcendental,
)
__all__ = [
    *arrangement.__all__,
    *contraction.__all__,
    *decomposition.__all__,
    *diagonals.__all__,
    *linalg.__all__,
    *rounding.__all__,
    *sorting.__all__,
    *transcendental.__all__,
    "absolute",
    "add",
    "amax",
    "amin",
    "argmax",
    "argmin",
    "astype",
    "asum",
    "broadcast_to",
    "clip",
    "concatenate",
    "detach",
    "divide",
    "dot",
    "equal",
    "exp",
    "expand_dims",
    "expm1",
    "greater",
    "greater_equal",
    "less",
    "less_equal",
    "log",
    "log1p",
    "logical_and",
    "logical_not",
    "logical_or",
    "logsumexp",
    "matmul",
    "maximum",
    "mean",
    "minimum",
    "multiply",
    "negative",
    "not_equal",
    "one_hot",
    "outer",
    "power",
    "rectify",
    "reshape",
    "setitem",
    "sigmoid",
    "segment_sum",
    "sign",
    "softplus",
    "sqrt",
    "squeeze",
    "stack",
    "std",
    "subtract",
    "take",
    "take_along_axis",
    "tanh",
    "transpose",
    "var",
    "vecdot",
    "where",
]

_COMPOSED = (
    dot,
    matmul,
    vecdot,
    argmax,
    mean,
    std,
    var,
    getitem,
    take,
    take_along_axis,
    broadcast_to,
    expand_dims,
    squeeze,
)
NUMPY.update({f.__name__: f for f in _COMPOSED})
NUMPY.update({**numpy_shapes.NAMES, **numpy_names.NAMES})
NUMPY.update({name: getattr(band, name) for band in _BANDS for name in band.__all__})
NUMPY.update(
    sum=asum,
    max=amax,
    min=amin,
    abs=absolute,
    inv=linalg.inverse,
    outer=contraction.flat_outer,
    true_divide=divide,
    concat=concatenate,
    shape=lambda x: x.shape,
    ndim=lambda x: x.ndim,
    size=lambda x, axis=None: size_along("size", x, axis),
)
