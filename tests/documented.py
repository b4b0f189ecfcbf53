"""The LSTM of the original documentation, verbatim: nothing is declared."""

import numpy as np

from penne import Layer, Transducer, constant, sigmoid, tanh


class Documented(Transducer):
    def __init__(self, insize, outsize):
        self.input_gate = Layer([insize, outsize, outsize], outsize, f=sigmoid)
        self.forget_gate = Layer([insize, outsize, outsize], outsize, f=sigmoid)
        self.output_gate = Layer([insize, outsize, outsize], outsize, f=sigmoid)
        self.input_layer = Layer([insize, outsize], outsize, f=tanh)
        self.h0 = constant(np.zeros(outsize))
        self.c0 = constant(np.zeros(outsize))

    def start(self):
        self.h = self.h0
        self.c = self.c0

    def step(self, inp):
        i = self.input_gate(inp, self.h, self.c)
        f = self.forget_gate(inp, self.h, self.c)
        self.c = f * self.c + i * self.input_layer(inp, self.h)
        o = self.output_gate(inp, self.h, self.c)
        self.h = o * tanh(self.c)
        return self.h
