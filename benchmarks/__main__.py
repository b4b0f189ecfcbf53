"""python -m benchmarks [WORKLOAD ...], or building, first or family alone."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from . import report, running
from .time_update import PEERS
from .workloads import ASKED, DEFAULT, WORKLOADS

ALONE = {
    "building": ("what building expressions costs", report.building_text),
    "first": ("what comes first costs", report.first_text),
    "family": ("what the cells of the literature cost", report.family_text),
}


def _peers(text: str) -> list[str]:
    named = text.split(",")
    unknown = [name for name in named if name not in PEERS]
    if unknown:
        known = ", ".join(PEERS)
        raise argparse.ArgumentTypeError(f"no peer {unknown[0]!r} among {known}")
    return [peer for peer in PEERS if peer in named]


def _python(text: str) -> tuple[str, str]:
    peer, equals, path = text.partition("=")
    if not equals or peer not in PEERS:
        raise argparse.ArgumentTypeError(f"takes PEER=PATH, got {text!r}")
    return peer, path


def _positive(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"takes a number above 0, got {text!r}")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    each = ALONE.items()
    made = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Time training updates of penne and of its peers.",
        epilog=f"Workloads: {', '.join(DEFAULT)}; when asked for: {', '.join(ASKED)}; "
        f"or one alone: {', '.join(f'{name}, {what}' for name, (what, _) in each)}.",
    )
    add = made.add_argument
    add("workloads", nargs="*", metavar="WORKLOAD", help="default: the first nine")
    add("--peers", type=_peers, default=list(PEERS), help="default: all four")
    add("--seconds", type=float, default=3.0, help="of steady state (default: 3)")
    add("--threads", type=_positive, default=1, help="default: 1")
    add("--rounds", type=_positive, default=3, help="default: 3")
    add(
        "--python",
        type=_python,
        action="append",
        default=[],
        metavar="PEER=PATH",
        help="which Python runs a peer (default: this one)",
    )
    add("--out", type=Path, default=Path("benchmark-results"), help="a folder")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run what the command line asks for; 1 if anything failed."""
    made = parser()
    given = made.parse_args(arguments)
    names = given.workloads or list(DEFAULT)
    for name in names:
        if name not in WORKLOADS and not (names == [name] and name in ALONE):
            made.error(f"no workload {name!r} among {', '.join(WORKLOADS)}")
    given.out.mkdir(parents=True, exist_ok=True)
    settings = {**vars(given), "workloads": names, "python": dict(given.python)}
    del settings["out"]
    if names[0] in ALONE:
        return _alone(names[0], settings, given.out)
    return _updates(settings, given.out)


def _alone(name: str, settings: dict[str, Any], out: Path) -> int:
    python = settings["python"].get("penne", sys.executable)
    measured = running.run(python, settings["threads"], f"benchmarks.{name}")
    if isinstance(measured, dict):
        sys.exit(f"{name}: {measured}")
    _, written = ALONE[name]
    text = written(measured)
    _write(out, name, text, measured)
    print(text)
    return 0


def _updates(settings: dict[str, Any], out: Path) -> int:
    for record in running.recorded(settings):
        text = report.table_text(record)
        _write(out, "table", text, record)
    print(text)
    try:
        report.draw(record, out / "benchmarks.png")
    except ImportError as error:
        print(f"no picture: {error}", file=sys.stderr)
    return 1 if record["failed"] else 0


def _write(out: Path, name: str, text: str, raw: Any) -> None:
    (out / f"{name}.md").write_text(text, encoding="utf-8")
    (out / f"{name}.json").write_text(json.dumps(raw, indent=1), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
