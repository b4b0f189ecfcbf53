"""What the built-in LSTM of PyTorch learns of the book, and how fast: the numbers in
char_lm_torch.csv, which char_lm.py draws beside its own curve.

    python examples/data/record_char_lm.py     (needs torch; 5 minutes of one core)

nn.LSTM(128) on one-hot characters, 32 streams, 50 characters of each in an update, the
state carried on, Adam with rate 0.002, gradients clipped to norm 5.  The seconds are
those of the processor, one thread, without those of judging; the bits are those of the
last tenth of the book, read as 8 streams.
"""

import csv
import math
import time
from pathlib import Path

import torch
from torch.nn import LSTM, Linear
from torch.nn.functional import cross_entropy, one_hot
from torch.nn.utils import clip_grad_norm_

HERE = Path(__file__).parent
STREAMS, LENGTH, HIDDEN, UPDATES = 32, 50, 128, 14_790
MARKS = {*range(500, 3001, 500), *range(4000, UPDATES, 1000), UPDATES}


def streams(numbers, count):
    steps = len(numbers) // count
    return numbers[: count * steps].view(count, steps).T.contiguous()


def judge(lstm, output, held_out, size):
    state, nats, count = None, 0.0, 0
    with torch.no_grad():
        for i in range(0, len(held_out) - 1, 200):
            y = held_out[i + 1 : i + 201]
            x = one_hot(held_out[i : i + len(y)], size).float()
            h, state = lstm(x, state)
            loss = cross_entropy(output(h).flatten(0, 1), y.flatten(), reduction="sum")
            nats, count = nats + loss.item(), count + y.numel()
    return nats / count / math.log(2)


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    text = (HERE / "comedies.txt").read_text(encoding="utf-8")
    numbers = {symbol: k for k, symbol in enumerate(sorted(set(text)))}
    data, size = torch.tensor([numbers[c] for c in text]), len(numbers)
    cut = len(data) * 9 // 10
    training, held_out = streams(data[:cut], STREAMS), streams(data[cut:], 8)
    lstm, output = LSTM(size, HIDDEN), Linear(HIDDEN, size)
    parameters = [*lstm.parameters(), *output.parameters()]
    trainer = torch.optim.Adam(parameters, 2e-3)
    rows, state, place, seconds = [], None, 0, 0.0
    for update in range(1, UPDATES + 1):
        began = time.process_time()
        if place + LENGTH + 1 > len(training):
            place, state = 0, None
        x = one_hot(training[place : place + LENGTH], size).float()
        y = training[place + 1 : place + LENGTH + 1]
        h, state = lstm(x, state)
        state = tuple(s.detach() for s in state)
        loss = cross_entropy(output(h).flatten(0, 1), y.flatten())
        trainer.zero_grad()
        loss.backward()
        clip_grad_norm_(parameters, 5.0)
        trainer.step()
        place += LENGTH
        seconds += time.process_time() - began
        if update in MARKS:
            bits = judge(lstm, output, held_out, size)
            rows.append((update, round(seconds, 1), round(bits, 4)))
            print(*rows[-1], flush=True)
    with (HERE / "char_lm_torch.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("updates", "seconds", "held out"))
        writer.writerows(rows)


if __name__ == "__main__":
    main()
