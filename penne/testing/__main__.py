"""All laws over all of penne: op by op, cell by cell, trainer by trainer.

    python -m penne.testing [--examples N] [--json FILE] [NAME ...]

One line for each subject, one column for each law: the number of inputs tried, ``-``
where the law says nothing of it, ``BROKEN`` where it does not hold, with the sentence
and the smallest input below.  Exits with 1 if anything is broken.  NAMEs choose
subjects, as the table or penne calls them: LSTM, LongShortTermMemory.
"""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ..version import __version__


def main(given: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser("python -m penne.testing", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--examples", type=int, default=5, help="inputs for each law")
    parser.add_argument("--json", metavar="FILE", help="write the report here too")
    asked = parser.parse_args(given)
    if asked.examples < 1:
        parser.error(f"--examples is at least 1, got {asked.examples}")
    start = time.perf_counter()
    sections = {
        kind: list(_printed(kind, _reports(kind, asked.names, asked.examples)))
        for kind in ("ops", "transducers", "trainers")
    }
    outcomes = [o for reports in sections.values() for r in reports for o in r]
    if not outcomes:
        parser.error(f"there is nothing called {' or '.join(asked.names)}")
    seconds = time.perf_counter() - start
    print(_summary(sections, seconds))
    if asked.json:
        _write(asked.json, sections, seconds)
    return int(any(o.broken for o in outcomes))


def _reports(kind: str, names: Sequence[str], examples: int) -> Iterator[Any]:
    """A report for each subject of a kind, as it is made."""
    from .. import optimize, recurrent
    from .op_laws import op_report
    from .registry import TRAINERS, TRANSDUCERS
    from .tables import TABLE
    from .trainer_laws import trainer_report
    from .transducer_laws import transducer_report

    given = [vars(home).get(n) for n in names for home in (recurrent, optimize)]
    meant = {*names, *(getattr(known, "__name__", "") for known in given)}

    def asked(name: str) -> bool:
        return not names or name in meant

    if kind == "ops":
        rows = [row for row in TABLE.values() if asked(row.name)]
        yield from (op_report(row.name, row, examples) for row in rows)
    elif kind == "transducers":
        for row in filter(lambda row: asked(row.name), TRANSDUCERS.values()):
            for insize in row.insizes:
                name = f"{row.name}({insize})"
                make = lambda row=row, insize=insize: row.make(insize)
                yield transducer_report(name, make, insize, None, row.without, examples)
    else:
        for one in filter(lambda row: asked(row.name), TRAINERS.values()):
            yield trainer_report(one.name, one.make, one.paper, (), examples)


def _printed(kind: str, reports: Iterator[Any]) -> Iterator[Any]:
    """The reports, each printed as a row of a table."""
    laws: list[str] = []
    for report in reports:
        if not laws:
            laws = _laws(kind)
            print("\n" + kind.ljust(30) + "  ".join(laws))
        found = {o.law: o for o in report}
        cells = [_cell(found.get(law)).rjust(len(law)) for law in laws]
        print(report[0].subject.ljust(30) + "  ".join(cells), flush=True)
        for sentence in report.broken:
            print(f"  {sentence}")
        yield report


def _laws(kind: str) -> list[str]:
    from . import op_laws, trainer_laws, transducer_laws

    modules = {"ops": op_laws, "transducers": transducer_laws, "trainers": trainer_laws}
    return [law.name for law in modules[kind].LAWS]


def _cell(outcome: Any) -> str:
    if outcome is None:
        return "-"
    return "BROKEN" if outcome.broken else str(outcome.cases or "-")


def _summary(sections: dict[str, list[Any]], seconds: float) -> str:
    parts = [f"{len(reports)} {kind}" for kind, reports in sections.items() if reports]
    outcomes = [o for reports in sections.values() for r in reports for o in r]
    tried = [o for o in outcomes if o.cases]
    return (
        f"\n{', '.join(parts)}: {len(tried)} laws tried on "
        f"{sum(o.cases for o in tried)} inputs in {seconds:.0f} s, "
        f"{sum(bool(o.broken) for o in outcomes)} broken"
    )


def _write(path: str, sections: dict[str, list[Any]], seconds: float) -> None:
    made = {
        "penne": __version__,
        "numpy": np.__version__,
        "python": sys.version.split()[0],
        "seconds": round(seconds, 1),
        **{
            kind: [
                {**asdict(o), "seconds": round(o.seconds, 4), "verdict": o.verdict}
                for report in reports
                for o in report
            ]
            for kind, reports in sections.items()
        },
    }
    with open(path, "w", encoding="utf-8") as file:
        json.dump(made, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    warnings.simplefilter("error")
    sys.exit(main())
