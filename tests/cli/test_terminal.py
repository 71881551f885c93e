"""Terminal manners: tables fit 80 columns, a pipe gets no escape codes, stdout holds results and nothing else."""

import io
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tlk.cli import collections, demo_art
from tlk.cli.console import Console, print_contributions, print_json, print_table
from tlk.cli.main import main, run
from tlk.cli.train import _print_profile
from tlk.recipe import recipe_text
from tlk.training.profile import PARTS, WHOLE, Profile
from tlk.workflows import ablation, cache, check_data, data_pairs, demo, evaluate, gallery, runs, search
from tlk.workflows.bench import run as bench
from tlk.workflows.bench.measure import Row
from tlk.workflows.data_nga import THERE, TO_TAKE, NgaDone
from tlk.workflows.data_painters import PaintersDone
from tlk.workflows.ensemble import Contribution
from tlk.workflows.search_results import Found, Neighbour, Searched

ALL = (1.0, 1.0)
WIDEST = "100.0 [100.0, 100.0]"
KS = ("1", "2", "3", "4")


def of_ks(value: Any) -> dict[str, Any]:
    return dict.fromkeys(KS, value)


NUMBERS: dict[str, Any] = {
    "run": "siamese-hard-negatives", "recipe": "siamese-hard-negatives", "n": 15000, "top_k": of_ks(1.0),
    "ci95": of_ks(ALL), "expected_top_k": of_ks(1.0), "expected_ci95": of_ks(ALL), "matched_top_k": of_ks(1.0),
    "matched_ci95": of_ks(ALL), "gallery_recall": {"1": 1.0, "5": 1.0},
}  # fmt: skip
PAIR = {"n": 22_000_000, "accuracy": 1.0, "ci95": ALL, "auc": 1.0, "auc_ci95": ALL, "positive": -0.99, "negative": -0.5}
RULE = {"queries": 23_817, "gallery": 23_817, "chance": {"25": {"recall": 0.1, "precision": 0.1}}}
RULE |= {
    f"{name}{end}": {"25": value} for name in ("recall", "precision") for end, value in (("", 1.0), ("_ci95", ALL))
}
VERIFICATION = {
    "threshold": 0.123, "pairs": dict.fromkeys(("all", "seen in training", "unseen in training"), PAIR),
    "gallery": {"artist+genre": RULE},
}  # fmt: skip
RANKS = {k: {"found": 15_000, "share": 1.0, "ci95": ALL} for k in ("1", "25", "100")}
GALLERY = {
    "run": "best", "n": 15_000, "gallery": [3000, 3000], "left_to_right": RANKS, "right_to_left": RANKS,
    "rank_frequency": list(range(900, 910)), "mean_similarity": {"positive": 0.5, "negative": 0.1},
    "faces": {"both": {"n": 12_345, "expected_top_2": 1.0, "ci95": ALL, "left_to_right": RANKS}},
}  # fmt: skip
CACHE = {
    "cache": "/home/somebody/competitions/totally-looks-like/.tlk", "size": 9_999_999_999, "leftovers": 77,
    "views": [{"name": "mobilenetv2_100 stage 3 mean of 4 cells mirrored", "vectors": 123_456, "size": 1023 << 20}],
    "pixels": [{"folder": "a", "images": None, "size": 5}], "exports": [{"name": "a" * 32, "size": 5}],
    "sources": ["/home/somebody/data"],
}  # fmt: skip
RUN = {
    "run": "siamese-hard-negatives-2", "state": "complete", "recipe": "siamese-hard-negatives", "data": "competition",
    "expected_top_2": 1.0, "expected_ci95": ALL, "progress": None, "fault": None, "size": 1023 << 20, "age": 40_000_000,
}  # fmt: skip
TRIED = SimpleNamespace(
    trial=SimpleNamespace(run="art-artist-margin-descriptors", reported="AUC 94.2"),
    collection=demo_art, verification={
        "pairs": VERIFICATION["pairs"],
        "gallery": {"sitter": {"recall": {"1": 1.0, "5": 1.0}, "recall_ci95": {"1": ALL, "5": ALL},
                               "chance": {"1": {"recall": 0.1}, "5": {"recall": 0.1}}}},
    },
)  # fmt: skip
FOUND = Found(
    "x.jpg", None, (Neighbour(1, "3f2a" * 5, "A title of quite some length, as titles are", "Artist", 0.5),), ()
)


