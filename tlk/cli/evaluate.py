"""`tlk eval`."""

from pathlib import Path
from typing import Annotated, Any

import typer

from tlk.cli.console import DataOption, JsonOption, RunsOption, TopkOption, percent, print_json, print_table


def evaluate(
    runs_named: Annotated[list[str] | None, typer.Argument(metavar="[RUN]...", help="Runs; default the best.")] = None,
    topk: TopkOption = None,
    json: JsonOption = False,
    data: DataOption = None,
    runs: RunsOption = None,
    submission: Annotated[Path | None, typer.Option(help="Score this CSV instead of a run.")] = None,
    truth: Annotated[Path | None, typer.Option(help="True answers; default DATA/test_truth.csv.")] = None,
) -> None:
    """Print out-of-fold accuracy, or score a submission against the true answers."""
    from tlk.errors import UserError
    from tlk.workflows import evaluate as work
    from tlk.workflows.workspace import Workspace

    workspace = Workspace.here(data, runs)
    if submission is None:
        if truth is not None:
            raise UserError("--truth goes with --submission\nname the CSV to score: --submission FILE")
        rows = work.evaluate(workspace, runs_named or [], topk)
        if json:
            print_json(rows)
            return
        _print_runs(rows)
        for row in work.paired_differences(workspace, runs_named or []) if len(rows) > 1 else []:
            gain = percent(row["gain"], row["ci95"])
            print(f"{row['run']} − {row['minus']}: {gain} points of expected top-2, paired")
        return
    if runs_named:
        raise UserError("--submission scores a CSV, not runs\ngive one or the other")
    row = work.evaluate_submission(workspace.data, submission, truth, topk)
    print_json([row]) if json else _print_submission(row)


def _print_runs(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        lines = [
            [
                f"top-{k}",
                f"{round(row['top_k'][k] * row['n'])} of {row['n']}",
                percent(row["top_k"][k], row["ci95"][k]),
                percent(row["expected_top_k"][k], row["expected_ci95"][k]),
            ]
            for k in row["top_k"]
        ]
        title = f"{row['run']} (recipe {row['recipe']}), out-of-fold, per query"
        print_table(["", "right", "sampled %", "expected %"], lines, title)
        recalls = ", ".join(f"@{k} {percent(value)}" for k, value in row["gallery_recall"].items())
        print(f"recall in the fold's gallery, %: {recalls}")


def _print_submission(row: dict[str, Any]) -> None:
    lines = [
        [f"top-{k}", f"{round(row['top_k'][k] * row['n'])} of {row['n']}", percent(row["top_k"][k], row["ci95"][k])]
        for k in row["top_k"]
    ]
    print_table(["", "right", "%"], lines, f"{row['submission']} against the true answers")
