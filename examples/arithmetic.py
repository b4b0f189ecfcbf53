"""Expressions like "3 - (4 + (1 * 2))" at random, and what they are modulo 3."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small products gain from no more

import numpy as np

MODULUS, SYMBOLS = 3, " ()+-*0123456789"


def text_of(numbers, rng):
    """A text with so many numbers; each way to split them is as likely."""
    if numbers == 1:
        return str(rng.integers(10))
    left = int(rng.integers(1, numbers))
    parts = text_of(left, rng), text_of(numbers - left, rng)
    a, b = (part if len(part) == 1 else f"({part})" for part in parts)
    return f"{a} {rng.choice(list('+-*'))} {b}"


def results(texts):
    return np.array([eval(text) % MODULUS for text in texts])