def told(*arguments: str, module: Any, name: str, answer: Any) -> Callable[[pytest.MonkeyPatch], None]:
    """Return a call of a command whose workflow answers so."""

    def call(patch: pytest.MonkeyPatch) -> None:
        patch.setattr(module, name, lambda *given, **named: answer)
        assert run(list(arguments)) == 0

    return call


def profile() -> Profile:
    found = Profile(detailed=True)
    found.seconds.update(dict.fromkeys((*PARTS, WHOLE), 123_456.0))
    return found


BENCH = Row("embed", "embedding 100,000 pictures", 1234.5, "open-metric-learning", 9999.0, 12345.0, "a note")
EFFECT = ablation.Effect("recipe descriptors training.epochs=15", 1.0, ALL, 1.0, ALL)
DEMO = demo.DemoRow("demo-best-no-weights", 1.0, ALL, 1.0, ALL)
CHECK: dict[str, Any] = {
    "counts": {"training pairs": 12_345}, "duplicates": {"groups of near-duplicates": 3}, "leaks": [], "faults": [],
}  # fmt: skip
PAIRS = data_pairs.PairsDone({"training": 5}, 3, 9, {("artist+genre", "training"): (11_000_000, 11_000_000)})
SEARCHED = Searched("a run", "gallery", 100_000, (), (FOUND,))
COMMANDS: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "bench": told("bench", module=bench, name="run_benches", answer=[BENCH]),
    "bench ablation": told("bench", "ablation", module=ablation, name="ablation", answer=[EFFECT]),
    "cache": told("cache", module=cache, name="list_cache", answer=CACHE),
    "data check": told("data", "check", "x", module=check_data, name="check_data", answer=CHECK),
    "data pairs": told("data", "pairs", "x", module=data_pairs, name="make_pairs", answer=PAIRS),
    "data nga": lambda patch: collections._print_nga(NgaDone({TO_TAKE: 130_000, THERE: 99}), Path("x"), True),
    "data painters": told(
        "data", "painters", "--archives", "x", "--out", "y",
        module=sys.modules[PaintersDone.__module__], name="make_painters",
        answer=PaintersDone(200_000, 100_000, 100_000, 1, 2, 3, 4, 5),
    ),
    "demo": told("demo", module=demo, name="run_demo", answer=([DEMO], [])),
    "demo-art painters": lambda patch: demo_art._print_painters([TRIED]),  # type: ignore[list-item]
    "demo-art portraits": lambda patch: demo_art._print_portraits([TRIED]),  # type: ignore[list-item]
    "ensemble": lambda patch: print_contributions([Contribution("siamese-hard-negatives", 1.0, 10.0, 1.0, ALL)]),
    "eval": told("eval", module=evaluate, name="evaluate", answer=[NUMBERS | {"verification": VERIFICATION}]),
    "eval --gallery": told("eval", "best", "--gallery", module=gallery, name="evaluate_gallery", answer=GALLERY),
    "eval --submission": told(
        "eval", "--submission", "x.csv", module=evaluate, name="evaluate_submission",
        answer={"submission": "x.csv", "n": 15_000, "top_k": of_ks(1.0), "ci95": of_ks(ALL)},
    ),
    "runs": told("runs", module=runs, name="list_runs", answer=[RUN]),
    "search": told("search", "x.jpg", module=search, name="search", answer=SEARCHED),
    "train --profile": lambda patch: _print_profile(profile()),
}  # fmt: skip
HAVE_INTERVALS = {"bench ablation", "demo", "ensemble", "eval", "eval --gallery", "eval --submission"}
HAVE_INTERVALS |= {"demo-art painters", "demo-art portraits", "runs"}


def tables(printed: str) -> list[list[str]]:
    """Return the lines of each table, its header first."""
    lines, found = printed.splitlines(), []
    for number, line in enumerate(lines):
        if set(line.strip()) == {"─"}:
            end = lines.index("", number) if "" in lines[number:] else len(lines)
            found.append(lines[number - 1 : end])
    return found


