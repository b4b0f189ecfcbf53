"""Checks of numbers, as a part of the product."""

from .differences import check_gradients

__all__ = ["check_gradients"]
