"""Local against leaderboard: what was expected of each submission, and what the competition answered."""

from collections.abc import Sequence

from tlk.constants import PICKS
from tlk.errors import UserError
from tlk.report.blocks import Chart, Section, Table
from tlk.report.charts import line_chart
from tlk.workflows.ledger import read_ledger
from tlk.workflows.ledger_rows import Entry
from tlk.workflows.report_tables import percent


def submissions(data: Sequence[str]) -> tuple[Section | None, list[str]]:
    """Return the ledger's rows of some data, with a chart where answers are known, and notes; None without rows."""
    try:
        entries = [entry for entry in read_ledger() if entry.data in data]
    except UserError as error:
        return None, [f"Without submissions: {str(error).splitlines()[0]}."]
    if not entries:
        return None, []
    rows = [
        (
            entry.file,
            entry.run,
            entry.time[:10],
            _local(entry),
            _share(entry.public),
            _share(entry.private),
            "yes" if entry.transductive else "no",
        )
        for entry in entries
    ]
    header = ("file", "run", "made", f"out-of-fold top-{PICKS} %", "public %", "private %", "transductive")
    table = Table("Submissions, the newest last", header, rows)
    charts = tuple(chart for board in ("public", "private") if (chart := _chart(entries, board)) is not None)
    text = "On the diagonal the leaderboard says what the out-of-fold scores said; bars are their 95 % intervals."
    unknown = "No answer of the leaderboard is known yet: tlk submissions record FILE --public SCORE"
    return Section("submissions", "Local and leaderboard", (text if charts else unknown,), charts, (table,)), []


def _chart(entries: Sequence[Entry], board: str) -> Chart | None:
    known = [
        (float(answer), entry)
        for entry in entries
        if (answer := getattr(entry, board)) is not None and entry.top_2 is not None
    ]
    if not known:
        return None
    title = f"Local and {board} leaderboard"
    points = sorted((answer, float(entry.top_2 or 0.0)) for answer, entry in known)
    whiskers = [
        (answer, (entry.low, entry.high)) for answer, entry in known if entry.low is not None and entry.high is not None
    ]
    series = {"submissions": points, "as expected": [(0.0, 0.0), (1.0, 1.0)]}
    table = Table(title, ("file", board, "out-of-fold"), [(e.file, _share(answer), _local(e)) for answer, e in known])
    axes = (f"top-{PICKS}, {board}", f"top-{PICKS}, out-of-fold")
    return line_chart(title, axes, series, table, whiskers=whiskers, dots=True, square=True, joined=False)


def _local(entry: Entry) -> str:
    if entry.top_2 is None:
        return "–"
    interval = None if entry.low is None or entry.high is None else (entry.low, entry.high)
    return percent(entry.top_2, interval)


def _share(value: float | None) -> str:
    return "–" if value is None else percent(value)
