"""A record of measurements as text and as a picture.  Imports matplotlib to draw."""

import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .running import Record, answering
from .workloads import VARIANT_OF, WORKLOADS

Medians = dict[tuple[str, str], dict[str, float]]
OURS = "penne"
NOTHING = "–"


def medians(record: Record) -> Medians:
    """For each peer and function, medians over the rounds of what was measured."""
    found: dict[tuple[str, str], list[Record]] = {}
    for run in record["runs"]:
        found.setdefault((run["peer"], run["workload"]), []).append(run)
    wanted = ("ms", "import_s", "first_s", "peak_mib")
    return {
        key: {name: statistics.median(run[name] for run in runs) for name in wanted}
        for key, runs in found.items()
    }


def row(record: Record, workload: str, name: str) -> dict[str, float]:
    """The median called ``name`` of each peer that has one for a workload."""
    known = medians(record)
    keys = {peer: (peer, answering(peer, workload)) for peer in peers(record)}
    return {peer: known[key][name] for peer, key in keys.items() if key in known}


def peers(record: Record) -> list[str]:
    """Whom the record is about, without those that are missing."""
    asked: list[str] = record["settings"]["peers"]
    return [peer for peer in asked if peer not in record["missing"]]


def fastest(times: dict[str, float]) -> float | None:
    """The least of the peers' times: penne itself is no peer."""
    return min((ms for peer, ms in times.items() if peer != OURS), default=None)


def short(x: float) -> str:
    """Three digits, or all that stand before the point.

    >>> short(1234.5), short(12.345), short(0.01234)
    ('1,234', '12.3', '0.0123')
    """
    return f"{x:,.0f}" if x >= 100 else f"{x:#.3g}"


def timed(times: dict[str, float], peer: str) -> str:
    """A cell: milliseconds, and the ratio to the fastest peer, which is bold."""
    if peer not in times:
        return NOTHING
    ms, least = times[peer], fastest(times)
    if least is None:
        return short(ms)
    text = f"{short(ms)} ({ms / least:.2f})"
    return f"**{text}**" if ms == least and peer != OURS else text


def table(heads: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    rule = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (heads, rule, *rows))


def _table(
    record: Record, name: str, cell: Callable[[dict[str, float], str], str]
) -> str:
    columns = peers(record)
    rows = [
        [f"`{workload}`", *(cell(row(record, workload, name), p) for p in columns)]
        for workload in record["settings"]["workloads"]
    ]
    return table(["workload", *columns], rows)


def seconds(times: dict[str, float], peer: str) -> str:
    """A cell: seconds."""
    return f"{times[peer]:.3g}" if peer in times else NOTHING


def mebibytes(sizes: dict[str, float], peer: str) -> str:
    """A cell: MiB."""
    return f"{sizes[peer]:,.0f}" if peer in sizes else NOTHING


def about(record: Record) -> str:
    """Machine, versions and settings, in one paragraph."""
    machine, settings = record["machine"], record["settings"]
    versions = {f"{r['peer']} {r['version']}" for r in record["runs"]}
    pythons = {f"Python {r['python']}" for r in record["runs"]}
    threads = settings["threads"]
    return (
        f"{machine['date']}; {machine['processor']}, {machine['cores']} cores, "
        f"{machine['system']}, load {machine['load']} at the start; "
        f"{', '.join([*sorted(pythons), *sorted(versions)])}; "
        f"{threads} {'thread' if threads == 1 else 'threads'}, "
        f"rounds: {settings['rounds']}, {settings['seconds']:g} s each."
    )


def variants(record: Record) -> list[str]:
    """Which rows repeat numbers of another."""
    return [
        f"- `{name}`: a peer without a variant of its own shows its `{of}`"
        for name, of in VARIANT_OF.items()
        if name in record["settings"]["workloads"]
    ]


def absences(record: Record) -> list[str]:
    """What could not be measured, and why."""
    kinds = [(kind, record[kind].items()) for kind in ("missing", "failed")]
    return [f"- {kind}: {who}: {why}" for kind, all_ in kinds for who, why in all_]


def table_text(record: Record) -> str:
    """The whole report in Markdown."""
    notes = [*variants(record), *absences(record)]
    parts = [
        "# Benchmarks",
        about(record),
        "Median of one update in steady state, in ms (`sample`: of 300 symbols); in "
        "brackets the ratio to the fastest peer, which is bold.",
        _table(record, "ms", timed),
        "First update in a new process, in s after the import.",
        _table(record, "first_s", seconds),
        "Peak resident memory of the process, in MiB.",
        _table(record, "peak_mib", mebibytes),
        *["\n".join(notes)] * bool(notes),
    ]
    return "\n\n".join(parts) + "\n"


def building_text(measured: Iterable[tuple[str, float]]) -> str:
    """The costs of building, in Markdown."""
    rows = [[what, short(value)] for what, value in measured]
    return table(["what is built", "median, µs"], rows) + "\n"


