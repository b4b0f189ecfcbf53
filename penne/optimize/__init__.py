"""Trainers: from the gradient of a loss to better parameters; the schedules of their
learning rates; averages of the parameters."""

from . import schedules
from .adaptive import Adadelta, Adagrad, Adam, AdamW, AMSGrad, NAdam, RMSprop
from .averages import Average
from .clipping import clipped
from .momentum import SGD, Lion, Momentum, Nesterov, StochasticGradientDescent
from .trainer import Step, Trainer, elementwise

__all__ = [
    "SGD",
    "AMSGrad",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Average",
    "Lion",
    "Momentum",
    "NAdam",
    "Nesterov",
    "RMSprop",
    "Step",
    "StochasticGradientDescent",
    "Trainer",
    "clipped",
    "elementwise",
    "schedules",
]
