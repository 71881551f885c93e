"""The trail of submissions: written by several at once, read back as it was, and never worth a submission."""

import csv
import hashlib
import io
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workflows.conftest import Notes
from tlk.errors import UserError
from tlk.files import write_json, write_text
from tlk.tables import parse_table
from tlk.workflows.ledger import LEDGER, read_ledger, record_prediction, record_score, state_of
from tlk.workflows.ledger_rows import HEADER, Entry, format_ledger, parse_ledger
from tlk.workflows.predict import predict
from tlk.workflows.progress import Silent
from tlk.workflows.run import Run
from tlk.workflows.workspace import Workspace

ENTRY = Entry("a.csv", "0" * 64, "a", "thumbnail", "tll", 0.5, 0.4, 0.6, False, False, "2026-01-31T12:00:00Z")
RECIPE = """
name = "thumbnail"
summary = "s"
source = "s"
embedding = { mirrored = false, descriptors = ["thumbnail"] }
model = { name = "centred" }
"""


@pytest.fixture
def run(workspace_folder: Path) -> Run:
    """A run as far as the ledger looks at it."""
    found = Run(workspace_folder / "runs" / "mine")
    found.folder.mkdir(parents=True)
    write_text(found.folder / "recipe.toml", RECIPE)
    write_json(found.folder / "manifest.json", {"data": {"name": "tll"}, "embedding": "x"})
    numbers = {
        "expected_top_k": {"2": 0.5},
        "seconds": 1.0,
        "top_k": {"2": 0.5},
        "ci95": {"2": [0.4, 0.6]},
        "matched_top_k": {"2": 0.7},
        "matched_ci95": {"2": [0.65, 0.75]},
    }
    write_json(found.folder / "metrics.json", numbers)
    return found


def predicted(run: Run, text: str, name: str = "a.csv", matched: bool = False, notes: Silent | None = None) -> Path:
    """Write a submission as `predict` does."""
    path = Path("submissions") / name
    write_text(path, text)
    record_prediction(path, text, run, "tll", matched, notes or Silent())
    return path


def test_a_row_says_what_was_made_of_what(run: Run) -> None:
    predicted(run, "one")
    predicted(run, "two", matched=True)
    first, second = read_ledger()
    assert replace(first, time="") == Entry(
        "a.csv", hashlib.sha256(b"one").hexdigest(), "mine", "thumbnail", "tll", 0.5, 0.4, 0.6, False, False, ""
    )
    assert (second.top_2, second.low, second.high) == (0.7, 0.65, 0.75)
    assert second.matched
    assert second.transductive
    assert [state_of(entry) for entry in (first, second)] == ["changed", "there"]
    Path("submissions/a.csv").unlink()
    assert state_of(second) == "gone"


def test_what_saw_the_test_half_or_has_no_matched_number_says_so(run: Run) -> None:
    write_json(run.folder / "manifest.json", {"data": {"name": "tll"}, "embedding": "x", "pseudo_pairs": True})
    write_json(run.folder / "metrics.json", run.numbers() | {"matched_top_k": None, "matched_ci95": None})
    predicted(run, "one")
    predicted(run, "two", matched=True)
    first, second = read_ledger()
    assert (first.top_2, first.matched, first.transductive) == (0.5, False, True)
    assert (second.top_2, second.low, second.high, second.matched) == (None, None, None, True)


