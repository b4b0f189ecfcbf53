"""The part of the CMU pronouncing dictionary that is in data/cmudict.txt.gz.

python examples/cmudict.py cmudict.dict   # makes that file of the dictionary's own

Of the words that are spelled with the letters a to z alone and have one pronunciation
it has those for which sha1(word) // 10 is divisible by 4; see data/README.md.
"""

import argparse
import gzip
import hashlib
import os
import re
from collections import defaultdict
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # small products gain from no more

import numpy as np

from penne.lm import Vocabulary, read_text

FILE = Path(__file__).parent / "data" / "cmudict.txt.gz"
END = "."


def number(word):
    """Its hash: an order of words that has nothing to do with the words."""
    return int(hashlib.sha1(word.encode()).hexdigest(), 16)


def part(word):
    """What a word is for: "judge", "choose" or "learn", whatever other words there
    are."""
    return {9: "judge", 8: "choose"}.get(number(word) % 10, "learn")


def read():
    """The words to learn from, to choose by and to judge by, each in random order:
    pairs of a word and the list of its phones, of which vowels end with their stress,
    1, 2 for secondary, 0 for none."""
    lines = gzip.decompress(FILE.read_bytes()).decode().splitlines()
    parts = {"learn": [], "choose": [], "judge": []}
    for line in sorted(lines, key=lambda line: number(line.split()[0])):
        word, *phones = line.split()
        parts[part(word)].append((word, phones))
    return list(parts.values())


def letters(word):
    """From 0 for a to 25 for z."""
    return np.frombuffer(word.encode(), np.uint8).astype(int) - ord("a")


def spelled(most):
    """The vocabulary of phones without stress, END first; and what ``read`` gives, at
    most so many words of each kind, with letters for words."""
    parts = [
        [(letters(word), [p.rstrip("012") for p in said]) for word, said in words]
        for words in read()
    ]
    phones = sorted({p for words in parts for _, said in words for p in said})
    return Vocabulary([END, *phones]), *(words[:most] for words in parts)


def stressed(most):
    """How many phones there are; and what ``read`` gives, at most so many words of each
    kind, as the numbers of phones and of marks: 0 for consonants; for vowels 1 where
    unstressed, 2 where stressed, 3 for secondary stress."""
    names, parts = defaultdict(lambda: len(names)), [[], [], []]
    for kept, words in zip(parts, read()):
        for _, said in words[:most]:
            phones = [names[p.rstrip("012")] for p in said]
            kept.append((phones, ["012".find(p[-1]) + 1 for p in said]))
    return len(names), *parts


def batches(words, vocabulary, rng, size=64):
    """Words of one length as arrays, letters and phones: END before, and after them to
    the end of the longest."""
    words = sorted(
        (words[k] for k in rng.permutation(len(words))), key=lambda w: len(w[0])
    )
    lengths = [len(spelling) for spelling, _ in words]
    cuts = [k for k in range(1, len(words)) if lengths[k] > lengths[k - 1]]
    parts = [words[a:b] for a, b in zip([0, *cuts], [*cuts, len(words)])]
    found = [part[k : k + size] for part in parts for k in range(0, len(part), size)]
    for some in (found[k] for k in rng.permutation(len(found))):
        longest = max(len(said) for _, said in some) + 1
        rows = [[END, *said, *[END] * (longest - len(said))] for _, said in some]
        phones = np.array([vocabulary.numberize(row) for row in rows])
        yield np.array([spelling for spelling, _ in some]), phones


def distance(a, b):
    """The least insertions, deletions and replacements that make b of a."""
    row = list(range(len(b) + 1))
    for x in a:
        above, row = row, [row[0] + 1]
        for k, y in enumerate(b):
            row.append(min(above[k] + (x != y), above[k + 1] + 1, row[k] + 1))
    return row[-1]


def error_rates(found, right):
    """In percent: wrong phones (insertions, deletions and replacements by the phones
    that there should be), and words with any."""
    wrong = [distance(*pair) for pair in zip(found, right)]
    return 100 * sum(wrong) / sum(map(len, right)), 100 * np.mean(np.array(wrong) > 0)


def pronunciations(text):
    """Of each word in the dictionary's own file all pronunciations."""
    found = defaultdict(list)
    for line in text.splitlines():
        word, *phones = line.partition("#")[0].split() or [""]
        found[re.sub(r"\(\d+\)$", "", word)].append(phones)
    return found


def kept(file):
    """The lines of the part; raises ValueError for a text that has none of them."""
    lines = [
        f"{word} {' '.join(said[0])}\n"
        for word, said in sorted(pronunciations(read_text(file)).items())
        if len(said) == 1 and re.fullmatch("[a-z]+", word)
        if said[0] and all(re.fullmatch("[A-Z]{1,2}[012]?", p) for p in said[0])
        if number(word) // 10 % 4 == 0
    ]
    if not lines:
        raise ValueError(f"{file} has no words with their phones, as cmudict.dict has")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", help="the dictionary's own, cmudict.dict")
    try:
        lines = kept(parser.parse_args().file)
    except (OSError, ValueError) as error:
        parser.exit(2, f"cmudict: {error}\n")
    FILE.write_bytes(gzip.compress("".join(lines).encode(), 9, mtime=0))
    print(f"{len(lines)} words, {FILE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
