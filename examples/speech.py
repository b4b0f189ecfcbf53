"""Lines of the comedies as espeak-ng says them, in data/speech.npz.

pip install espeakng-loader && python examples/speech.py   # makes that file

For each line, frame by frame of 10 ms, the phone that is being said (as espeak-ng's
events tell) and 20 bands of the mel scale, in half decibels above -80 dB of full scale.
"""

import argparse
import ctypes
import os
import re
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small products gain from no more

import numpy as np
from scipy.signal import ShortTimeFFT, get_window

DATA = Path(__file__).parent / "data"
FILE = DATA / "speech.npz"
LINES, BANDS, HOP, PHONEME = 120, 20, 0.010, 7
SYNCHRONOUS, PHONEME_EVENTS, UTF8 = 2, 1, 1


def utterances():
    """How many phones there are; of each line its frames' phones (T, 3), what is known
    of the present one (T, 3), and bands in dB (T, 20)."""
    with np.load(FILE) as data:
        kinds = [name.strip("',") for name in data["names"]]
        number = np.array([sorted(set(kinds)).index(kind) + 1 for kind in kinds])
        stress = np.array([["'" in name, "," in name] for name in data["names"]])
        found = []
        for k in range(len(data["lines"])):
            phones, place = data[f"phones{k}"], data[f"places{k}"]
            around = np.pad(number[phones], 1)
            begins = np.searchsorted(place, place)
            said = (np.arange(len(place)) - begins + 0.5) / np.bincount(place)[place]
            known = np.column_stack([said, stress[phones][place]])
            near = around[place[:, None] + [0, 1, 2]]
            found.append((near, known, data[f"bands{k}"] / 2.0))
    return max(number) + 1, found


def padded(lines, mean, spread):
    """A batch: of each frame phones (T, B, 3), what is known (T, B, 3) and bands in
    parts of their spread (T, B, BANDS), zero after the end of a line; and lengths."""
    lengths = np.array([len(bands) for *_, bands in lines])
    shape = lengths.max(), len(lines)
    phones, known = np.zeros((*shape, 3), int), np.zeros((*shape, 3))
    bands = np.zeros((*shape, BANDS))
    for k, (near, said, heard) in enumerate(lines):
        here = slice(len(heard)), k
        phones[here], known[here], bands[here] = near, said, (heard - mean) / spread
    return phones, known, bands, lengths


def stretch(line, rng, frames=40):
    """So many frames of a line, from anywhere."""
    begin = rng.integers(len(line[0]) - frames)
    return tuple(part[begin : begin + frames] for part in line)


class Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("name", ctypes.c_char * 8),
    ]


Heard = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(Event)
)


class Voice:
    """espeak-ng's "en-us"; ``say(text)`` gives sound within -1 and 1, and the pairs of
    a phone and the second at which it begins."""

    def __init__(self):
        import espeakng_loader

        self.library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(espeakng_loader.get_data_path()).encode()
        initialize = self.library.espeak_Initialize
        self.rate = initialize(SYNCHRONOUS, 0, data, PHONEME_EVENTS)
        self.heard = Heard(self._hear)
        self.library.espeak_SetSynthCallback(self.heard)
        self.library.espeak_SetVoiceByName(b"en-us")

    def _hear(self, wave, count, events):
        if wave and count:
            self.sound.append(np.ctypeslib.as_array(wave, (count,)).copy())
        k = 0
        while events[k].type:
            if events[k].type == PHONEME:
                begin = events[k].milliseconds / 1000
                self.phones.append((events[k].name.decode(), begin))
            k += 1
        return 0

    def say(self, text):
        self.sound, self.phones = [], []
        given = text.encode()
        self.library.espeak_Synth(given, len(given) + 1, 0, 1, 0, UTF8, None, None)
        self.library.espeak_Synchronize()
        return np.concatenate(self.sound) / 2**15, self.phones


def triangles(bins, rate):
    """Of each band how much it takes of each bin: triangles, equal on the mel scale."""
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, BANDS + 2) / 2595) - 1)
    hertz = np.linspace(0, rate / 2, bins)
    low, middle, high = (edges[k : BANDS + k, None] for k in range(3))
    rise, fall = (hertz - low) / (middle - low), (high - hertz) / (high - middle)
    return np.clip(np.minimum(rise, fall), 0, None)


def bands(sound, rate):
    """Decibels (T, BANDS): Hann windows of 25 ms, one every 10 ms."""
    window = get_window("hann", round(0.025 * rate))
    transform = ShortTimeFFT(window, round(HOP * rate), rate, scale_to="magnitude")
    power = transform.spectrogram(sound, p0=0, p1=int(len(sound) / rate / HOP))
    return 10 * np.log10(triangles(len(power), rate) @ power + 1e-8).T


def main():
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    voice, names, found = Voice(), {}, {}
    text = (DATA / "comedies.txt").read_text(encoding="utf-8")
    lines = [x for x in text.splitlines() if re.fullmatch(r"[A-Z][a-z ,]{17,24}\.", x)]
    chosen = np.random.default_rng(0).permutation(sorted(set(lines)))[:LINES]
    for k, line in enumerate(chosen):
        sound, phones = voice.say(str(line))
        decibels = bands(sound, voice.rate)
        begins = [begin for _, begin in phones]
        numbers = [names.setdefault(phone, len(names)) for phone, _ in phones]
        times = HOP * (np.arange(len(decibels)) + 0.5)
        place = np.maximum(np.searchsorted(begins, times, "right") - 1, 0)
        found[f"phones{k}"] = np.array(numbers, np.uint8)
        found[f"places{k}"] = place.astype(np.uint8)
        found[f"bands{k}"] = np.round(2 * (decibels + 80)).clip(0, 255).astype(np.uint8)
    np.savez_compressed(FILE, lines=chosen, names=list(names), **found)
    frames = sum(len(x) for name, x in found.items() if name.startswith("bands"))
    said = f"{LINES} of {len(lines)} lines, {frames} frames, {len(names)} phones"
    print(f"{said}, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