def test_every_prediction_is_entered_as_it_is_reached_from_the_ledger(
    run: Run, competition_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def scored(gaps: np.ndarray, *rest: object) -> tuple[np.ndarray, int]:
        return np.random.default_rng(0).normal(size=gaps.shape), 1

    monkeypatch.setattr("tlk.workflows.predict.score_around", scored)
    workspace = Workspace.here(competition_folder)
    done = predict(workspace, None, None, "cpu", Silent())
    predict(workspace, None, Path("mine.csv"), "cpu", Silent())
    predict(workspace, None, Path.cwd() / "deep" / "b.csv", "cpu", Silent())
    predict(workspace, None, Path("elsewhere/submissions/c.csv"), "cpu", Silent())
    predict(workspace, None, workspace.runs / "mine" / "demo.csv", "cpu", Silent(), enter=False)
    entries = read_ledger()
    assert [entry.file for entry in entries] == ["submission.csv", "../mine.csv", "../deep/b.csv"]
    assert [entry.file for entry in read_ledger(Path("elsewhere/submissions"))] == ["c.csv"]
    assert sorted(path.parent for path in Path().rglob(LEDGER)) == [Path("elsewhere/submissions"), Path("submissions")]
    assert entries[0].sha256 == hashlib.sha256(done.path.read_bytes()).hexdigest()
    assert {(entry.run, entry.data, entry.matched, state_of(entry)) for entry in entries} == {
        ("mine", "small", False, "there")
    }
    for number, file in enumerate(("mine.csv", str(Path.cwd() / "deep/b.csv"))):
        record_score(Path(file), 0.5 + number / 10, None)
    assert [entry.public for entry in read_ledger()] == [None, 0.5, 0.6]


@pytest.mark.parametrize("name", ["ledger.csv", "Ledger.CSV", ".ledger.lock"])
def test_no_submission_replaces_the_ledger(run: Run, competition_folder: Path, name: str) -> None:
    predicted(run, "one")
    before = Path("submissions/ledger.csv").read_text()
    with pytest.raises(UserError, match="is where the trail of submissions is kept"):
        predict(Workspace.here(competition_folder), None, Path("submissions") / name, "cpu", Silent())
    assert Path("submissions/ledger.csv").read_text() == before


def test_a_ledger_that_cannot_be_written_costs_a_note_and_no_submission(run: Run) -> None:
    predicted(run, "one")
    damaged = Path("submissions/ledger.csv").read_text().replace(",0.5,", ",half,")
    write_text(Path("submissions/ledger.csv"), damaged)
    notes = Notes()
    assert predicted(run, "two", notes=notes).read_text() == "two"
    assert "submissions/ledger.csv, line 2: top_2 'half' is damaged" in notes.notes[0]
    assert Path("submissions/ledger.csv").read_text() == damaged
    Path("submissions/ledger.csv").unlink()
    Path("submissions/ledger.csv").mkdir()
    notes = Notes()
    assert predicted(run, "three", notes=notes).read_text() == "three"
    assert len(notes.notes) == 1
    write_json(run.folder / "metrics.json", {"expected_top_k": {"2": 0.5}, "seconds": 1.0})
    notes = Notes()
    Path("submissions/ledger.csv").rmdir()
    predicted(run, "four", notes=notes)
    assert "metrics.json has no top-2 accuracy" in notes.notes[0]
    assert read_ledger() == []


APPEND = """
import sys
from pathlib import Path
from tlk.workflows.ledger import record_prediction
from tlk.workflows.progress import Silent
from tlk.workflows.run import Run
print("ready", flush=True)
sys.stdin.readline()
run = Run(Path("runs/mine"))
for turn in range(12):
    record_prediction(Path(f"submissions/{sys.argv[1]}-{turn}.csv"), "x", run, "tll", False, Silent())
"""


def test_two_processes_at_once_lose_no_row(run: Run) -> None:
    Path("submissions").mkdir()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    processes = [subprocess.Popen([sys.executable, "-c", APPEND, str(number)], **pipes) for number in range(3)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0
    names = [entry.file for entry in read_ledger()]
    assert sorted(names) == sorted(f"{number}-{turn}.csv" for number in range(3) for turn in range(12))
    for number in range(3):
        assert [name for name in names if name[0] == str(number)] == [f"{number}-{turn}.csv" for turn in range(12)]


text = st.text(min_size=1, max_size=8).filter(str.isprintable).filter(str.strip)


@given(st.lists(st.tuples(text, text, st.sampled_from("=+-@'a")), min_size=1, max_size=3))
def test_no_name_becomes_a_formula_and_all_come_back(names: list[tuple[str, str, str]]) -> None:
    entries = [replace(ENTRY, file=f"{sign}{one}", run=f"'{sign}{two}", data=one) for one, two, sign in names]
    written = format_ledger(entries)
    for row in list(csv.reader(io.StringIO(written, newline="")))[1:]:
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)
    assert parse_ledger(parse_table(written.encode(), "x", lambda width: HEADER)) == entries


def test_line_ends_in_a_name_leave_the_ledger_whole(run: Run) -> None:
    predicted(run, "one", "a\r=b\n.csv")
    predicted(run, "two")
    assert [entry.file for entry in read_ledger()] == [
        "a\N{REPLACEMENT CHARACTER}=b\N{REPLACEMENT CHARACTER}.csv",
        "a.csv",
    ]


@pytest.mark.parametrize(
    ("column", "cell"),
    [
        ("file", ""),
        ("sha256", "1.2E+63"),
        ("run", " "),
        ("top_2", "nan"),
        ("low", "1_0"),
        ("high", "61"),
        ("matched", "TRUE"),
        ("transductive", ""),
        ("time", "31.01.26 12:00"),
        ("time", "2026-01-31"),
        ("public", "-0.1"),
        ("private", "first"),
    ],
)
def test_an_edited_cell_is_said_by_its_line(column: str, cell: str, workspace_folder: Path) -> None:
    rows = list(csv.reader(io.StringIO(format_ledger([ENTRY, ENTRY]))))
    rows[2][HEADER.index(column)] = cell
    Path("submissions").mkdir()
    with Path("submissions/ledger.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    with pytest.raises(UserError, match=rf"submissions/ledger.csv, line 3: {column} .* is damaged\nit is ") as raised:
        read_ledger()
    assert len(str(raised.value).splitlines()) <= 3


def test_what_a_spreadsheet_saves_is_read_and_other_columns_are_kept(run: Run) -> None:
    usual = format_ledger([replace(ENTRY, run="-a", public=0.25)])
    write_text(Path("submissions/ledger.csv"), "\ufeff" + usual.replace("\n", "\r\n"))
    assert read_ledger() == [replace(ENTRY, run="-a", public=0.25)]
    names, cells = list(csv.reader(io.StringIO(usual)))
    rows = [["my notes", *names[::-1], ""], ["=cmd|' /C calc'!A0", *cells[::-1], ""]]
    with Path("submissions/ledger.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    (entry,) = read_ledger()
    assert entry == replace(ENTRY, run="-a", public=0.25, own={"my notes": "=cmd|' /C calc'!A0"})
    for _ in range(2):
        predicted(run, "one")
    record_score(Path("a.csv"), 0.5, None)
    first, _, third = read_ledger()
    assert (first, third.own, third.public) == (entry, {"my notes": ""}, 0.5)
    told = list(csv.reader(Path("submissions/ledger.csv").read_text().splitlines()))
    assert told[0] == [*HEADER, "my notes"]
    assert [row[-1] for row in told[1:]] == ["'=cmd|' /C calc'!A0", "", ""]


@pytest.mark.parametrize(
    ("old", "new"), [(("top_2", ","), ("top2", ",")), ((",", "."), (";", ",")), (("private",), ("public",))]
)
def test_another_header_is_refused_and_the_expected_one_said(
    workspace_folder: Path, old: tuple[str, ...], new: tuple[str, ...]
) -> None:
    text = format_ledger([ENTRY])
    for one, other in zip(old, new, strict=True):
        text = text.replace(one, other)
    write_text(Path("submissions/ledger.csv"), text)
    with pytest.raises(UserError, match=r"ledger.csv: wrong header .*\nexpected 'file,sha256,.*separated by commas"):
        read_ledger()
    assert Path("submissions/ledger.csv").read_text() == text


def test_a_hand_edited_name_commands_no_terminal_and_reads_no_device(workspace_folder: Path) -> None:
    write_text(Path("submissions/ledger.csv"), format_ledger([ENTRY]).replace("a.csv", "/dev/zero"))
    (entry,) = read_ledger()
    assert state_of(entry) == "gone"
    write_text(Path("submissions/ledger.csv"), format_ledger([ENTRY]).replace("a.csv", "\x1b[31mred"))
    assert read_ledger()[0].file == "\N{REPLACEMENT CHARACTER}[31mred"


def test_the_answer_goes_to_the_newest_row_of_that_content(run: Run) -> None:
    for content in ("one", "two", "one"):
        path = predicted(run, content)
    predicted(run, "b", "b.csv")
    write_text(path, "two")
    assert record_score(path, 0.61, None).public == 0.61
    assert [entry.public for entry in read_ledger()] == [None, 0.61, None, None]
    write_text(path, "one")
    record_score(Path("a.csv"), None, 0.5)  # by its name alone
    record_score(Path("submissions/../submissions/a.csv"), 0.55, None)
    assert [(entry.public, entry.private) for entry in read_ledger()][2] == (0.55, 0.5)
    path.unlink()
    record_score(path, 0.7, None)
    assert [entry.public for entry in read_ledger()] == [None, 0.61, 0.7, None]


def test_an_answer_that_belongs_nowhere_is_refused(run: Run) -> None:
    with pytest.raises(UserError, match=r"there is no submissions/ledger.csv"):
        record_score(Path("a.csv"), 0.5, None)
    path = predicted(run, "one")
    for public, private, message in (
        (None, None, "answer is missing"),
        (61.0, None, "--public 61 is not a share"),
        (0.5, float(np.nan), "--private nan is not a share"),
    ):
        with pytest.raises(UserError, match=message):
            record_score(path, public, private)
    with pytest.raises(UserError, match=r"has no row for submissions/b.csv\nit has a.csv; tlk predict enters"):
        record_score(Path("submissions/b.csv"), 0.5, None)
    write_text(path, "other")
    with pytest.raises(UserError, match=r"is not what submissions/ledger.csv has under that name"):
        record_score(path, 0.5, None)
    assert [(entry.public, entry.private) for entry in read_ledger()] == [(None, None)]
