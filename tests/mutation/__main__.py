"""How many mutants the tests kill: ``python tests/mutation``.

Mutants are cosmic-ray's (``mutants.py``): of the gradient rules, of differentiation, of
evaluation, of loops, of transducers, of trainers.  The tests that run a mutant's line
are tried on it one after the other (``trials.py``): first those that killed another
mutant of these lines, then the quickest, with an advantage for those that name what it
changes; for ``--budget`` seconds in all.  What outlives that has survived.

What was found is kept in ``build/mutation``: a run that is broken off goes on from
there, and ``--survivors`` tries those again that survived, with tests that are new.
After a change of penne itself that folder is to be deleted.
"""

import argparse
import ast
import json
import os
import random
import re
import time
from collections import Counter, defaultdict
from functools import cache
from hashlib import sha256
from itertools import accumulate, zip_longest

os.environ.setdefault("OMP_NUM_THREADS", "1")

import coverage
import scipy.linalg
import scipy.special  # noqa: F401  # once, not in each process
from mutants import ROOT, Mutant, compiles, lines_of, mutants, read
from trials import apart, changed, collect, exchanged, holders, imported

SLOW = 3.0  # seconds; no test slower than this is taken
KEPT = ROOT / "build" / "mutation"
OPS = [*sorted((ROOT / "penne/ops").glob("*.py")), ROOT / "penne/conv.py"]
GROUPS = {
    "gradient rules": [*OPS, ROOT / "penne/composite.py"],
    "differentiate": [ROOT / "penne/differentiate.py"],
    "compute": [ROOT / "penne/compute.py"],
    "loops": [ROOT / "penne/loops.py"],
    "recurrent": sorted((ROOT / "penne/recurrent").glob("*.py")),
    "optimize": sorted((ROOT / "penne/optimize").glob("*.py")),
}
TESTS = [
    "averages", "breadth", "cells", "check_gradient", "checkpointing", "clipping",
    "composition", "copies", "debugging", "docstrings", "dropout", "dtypes", "errors",
    "expressions", "family", "family_facts", "fast", "feedback", "files", "gradients",
    "indexing", "laws", "layers", "loops", "machine", "merlin", "modules", "op_laws",
    "ops", "ops_in_cells", "own_ops", "plain", "random_graphs", "robustness", "scan",
    "schedules", "tracing", "trainer_failures", "trainer_laws", "trainer_state",
    "trainers", "transducer_laws", "transducer_state", "transducers", "unroll",
    "weights",
]  # fmt: skip


# --- what the tests run ---------------------------------------------------------------


class Measure:
    """A plugin that notes which lines each test runs, and how long it takes."""

    def __init__(self, tracer):
        self.tracer, self.seconds, self.failed = tracer, Counter(), set()

    def pytest_runtest_logstart(self, nodeid):
        """Its lines are its own."""
        self.tracer.switch_context(nodeid)
        self.seconds[nodeid] -= time.process_time()

    def pytest_runtest_logreport(self, report):
        """What fails kills nothing."""
        if report.failed:
            self.failed.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid):
        """The time that it took."""
        self.seconds[nodeid] += time.process_time()
        self.tracer.switch_context("")


def measured(name):
    """For a file of tests: how long each takes, and which run each line of the files
    of penne; known from before if the file of tests is the same."""
    path = KEPT / "tests" / f"{name}.json"
    digest = sha256(read(f"tests/test_{name}.py").encode()).hexdigest()
    if not path.exists() or json.loads(path.read_text())["sha256"] != digest:
        path.parent.mkdir(parents=True, exist_ok=True)
        apart(lambda: path.write_text(json.dumps({"sha256": digest, **measure(name)})))
    return json.loads(path.read_text())


def measure(name):
    """The tests of a file that pass and are quick: what they run, and for how long."""
    files = [str(path) for group in GROUPS.values() for path in group]
    tracer = coverage.Coverage(data_file=None, include=files, config_file=False)
    tracer.start()
    plugin = Measure(tracer)
    collect([f"test_{name}.py"], plugin)
    tracer.stop()
    seconds = {test: s for test, s in plugin.seconds.items() if s < SLOW}
    good = {"", *seconds} - plugin.failed
    data, runs = tracer.get_data(), {}
    for f in data.measured_files():
        lines = data.contexts_by_lineno(f).items()
        runs[os.path.relpath(f, ROOT)] = {
            line: sorted({test or "" for test in tests} & good) for line, tests in lines
        }
    return {"seconds": seconds, "runs": runs}


