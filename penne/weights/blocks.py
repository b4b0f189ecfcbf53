"""Arrays of another library as block matrices of the parameters of a module.

This module imports ``graph`` and ``modules``.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..graph import Parameter
from ..modules import Module, fitted

Array = np.ndarray[Any, Any]


class Again(NamedTuple):
    """A place whose content is added to what stands for a parameter in the array of
    the name ``to``; written as zeros.

    Where one library has two vectors that are only ever added up, and penne one.
    """

    parameter: Parameter
    to: str


Place = Parameter | Again


class Block(NamedTuple):
    """Parameters side by side, in rows one above the other; turned or not.

    One row of vectors is a vector.
    """

    rows: Sequence[Sequence[Place]]
    turned: bool = False

    def array(self) -> Array:
        """The parameters in their places."""
        rows = [np.concatenate([_value(p) for p in row], -1) for row in self.rows]
        if len(rows) == 1:
            whole = rows[0]
        else:
            whole = np.concatenate([np.atleast_2d(row) for row in rows])
        return whole.T.copy() if self.turned else whole

    def pieces(self, array: Array) -> Iterator[tuple[Place, Array]]:
        """Each place with what stands there in ``array``."""
        whole, top = np.atleast_2d(array.T if self.turned else array), 0
        for row in self.rows:
            left, height = 0, np.atleast_2d(_value(row[0])).shape[0]
            for place in row:
                p = place.parameter if isinstance(place, Again) else place
                right = left + p.shape[-1]
                yield place, whole[top : top + height, left:right].reshape(p.shape)
                left = right
            top += height


def _value(place: Place) -> Array:
    if isinstance(place, Again):
        return np.zeros_like(place.parameter.value)
    return place.value


Layout = Mapping[str, Block]


def filled(name: str, module: Module, layout: Layout, given: Mapping[str, Any]) -> None:
    """Give the parameters of ``module`` what stands at their places in ``given``; or
    ValueError, with all names that do not fit, and nothing has changed."""
    check_places(name, module, layout)
    wanted = {key: block.array() for key, block in layout.items()}
    found = _by_parameter(layout, fitted(name, wanted, given))
    _check_tied(name, found)
    for p, places in found.items():
        p.value = places[0][1]


def _by_parameter(
    layout: Layout, given: Mapping[str, Array]
) -> dict[Parameter, list[tuple[str, Array]]]:
    """For each parameter the places where it stands, with what is given for it there:
    the first of an array with the first that is added to that array, and so on."""
    own: dict[Parameter, list[tuple[str, Array]]] = {}
    again: dict[Again, list[Array]] = {}
    for key, array in given.items():
        for place, piece in layout[key].pieces(array):
            if isinstance(place, Again):
                again.setdefault(place, []).append(piece)
            else:
                own.setdefault(place, []).append((key, piece))
    for (p, to), pieces in again.items():
        places = [k for k, (key, _) in enumerate(own[p]) if key == to]
        for k, piece in zip(places, pieces):
            own[p][k] = to, own[p][k][1] + piece
    return own


def _check_tied(name: str, found: dict[Parameter, list[tuple[str, Array]]]) -> None:
    """ValueError where several places of one parameter are given different values."""
    wrong = {
        key: first
        for (first, value), *others in found.values()
        for key, other in others
        if not np.array_equal(value, other, equal_nan=True)
    }
    if wrong:
        pairs = ", ".join(f"{key} is not {first}" for key, first in wrong.items())
        raise ValueError(
            f"{name}: what is given does not fit; {pairs}, but the parameters are the "
            "same here; write copy.deepcopy(r) for a second r with weights of its own"
        )


def arrays(name: str, module: Module, layout: Layout) -> dict[str, Array]:
    """What stands at each place of ``layout``, of the parameters of ``module``."""
    check_places(name, module, layout)
    return {key: np.array(block.array()) for key, block in layout.items()}


def check_mapping(name: str, weights: Any) -> None:
    """TypeError for what is no mapping of names to arrays."""
    if not isinstance(weights, Mapping):
        kind = type(weights).__name__
        raise TypeError(f"{name}: takes a mapping of names to arrays, got {kind}")


def check_places(name: str, module: Module, layout: Layout) -> None:
    """TypeError where a parameter has no place."""
    placed = {
        place
        for block in layout.values()
        for row in block.rows
        for place in row
        if isinstance(place, Parameter)
    }
    left = [path for path, p in module.names().items() if p not in placed]
    if left:
        raise TypeError(f"{name}: no place there for {', '.join(left)}")


def named(name: str, layout: Layout, given: Any) -> dict[str, Any]:
    """``given`` by the names of ``layout``: it is a mapping, or a sequence in order."""
    if isinstance(given, Mapping):
        return dict(given)
    listed = list(given)
    if len(listed) != len(layout):
        raise ValueError(
            f"{name}: takes {len(layout)} arrays, {', '.join(layout)}; "
            f"got {len(listed)}"
        )
    return dict(zip(layout, listed))
