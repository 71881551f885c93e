"""`tlk demo-art`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tlk.cli.console import Console, percent, print_table

if TYPE_CHECKING:
    from tlk.workflows.demo_art import Tried


def demo_art(
    backbone: Annotated[
        str | None, typer.Option(help="Train recipes on a backbone, too: a timm name or local-dir:PATH.")
    ] = None,
) -> None:
    """Walk both art collections from end to end on stand-ins drawn by the tool, in the current folder."""
    from tlk.workflows.demo_art import PAINTERS, PORTRAITS, run_demo_art

    tried = run_demo_art(backbone, Console())
    _print_painters([one for one in tried if one.collection == PAINTERS])
    _print_portraits([one for one in tried if one.collection == PORTRAITS])
    last = tried[-1]
    print(f"each run whole: tlk eval {last.trial.run} --data {last.collection}")


def _print_painters(tried: "list[Tried]") -> None:
    lines = []
    for one in tried:
        pairs = one.verification["pairs"]
        areas = [
            percent(row["auc"], row["auc_ci95"]) for row in (pairs["seen in training"], pairs["unseen in training"])
        ]
        lines.append([one.trial.run, percent(pairs["all"]["accuracy"], pairs["all"]["ci95"]), *areas])
    title = "by the same artist? Pairs of the test part; chance is 50 %"
    print_table(["run", "accuracy %", "AUC %, seen", "AUC %, unseen"], lines, title)
    _print_reported(tried)


def _print_portraits(tried: "list[Tried]") -> None:
    lines = []
    for one in tried:
        pairs, found = one.verification["pairs"]["all"], one.verification["gallery"]["sitter"]
        recall = [percent(found["recall"][k], found["recall_ci95"][k]) for k in ("1", "5")]
        lines.append([one.trial.run, percent(pairs["auc"], pairs["auc_ci95"]), *recall])
    chance = " and ".join(percent(found["chance"][k]["recall"]) for k in ("1", "5"))
    title = f"the same sitter? None of them was seen in training; chance is 50 %, and for recall {chance} %"
    print_table(["run", "AUC %", "recall@1 %", "recall@5 %"], lines, title)
    for one in tried:
        pairs = one.verification["pairs"]["all"]
        print(f"{one.trial.run}: mean cosines of matched and unmatched pairs {_means(pairs)}")
    _print_reported(tried)


def _print_reported(tried: "list[Tried]") -> None:
    for one in tried:
        if one.trial.reported:
            print(f"{one.trial.run}: reported of its source, on other pictures: {one.trial.reported}")


def _means(pairs: dict[str, Any]) -> str:
    return f"{pairs['positive']:.2f} and {pairs['negative']:.2f}"
