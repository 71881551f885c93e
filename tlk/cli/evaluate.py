"""`tlk eval`."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlk.cli.completion import run_names
from tlk.cli.console import (
    Console,
    DataOption,
    JsonOption,
    RunsOption,
    TopkOption,
    percent,
    print_json,
    print_table,
    print_text,
)
from tlk.cli.verification import print_verification

if TYPE_CHECKING:
    from tlk.workflows.workspace import Workspace


def evaluate(
    runs_named: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Runs; default the best.", autocompletion=run_names),
    ] = None,
    topk: TopkOption = None,
    json: JsonOption = False,
    data: DataOption = None,
    runs: RunsOption = None,
    submission: Annotated[Path | None, typer.Option(help="Score this CSV instead of a run.")] = None,
    gallery: Annotated[bool, typer.Option("--gallery", help="Ranks among all images, in both directions.")] = False,
    faces: Annotated[bool, typer.Option("--faces", help="With --gallery: pairs with and without faces.")] = False,
    truth: Annotated[Path | None, typer.Option(help="True answers; default DATA/test_truth.csv.")] = None,
) -> None:
    """Print out-of-fold accuracy, or score a submission against the true answers."""
    from tlk.workflows.workspace import Workspace

    workspace, names = Workspace.here(data, runs), runs_named or []
    _refuse_unfit(names, topk, submission, truth, gallery, faces)
    if submission is not None:
        _submission(workspace, submission, truth, topk, json)
        return
    shown = _gallery(workspace, names, faces, json) if gallery else _runs(workspace, names, topk, json)
    if data is not None or os.environ.get("TLK_DATA") or (not names and workspace.data.exists()):
        _say_whose(workspace, shown)


def _say_whose(workspace: "Workspace", names: list[str]) -> None:
    """Say where runs were trained on other data than the workspace's: their numbers are of those."""
    from tlk.data.source import data_name
    from tlk.workflows.run import find_run

    for name in names:
        own = find_run(workspace.runs, name).manifest()["data"]["name"]
        if own != data_name(workspace.data):
            Console().note(f"run {name}: the numbers are of {own}, which it was trained on, not of {workspace.data}")


def _refuse_unfit(
    names: list[str], topk: int | None, submission: Path | None, truth: Path | None, gallery: bool, faces: bool
) -> None:
    """Raise a UserError for options that do not go together."""
    from tlk.errors import UserError

    if faces and not gallery:
        raise UserError("--faces goes with --gallery\ngive both")
    if gallery and (submission is not None or not names):
        raise UserError("--gallery ranks runs\nname one: tlk eval RUN --gallery")
    if gallery and topk is not None:
        raise UserError("--gallery shows top-1 to top-100\nleave --topk out")
    if truth is not None and submission is None:
        raise UserError("--truth goes with --submission\nname the CSV to score: --submission FILE")
    if submission is not None and names:
        raise UserError("--submission scores a CSV, not runs\ngive one or the other")


def _runs(workspace: "Workspace", names: list[str], topk: int | None, json: bool) -> list[str]:
    """Print the numbers of runs; return which ones these are: without names there is still the best one."""
    from tlk.workflows.evaluate import evaluate as work
    from tlk.workflows.evaluate import paired_differences

    rows = work(workspace, names, topk)
    shown = [row["run"] for row in rows]
    if json:
        print_json(rows)
        return shown
    for row in rows:
        _print_run(row)
    for row in paired_differences(workspace, names) if len(rows) > 1 else []:
        pair = f"{row['run']} − {row['minus']}"
        if row["gain"] is None:
            Console().note(f"{pair}: not compared, they stand on {row['on']}")
        else:
            print_text(f"{pair}: {percent(row['gain'], row['ci95'])} points of expected top-2, paired")
    return shown


def _gallery(workspace: "Workspace", names: list[str], faces: bool, json: bool) -> list[str]:
    from tlk.workflows.gallery import evaluate_gallery

    found = [evaluate_gallery(workspace, name, faces, Console()) for name in names]
    if json:
        print_json(found)
        return names
    for row in found:
        _print_gallery(row)
    return names


def _submission(workspace: "Workspace", submission: Path, truth: Path | None, topk: int | None, json: bool) -> None:
    from tlk.workflows.evaluate import evaluate_submission

    row = evaluate_submission(workspace.data, submission, truth, topk)
    print_json([row]) if json else _print_submission(row)


def _print_run(row: dict[str, Any]) -> None:
    lines = [
        [
            f"top-{k}",
            str(round(row["top_k"][k] * row["n"])),
            percent(row["top_k"][k], row["ci95"][k]),
            percent(row["expected_top_k"][k], row["expected_ci95"][k]),
            *([percent(row["matched_top_k"][k], row["matched_ci95"][k])] if row["matched_top_k"] else []),
        ]
        for k in row["top_k"]
    ]
    ways = "per query, and with all lists matched" if row["matched_top_k"] else "per query"
    title = f"{row['run']} (recipe {row['recipe']}), out-of-fold: {ways}"
    header = ["", f"of {row['n']}", "sampled %", "expected %", *(["matched %"] if row["matched_top_k"] else [])]
    print_table(header, lines, title)
    recalls = ", ".join(f"@{k} {percent(value)}" for k, value in row["gallery_recall"].items())
    print_text(f"recall in the fold's gallery, %: {recalls}", indent=2)
    print_verification(row.get("verification"))


def _print_gallery(row: dict[str, Any]) -> None:
    sizes = f"{row['gallery'][0]}–{row['gallery'][-1]}" if len(row["gallery"]) > 1 else str(row["gallery"][0])
    lines = [
        [
            f"top-{k}",
            *(f"{row[way][k]['found']} of {row['n']}" for way in ("left_to_right", "right_to_left")),
            *(percent(row[way][k]["share"], row[way][k]["ci95"]) for way in ("left_to_right", "right_to_left")),
        ]
        for k in row["left_to_right"]
    ]
    header = ["", "left → right", "right → left", "left → right %", "right → left %"]
    print_table(header, lines, f"{row['run']} among {sizes} images, out-of-fold")
    first = ", ".join(map(str, row["rank_frequency"][:10]))
    print(f"found at rank 1, 2, … 10: {first}")
    means = row["mean_similarity"]
    print(f"mean similarity of matched pairs {means['positive']:.4f}, of others {means['negative']:.4f}")
    parts = row.get("faces", {})
    shown = [k for k in ("1", "5", "25") if all(k in part["left_to_right"] for part in parts.values())]
    lines = [
        [kind, str(part["n"]), percent(part["expected_top_2"], part["ci95"])]
        + [str(part["left_to_right"][k]["found"]) for k in shown]
        for kind, part in parts.items()
    ]
    if lines:
        print_table(["faces in", "pairs", "expected top-2 %", *(f"top-{k}" for k in shown)], lines)


def _print_submission(row: dict[str, Any]) -> None:
    lines = [
        [f"top-{k}", f"{round(row['top_k'][k] * row['n'])} of {row['n']}", percent(row["top_k"][k], row["ci95"][k])]
        for k in row["top_k"]
    ]
    print_table(["", "right", "%"], lines, f"{row['submission']} against the true answers")
