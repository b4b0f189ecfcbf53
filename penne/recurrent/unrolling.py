"""``unroll``: a transducer over a batch of sequences, with masks and states."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from ..graph import Expression, constant
from ..ops import swapaxes
from .masking import Mask, Reading, repeated, zeros_like
from .structure import joined, mapped
from .transducer import Transducer, check_state, check_transducers

State = Mapping[str, Any]


class Unrolled(NamedTuple):
    """What ``unroll`` gives."""

    outputs: Any
    last_output: Any
    state: dict[str, Any]


def unroll(
    r: Transducer,
    inputs: Any,
    *,
    state: State | None = None,
    mask: Any = None,
    lengths: Any = None,
    go_backwards: bool = False,
    time_major: bool = True,
) -> Unrolled:
    """``r`` over a batch of sequences: ``outputs, last_output, state``.

    ``inputs``: an array or expression, (T, B, ...), or (B, T, ...) where not
    ``time_major``; or a list of T steps, each whatever ``r.step`` takes (an iterator is
    read to its end first).  ``outputs`` are in the same form; ``last_output``,
    (B, ...), is the one given last.

    - ``state``: where to begin, of ``r.state``'s form; what it lacks is as ``start()``
      sets it.  The one returned is where it ended, and where ``r`` now stands:
      ``r.detach(values)``, and ``r.state`` after it, end the history there (truncated
      back-propagation)
    - ``mask``: bools, (T, B) or (B, T) as the inputs are, of any pattern: where it is
      False there is no step.  The state is carried over and the output repeated (zeros
      before the first); what stands in the inputs there plays no part
    - ``lengths``: ints, (B), for the mask that ends each sequence after that many
    - ``go_backwards``: from the last step to the first; the outputs stand in the order
      in which they were given.  ``Reverse(r)`` puts them at the places of their inputs

    Each sequence of the batch gets what it would get alone, without its masked steps,
    gradients too.  Sequences that are no batch need neither padding nor mask:
    ``[r.transduce(xs) for xs in sequences]``.

    Masks and outputs are those of Keras's ``RNN``; ``last_output`` of a
    ``Bidirectional`` too.

    Raises ValueError for a mask, lengths or state that does not fit, and for state
    that has no rows to keep; TypeError for what is no transducer and for ``mask``
    beside ``lengths``.

    >>> from penne import Map
    >>> xs = np.array([[[1.0]], [[2.0]], [[4.0]]])
    >>> r = Map(lambda x: constant(x) * 10)
    >>> outputs, last, state = unroll(r, xs, lengths=[2])
    >>> from penne import compute_value
    >>> compute_value(outputs).ravel().tolist(), compute_value(last).tolist()
    ([10.0, 20.0, 20.0], [[20.0]])
    """
    check_transducers("unroll", r)
    array = isinstance(inputs, (np.ndarray, Expression))
    steps = _time_first(inputs, time_major) if array else _listed(inputs, time_major)
    masks = _masks(steps, mask, lengths, time_major)
    r.start()
    if state is not None:
        _begin(r, state)
    if array and not len(steps):
        outputs, last = r.empty(steps), None
        last = mapped(lambda y: zeros_like(y, y.shape[1:]), outputs)
        return Unrolled(_back(outputs, time_major), last, r.state)
    order = slice(None, None, -1 if go_backwards else None)
    rows = None if masks is None or masks.all() else list(masks)[order]
    whole = rows is None and isinstance(steps, np.ndarray)
    outputs, last = _read(r, steps[order] if whole else list(steps)[order], rows)
    if array:
        outputs = _back(joined(outputs), time_major)
    return Unrolled(outputs, last, r.state)


def _read(r: Transducer, steps: Any, masks: list[Mask] | None) -> Reading:
    outputs, last = r.read(steps, masks)
    if masks is not None and not r.causal:
        outputs = repeated(outputs, masks)
    return Reading(outputs, last)


def _time_first(inputs: Any, time_major: bool) -> Any:
    """An array of inputs, time first."""
    least = 1 if time_major else 2
    if inputs.ndim < least:
        raise ValueError(
            f"unroll: takes inputs of {least} or more axes, got {inputs.shape}"
        )
    return inputs if time_major else swapped(inputs)


def swapped(x: Any) -> Any:
    """(B, T, ...) for (T, B, ...) and the other way round."""
    return np.swapaxes(x, 0, 1) if isinstance(x, np.ndarray) else swapaxes(x, 0, 1)


def _back(outputs: Any, time_major: bool) -> Any:
    return outputs if time_major else mapped(swapped, outputs)


def _listed(inputs: Any, time_major: bool) -> list[Any]:
    if not time_major:
        raise TypeError(
            "unroll: time_major=False takes an array or expression (B, T, ...), got "
            f"{type(inputs).__name__}; write [r.transduce(xs) for xs in sequences]"
        )
    return list(inputs)


def _masks(steps: Any, mask: Any, lengths: Any, time_major: bool) -> Mask | None:
    """The mask, time first, or None for none; or ValueError, TypeError."""
    if mask is not None and lengths is not None:
        raise TypeError("unroll: takes mask or lengths, got both")
    if lengths is not None:
        return _mask_of_lengths(steps, _concrete("lengths", lengths))
    if mask is None:
        return None
    given = _concrete("mask", mask)
    if given.dtype.kind != "b" and not np.isin(given, (0, 1)).all():
        raise ValueError(f"unroll: mask is of bools, got {given.dtype}")
    found = np.asarray(given, bool)
    found = found if time_major or found.ndim < 2 else np.swapaxes(found, 0, 1)
    _check_shape(steps, found, given)
    return found


def _concrete(name: str, value: Any) -> Mask:
    if isinstance(value, Expression) and not hasattr(value, "value"):
        raise TypeError(f"unroll: {name} is an array, got {value!r}; compute it first")
    return np.asarray(getattr(value, "value", value))


def _mask_of_lengths(steps: Any, lengths: Mask) -> Mask:
    count = len(steps)
    if lengths.dtype.kind not in "iu" and lengths.size:
        raise ValueError(f"unroll: lengths are ints, got {lengths.dtype}")
    if ((lengths < 0) | (lengths > count)).any():
        raise ValueError(f"unroll: lengths are within 0 and {count}, got {lengths}")
    times = np.arange(count).reshape(-1, *[1] * lengths.ndim)
    mask = times < lengths
    _check_shape(steps, mask, lengths)
    return mask


def _check_shape(steps: Any, mask: Mask, given: Mask) -> None:
    """ValueError where a mask, time first, is not for these steps."""
    if mask.ndim and len(mask) == len(steps):
        batch = mask.shape[1:]
        rows = [np.shape(x)[: len(batch)] for x in list(steps)[:1] if _has_rows(x)]
        if all(found == batch for found in rows):
            return
    seen = f"{len(steps)} steps"
    if isinstance(steps, (np.ndarray, Expression)):
        seen = f"inputs that are {steps.shape}, time first"
    raise ValueError(f"unroll: mask or lengths of shape {given.shape} for {seen}")


def _has_rows(x: Any) -> bool:
    return isinstance(x, (np.ndarray, Expression, list))


def _begin(r: Transducer, state: State) -> None:
    """Have the started ``r`` stand at ``state``."""
    check_state("unroll", state)
    here = r.state
    unknown = [name for name in state if name not in here]
    if unknown and not state.keys() >= here.keys():
        raise ValueError(
            f"unroll: there is no state {', '.join(unknown)} here; "
            f"there is {', '.join(here) or 'none'}"
        )
    r.state = here | {name: _given(x, here.get(name)) for name, x in state.items()}


def _given(value: Any, first: Any) -> Any:
    """A state as steps take it that start at ``first``: numbers as expressions."""
    if isinstance(first, Expression):
        return constant(value)
    return mapped(lambda x: constant(x) if isinstance(x, np.ndarray) else x, value)