class Choice:
    """The tests for each mutant."""

    def __init__(self, budget):
        self.budget, self.killers = budget, defaultdict(set)
        self.seconds, self.sound, self.unsound = {}, set(), set()
        self.runs = defaultdict(lambda: defaultdict(set))
        for name in TESTS:
            found = measured(name)
            self.seconds |= found["seconds"]
            for file, lines in found["runs"].items():
                for line, tests in lines.items():
                    self.runs[file][int(line)].update(tests)

    def of(self, mutant):
        """(the tests of a mutant in order, whether its line runs at import)."""
        where = self.runs[mutant.file]
        lines = lines_of(mutant.file, mutant.line, mutant.column)
        found = set().union(*(where.get(line, ()) for line in lines or where))
        names = names_around(mutant.file, mutant.line)
        killers = self.killers[mutant.file, lines]

        def place(test):
            named = not names.isdisjoint(re.findall(r"\w+", test))
            return test not in killers, self.seconds[test] * (0.2 if named else 1)

        order = sorted(found - self.unsound - {""}, key=place)
        spent = accumulate(self.seconds[test] for test in order)
        tests = [t for t, s in zip(order, spent) if s < self.budget]
        return tests, lines is None or "" in found

    def is_sound(self, test, attempt):
        """Whether a test passes alone, without a mutant."""
        if test not in self.sound and attempt(None, [test]) is None:
            self.sound.add(test)
        if test not in self.sound:
            self.unsound.add(test)
        return test in self.sound

    def killed(self, mutant, test):
        """Try this test first on what stands in the same lines."""
        lines = lines_of(mutant.file, mutant.line, mutant.column)
        self.killers[mutant.file, lines].add(test)


@cache
def names_around(file, line):
    """The names of functions and classes around a line."""
    return {
        node.name
        for node in ast.walk(ast.parse(read(file)))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and min([node.lineno, *(d.lineno for d in node.decorator_list)])
        <= line
        <= node.end_lineno
    }


# --- trials ---------------------------------------------------------------------------


def verdict(mutant, choice, attempt):
    """The test that kills a mutant; None if none does.  ``attempt(mutant, tests)`` is
    one trial, ``attempt(None, tests)`` one of the tests: they count if that passes."""
    while True:
        tests, _ = choice.of(mutant)
        if not tests:
            return None
        killer = attempt(mutant, tests)
        if killer not in tests or choice.is_sound(killer, attempt):
            choice.killed(mutant, killer)
            return killer


class Exchanging:
    """A plugin that tries mutants of what runs later, where tests are collected."""

    def __init__(self, wanted, choice):
        self.wanted, self.choice = wanted, choice

    def pytest_runtestloop(self, session):
        """Instead of pytest's own."""
        items = {item.nodeid: item for item in session.items}
        functions = holders()

        def attempt(mutant, tests):
            codes = changed(mutant) if mutant else {}
            return exchanged(codes, functions, [items[t] for t in tests])

        for mutant in self.wanted:
            if not functions.keys().isdisjoint(changed(mutant)):
                keep(mutant, verdict(mutant, self.choice, attempt))
        return True


def run(wanted, budget):
    """Try all mutants wanted that have no verdict yet."""
    choice, files = Choice(budget), [f"test_{name}.py" for name in TESTS]
    known = kept()
    wanted = [m for m in wanted if m not in known]
    later = [m for m in wanted if not choice.of(m)[1] and changed(m)]
    apart(lambda: collect(files, Exchanging(later, choice)))
    known = kept()
    for mutant in wanted:
        if mutant not in known:
            keep(mutant, verdict(mutant, choice, imported))


def keep(mutant, killer):
    """Write a verdict down."""
    with (KEPT / "verdicts.jsonl").open("a") as file:
        file.write(json.dumps([*mutant, killer]) + "\n")


def kept():
    """The verdicts so far."""
    path = KEPT / "verdicts.jsonl"
    rows = map(json.loads, path.read_text().splitlines()) if path.exists() else ()
    return {Mutant(*row[:-1]): row[-1] for row in rows}


# --- the report -----------------------------------------------------------------------


def drawn(groups, sample, seed):
    """For each group all its mutants, and those to be tried: ``sample`` of them."""
    found = {}
    for name in groups:
        paths = GROUPS[name]
        files = [str(path.relative_to(ROOT)) for path in paths]
        every = [m for f in files for m in mutants(f, name == "gradient rules")]
        few = random.Random(seed).sample(every, len(every))[:sample]
        found[name] = every, [m for m in few if compiles(m)]
    return found


def report(groups):
    """The table, and those that survived."""
    verdicts = kept()
    print("| of | mutants | tried | killed | share |\n|---|---|---|---|---|")
    for name, (every, few) in groups.items():
        tried = [verdicts[m] for m in few if m in verdicts]
        killed = sum(v is not None for v in tried)
        share = killed / max(len(tried), 1)
        print(f"| {name} | {len(every)} | {len(tried)} | {killed} | {share:.1%} |")
    for name, (_, few) in groups.items():
        for m in sorted(few):
            if verdicts.get(m, "") is None:
                print(f"{name}: {m.change}")


def main():
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sample", type=int, help="mutants of each group (all)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample (0)")
    parser.add_argument("--budget", type=float, default=20, help="seconds (20)")
    parser.add_argument("--group", choices=GROUPS, action="append")
    parser.add_argument("--survivors", action="store_true", help="try these again")
    parser.add_argument("--report", action="store_true", help="try none")
    args = parser.parse_args()
    KEPT.mkdir(parents=True, exist_ok=True)
    groups = drawn(args.group or GROUPS, args.sample, args.seed)
    if args.survivors:
        forget_survivors()
    if not args.report:
        turns = zip_longest(*(few for _, few in groups.values()))
        run([m for turn in turns for m in turn if m], args.budget)
    report(groups)


def forget_survivors():
    """Strike the verdicts on those that survived."""
    rows = [[*m, v] for m, v in kept().items() if v is not None]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (KEPT / "verdicts.jsonl").write_text(text)


if __name__ == "__main__":
    main()
