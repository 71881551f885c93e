"""`tlk predict`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tlk.cli.completion import run_names
from tlk.cli.console import Console, DataOption, DeviceOption, RunsOption
from tlk.errors import UserError

if TYPE_CHECKING:
    from tlk.workflows.workspace import Workspace


def predict(
    run: Annotated[
        str | None,
        typer.Argument(
            help="A run; default the best of the data: by out-of-fold top-2, for --pairs by ROC AUC.",
            autocompletion=run_names,
        ),
    ] = None,
    data: DataOption = None,
    runs: RunsOption = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Submission; default submissions/<run>.csv, or submissions/submission.csv if no run is named. For "
            "--pairs a folder; default submissions/<run>-pairs/."
        ),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="Of a collection: a CSV, or the zip of one, with the pairs to compare: index, image, image, whatever "
            "the header calls them, such as Painter by Numbers' submission_info.csv."
        ),
    ] = None,
    shard_rows: Annotated[
        int | None, typer.Option(help="Pairs in each part-….csv that --pairs writes; default 5000000.", min=1)
    ] = None,
    device: DeviceOption = "auto",
    matching: Annotated[
        bool | None,
        typer.Option(
            "--matching/--no-matching",
            help="Assign each right image to one query, looking at all lists; default what the recipe says.",
        ),
    ] = None,
    known_pairs: Annotated[
        bool | None,
        typer.Option(
            "--known-pairs/--no-known-pairs",
            help="Answer queries that repeat a training pair with that pair's match; default what the recipe says.",
        ),
    ] = None,
    skip_bad: Annotated[
        bool,
        typer.Option(
            "--skip-bad",
            help="Go on where images cannot be read, which are named: such candidates come last, queries are guessed.",
        ),
    ] = False,
) -> None:
    """Score the test lists, or the pairs of a collection's images, and write the submission CSV."""
    from tlk.data.collection import is_collection
    from tlk.workflows.workspace import Workspace

    workspace = Workspace.here(data, runs)
    if pairs is not None:
        if matching is not None or known_pairs is not None:
            raise UserError("--matching and --known-pairs are about a competition's lists\nleave them out with --pairs")
        if skip_bad:
            raise UserError("--skip-bad is about a competition's lists\nleave it out with --pairs")
        _predict_pairs(workspace, run, pairs, out, device, shard_rows)
        return
    if shard_rows is not None:
        raise UserError("--shard-rows is about --pairs\nleave it out, or name the pairs")
    if is_collection(workspace.data):
        what = f"{workspace.data} is a collection, which has no test lists"
        raise UserError(f"{what}\nname the pairs to compare: tlk predict --data {workspace.data} --pairs FILE")
    from tlk.workflows.predict import predict as work

    done = work(workspace, run, out, device, Console(), matching=matching, known_pairs=known_pairs, skip_bad=skip_bad)
    how = "all lists matched (transductive)" if done.matched else "strictly per query"
    how += ", models that saw the test half" if done.run.manifest().get("pseudo_pairs") else ""
    how += f", {done.known} answers known from training pairs" if done.known else ""
    print(f"{done.path}: {done.queries} queries, run {done.run.name}, {done.models} models averaged, {how}")


def _predict_pairs(
    workspace: "Workspace", run: str | None, pairs: Path, out: Path | None, device: str, shard_rows: int | None
) -> None:
    from tlk.workflows.predict_pairs import SHARD_ROWS, predict_pairs

    done = predict_pairs(workspace, run, pairs, out, device, Console(), shard_rows or SHARD_ROWS)
    parts = "1 part" if done.parts == 1 else f"{done.parts} parts"
    told = f"{done.pairs:,} pairs of {done.images:,} images in {parts}, run {done.run.name}"
    absent = f", {done.absent:,} with an image that the collection lacks" if done.absent else ""
    print(f"{done.folder}: {told}{absent}")
