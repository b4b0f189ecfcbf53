"""Switches: what is set for the process, and what for a block alone."""

import contextvars
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

import penne
from penne import default_dtype, parameter, training
from penne.settings import Switch


@given(st.permutations(range(4)), st.lists(st.integers(0, 3), max_size=4))
def test_blocks_begin_in_any_order(order, statements):
    """Settings that begin blocks leave the default to what was last set and began
    none, in whatever order they are made and begin, as those of several threads do."""
    switch = Switch("in any order", -1)
    made, expected = [], -1
    for k in range(4):
        made.append(switch(k))
        if k in statements:
            expected = 10 + k
            switch(expected)
    begun = [made[k] for k in order]
    for k, block in zip(order, begun):
        assert block.__enter__() == switch.value == k
    for block in reversed(begun):
        block.__exit__()
    assert switch.default == switch.value == expected


def test_a_setting_that_is_kept_begins_a_block_later():
    """Until then it is the process's; after the block what was there before is, unless
    something else was set since."""
    switch = Switch("later", 0)
    first, second = switch(1), switch(2)
    assert switch.value == 2
    with second:
        assert (switch.value, switch.default) == (2, 1)
    with second, first:
        assert (switch.value, switch.default) == (1, 0)
    assert switch.value == 0
    kept = switch(3)
    switch(4)
    with kept:
        assert (switch.value, switch.default) == (3, 4)
    assert switch.value == 4


@given(st.lists(st.integers(0, 2), max_size=8))
def test_settings_that_begin_several_blocks(order):
    """A setting begins a block within its own, directly or not; after each block what
    was there before it is, for its thread: in another the same settings hold too."""
    switch = Switch("several", -1)
    made = [switch(k) for k in range(3)]

    def nested(rest):
        if rest:
            before = switch.value
            with made[rest[0]] as value:
                assert switch.value == value == rest[0]
                nested(rest[1:])
                assert switch.value == value
            assert switch.value == before

    for block in made:
        with block:
            pass
    with made[0]:
        nested(order)
        thread = threading.Thread(target=nested, args=[order])
        thread.start()
        nested(order[::-1])
        thread.join()
    assert switch.value == switch.default == -1


@given(st.permutations(range(4)))
def test_blocks_that_end_in_any_order(order):
    """Of generators, which begin and end blocks in turn: what holds is the value of the
    last block that goes on, and in the end that of before."""
    switch = Switch("generators", -1)

    def block(k):
        with switch(k):
            yield

    going = {k: block(k) for k in range(4)}
    for generator in going.values():
        next(generator)
    for k in order:
        going.pop(k).close()
        assert switch.value == max(going, default=-1)


def test_a_setting_that_two_contexts_share():
    """Its blocks begin and end in turn, each for its thread or task."""
    switch = Switch("shared", 0)
    block, context = switch(1), contextvars.copy_context()
    context.run(lambda: switch._local.set(5))
    block.__enter__()
    context.run(block.__enter__)
    block.__exit__()
    assert (switch.value, context.run(lambda: switch.value)) == (0, 1)
    context.run(block.__exit__)
    assert context.run(lambda: switch.value) == 5


def test_a_default_that_is_assigned():
    """It holds, whatever was set before and begins a block after."""
    switch = Switch("assigned", 0)
    block = switch(1)
    switch.default = 2
    with block:
        assert (switch.value, switch.default) == (1, 2)
    assert switch.value == 2


def test_statements_are_forgotten():
    """What was set before the last statement takes no memory."""
    switch = Switch("forgotten", 0)
    for k in range(100):
        switch(k)
        with switch(-1):
            pass
    assert len(switch._set) <= 2
    kept = switch(100)
    for k in range(100):
        switch(k)
    assert len(switch._set) <= 4
    with kept:
        assert (switch.value, switch.default) == (100, 99)


MAKERS = [
    lambda: default_dtype("float64"),
    lambda: training(False),
    lambda: penne.doorway.executor(object()),
]


@pytest.mark.parametrize("make", MAKERS, ids=["dtype", "training", "executor"])
def test_blocks_of_two_threads(make):
    """After blocks that are made in turn and begin in turn the process is as it was."""

    def state():
        dropped = penne.randomness._training.default
        return parameter([1.0]).dtype, dropped, penne.doorway.executor.default

    def work(block):
        with block:
            pass

    before = state()
    blocks = [make(), make()]
    while blocks:
        thread = threading.Thread(target=work, args=[blocks.pop(0)])
        thread.start()
        thread.join()
    assert state() == before