def first_text(measured: Iterable[tuple[str, float, float]]) -> str:
    """First times beside second times, in Markdown."""
    rows = [
        [what, short(first), short(second), f"{first / second:.2f}"]
        for what, first, second in measured
    ]
    return table(["update", "first", "then", "ratio"], rows) + "\n"


def family_text(measured: Iterable[tuple[Any, ...]]) -> str:
    """What updates of the cells cost, in Markdown: for each parameter, against that of
    the first cell; with as many units, then with as many parameters.

    ``measured``: names, and for both units, parameters and milliseconds.
    """
    rows = [*measured]
    first = rows[0][0]
    text = [[f"`{name}`"] for name, *_ in rows]
    for begin in (1, 4):
        sizes = [row[begin : begin + 3] for row in rows]
        costs = [ms / n for _, n, ms in sizes]
        for line, (units, n, ms), cost in zip(text, sizes, costs):
            line += [f"{units}", f"{n:,}", short(ms), f"{cost / costs[0]:.2f}"]
    heads = ["units", "parameters", "ms", f"time by parameters, `{first}` = 1"]
    return table(["cell", *heads, *heads], text) + "\n"


# --- the picture ----------------------------------------------------------------------

COLOURS = {"torch": "#dcc7a6", "jax": "#a3b8cc", "dynet": "#66788a", OURS: "#b5342b"}
INK, FAINT, LINES = "#2b2b2b", "#7a7a7a", "#e6e6e6"
THICK = 0.21


def draw(record: Record, path: Path) -> None:
    """Grouped bars on a logarithmic axis: a group for each workload, penne first."""
    from matplotlib.figure import Figure

    rows = {w: row(record, w, "ms") for w in record["settings"]["workloads"]}
    rows = {workload: times for workload, times in rows.items() if times}
    shown = sorted(peers(record), key=lambda peer: peer != OURS)
    height = 1.4 + len(rows) * (0.25 + 0.16 * len(shown))
    figure = Figure(figsize=(9, height), layout="constrained")
    axes = figure.add_subplot()
    for peer in shown:
        _bars(axes, rows, shown, peer)
    _scale(axes, len(rows))
    for k, workload in enumerate(rows):
        _name(axes, k, workload)
    _dress(figure, axes, record)
    figure.savefig(path, dpi=160)


def _bars(
    axes: Any, rows: dict[str, dict[str, float]], shown: list[str], peer: str
) -> None:
    """One peer's bars, each with its number at the end; a group leaves no gaps."""
    places, widths = [], []
    for k, times in enumerate(rows.values()):
        if peer in times:
            group = [p for p in shown if p in times]
            places.append(k + (group.index(peer) - (len(group) - 1) / 2) * THICK)
            widths.append(times[peer])
    ours = peer == OURS
    bars = axes.barh(places, widths, THICK * 0.86, color=COLOURS[peer], zorder=2)
    bars.set_label(peer)
    axes.bar_label(
        bars,
        [short(ms) for ms in widths],
        padding=3,
        fontsize=7.5,
        color=COLOURS[OURS] if ours else INK,
        weight="bold" if ours else "normal",
    )


def _scale(axes: Any, groups: int) -> None:
    """Both axes, with room for the numbers."""
    axes.set_xscale("log")
    low, high = axes.get_xlim()
    axes.set_xlim(low / 1.5, high * 1.6)
    axes.set_ylim(groups - 0.5, -0.5)
    axes.xaxis.set_major_formatter(lambda x, _: f"{x:,g}")
    axes.set_xlabel("milliseconds (median; logarithmic, shorter is faster)", color=INK)
    axes.set_yticks([])
    axes.tick_params(which="both", length=0, colors=FAINT, labelsize=9)
    axes.grid(axis="x", color=LINES, linewidth=0.8, zorder=0)
    axes.spines[:].set_visible(False)


def _name(axes: Any, k: int, workload: str) -> None:
    """The name of a group, and what it is."""
    place = dict(xy=(0, k), xycoords=("axes fraction", "data"), ha="right")
    place["textcoords"] = "offset points"
    what = WORKLOADS[workload].replace("`", "")
    axes.annotate(workload, xytext=(-8, 2.5), weight="bold", color=INK, **place)
    axes.annotate(what, xytext=(-8, -2), va="top", fontsize=8, color=FAINT, **place)


def _dress(figure: Any, axes: Any, record: Record) -> None:
    """Title, caption and legend."""
    machine, threads = record["machine"], record["settings"]["threads"]
    figure.suptitle(
        "Time of one training update",
        x=0.01,
        ha="left",
        weight="bold",
        fontsize=14,
        color=INK,
    )
    figure.supxlabel(
        f"{machine['processor']}, {threads} thread{'s' * (threads != 1)}, "
        f"{machine['date']}",
        x=0.01,
        ha="left",
        fontsize=8,
        color=FAINT,
    )
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=len(COLOURS),
        frameon=False,
        borderaxespad=0.2,
        handlelength=1,
        handleheight=1,
    )
