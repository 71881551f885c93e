"""The whole path on the embedded competition: draw, fold, train, evaluate, predict, score against the true answers."""

from dataclasses import dataclass
from pathlib import Path

from tlk.data.demo import draw_competition
from tlk.files import write_text
from tlk.workflows.evaluate import evaluate_submission, picks_of
from tlk.workflows.predict import predict
from tlk.workflows.progress import Reporter
from tlk.workflows.train import train
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace

DATA = Path("demo")
SUBMISSION = Path("submissions") / "demo.csv"
WITHOUT_WEIGHTS = ("thumbnail", "descriptors")
WITH_WEIGHTS = ("frozen", "adapter")


@dataclass(frozen=True)
class DemoRow:
    """One recipe's pick-two accuracy: out-of-fold, and on the test lists' true answers, each with its interval."""

    recipe: str
    out_of_fold: float
    out_of_fold_interval: tuple[float, float]
    test: float
    test_interval: tuple[float, float]


def run_demo(backbone: str | None, reporter: Reporter) -> list[DemoRow]:
    """Run the recipes that need no weights, and with a backbone those that do; keep the best one's submission."""
    workspace = Workspace.here(DATA)
    if not (DATA / "test_truth.csv").exists():
        reporter.note(f"drawing the embedded competition into {DATA}/")
        draw_competition(DATA)
    rows = []
    recipes = WITHOUT_WEIGHTS + (WITH_WEIGHTS if backbone else ())
    for recipe in recipes:
        reporter.note(f"training {recipe}")
        named = backbone if recipe in WITH_WEIGHTS else None
        options = TrainOptions(recipe=recipe, run=f"demo-{recipe}", backbone=named, overwrite=True)
        _, numbers = train(workspace, options, reporter)
        done = predict(workspace, f"demo-{recipe}", _candidate(recipe), "auto", reporter)
        scored = evaluate_submission(DATA, done.path, None, 2)
        rows.append(DemoRow(recipe, picks_of(numbers), numbers["ci95"]["2"], picks_of(scored), scored["ci95"]["2"]))
    best = max(rows, key=lambda row: row.out_of_fold).recipe  # chosen without looking at the true answers
    write_text(SUBMISSION, _candidate(best).read_text())
    for recipe in recipes:
        _candidate(recipe).unlink(missing_ok=True)
    return rows


def _candidate(recipe: str) -> Path:
    return Workspace.here().runs / f"demo-{recipe}" / "demo.csv"