@pytest.mark.parametrize("terminal", [None, "200"], ids=["bare", "in a wide terminal"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_table_in_a_pipe(
    name: str,
    terminal: str | None,
    workspace_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # as continuous integration likes to have it
    if terminal:
        monkeypatch.setattr(os, "get_terminal_size", lambda *given: os.terminal_size((int(terminal), 50)))
    COMMANDS[name](monkeypatch)
    printed = capsys.readouterr()
    assert "\x1b" not in printed.out
    assert printed.err == ""
    found = tables(printed.out)
    assert found
    for table in found:
        assert all(len(line) <= 80 and line == line.rstrip() for line in table)
    assert all(len(line) <= 80 for line in printed.out.split("─")[0].splitlines())  # what stands above the first
    if name in HAVE_INTERVALS:
        assert any(WIDEST in line for table in found for line in table)  # no number is broken
    monkeypatch.setenv("COLUMNS", "120")
    COMMANDS[name](monkeypatch)
    assert all(len(line) <= 120 for table in tables(capsys.readouterr().out) for line in table)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_narrow_pipe_loses_nothing(
    name: str, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = {}
    for columns in (200, 50, 1):
        monkeypatch.setenv("COLUMNS", str(columns))
        COMMANDS[name](monkeypatch)
        told[columns] = capsys.readouterr().out
        assert columns == 1 or all(len(line) <= columns for table in tables(told[columns]) for line in table)
    wide, narrow, narrowest = (Counter("".join(text.replace("─", "").split())) for text in told.values())
    assert narrow == wide
    assert narrowest == wide  # wider than it should be: a table of no letters would say nothing


class Terminal(io.StringIO):
    """A terminal that keeps what it is shown."""

    encoding = "utf-8"  # type: ignore[assignment]

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("no_color", [True, False])
def test_a_terminal_has_its_own_width_and_no_colour_where_none_is_wanted(
    no_color: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "20")
    monkeypatch.delenv("NO_COLOR", raising=False)
    if no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    print_table(["name", "value"], [["a" * 60, "1"]])
    shown = terminal.getvalue()
    for colour in range(30, 50):
        assert f"\x1b[{colour}m" not in shown or not no_color
    assert "a" * 30 in shown
    assert "a" * 40 not in shown  # folded


def test_progress_and_notes_are_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console()
    console.note("a note")
    with console.track("working") as step:
        step(1, 2)
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "a note\n"  # no bar into a file


def test_a_notebook_without_widgets_has_notes_and_neither_bars_nor_warnings(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setattr("tlk.console._has_widgets", lambda: False)
    with Console().track("working") as step:
        step(1, 2)
        Console().note("a note")
    assert capsys.readouterr() == ("", "a note\n")


@pytest.mark.parametrize("wanted", ["0", "-5", "wide"])
def test_columns_that_are_no_width(
    wanted: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", wanted)
    print_table(["name", "value"], [["a" * 100, "1"]])
    assert max(map(len, capsys.readouterr().out.splitlines())) == 79  # and one column of margin


def test_an_encoding_without_our_letters_loses_none_in_json(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="cp1252", errors="strict"))
    print_json({"id": "→ ñ"})
    sys.stdout.flush()
    assert raw.getvalue().replace(b"\r", b"") == b'{\n "id": "\\u2192 \\u00f1"\n}\n'


def test_an_encoding_without_our_letters_stops_nothing(workspace_folder: Path) -> None:
    code = (
        "import sys; from tlk.cli import main; sys.argv = ['tlk', 'recipes'];"
        "main.app.registered_commands.clear(); main.app.command('recipes')(lambda: print('→ −'));"
        "main.app.command('other')(lambda: None); main.main()"
    )
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "? ?\n"
    assert main.__module__ == "tlk.cli.main"


def test_one_recipe_is_shown_as_it_is_written_with_its_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipes", "adapter"]) == 0
    printed = capsys.readouterr()
    assert printed.out == recipe_text("adapter")
    assert "\nsource = " in printed.out


@pytest.mark.parametrize(("columns", "width"), [(None, 80), ("60", 60), ("200", 200)])
def test_the_list_of_recipes_is_folded(
    columns: str | None, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    assert run(["recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    longest = max(map(len, lines))
    assert width - 30 < longest <= width
    assert "  from      Risser-Maroix, Learning an adaptation" in "\n".join(lines)


def test_no_name_commands_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(["name"], [["\x1b[31mred\x07"]], "of \x1b]0;a title\x07")
    told = capsys.readouterr().out
    assert told.startswith("of \N{REPLACEMENT CHARACTER}]0;a title\N{REPLACEMENT CHARACTER}\n")
    assert "\N{REPLACEMENT CHARACTER}[31mred" in told
    assert not {"\x1b", "\x07"} & set(told)
