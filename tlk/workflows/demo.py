"""The whole path on the embedded competition: draw, fold, train, blend, evaluate, predict, score against the truth."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tlk.constants import PICKS
from tlk.data.demo import draw_competition
from tlk.workflows.ensemble import Contribution, EnsembleOptions, ensemble
from tlk.workflows.evaluate import evaluate_submission, picks_of
from tlk.workflows.predict import predict
from tlk.workflows.progress import Reporter
from tlk.workflows.train import train
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace

DATA = Path("demo")
SUBMISSION = Path("submissions") / "demo.csv"
ENSEMBLE = "demo-ensemble"
# Smaller than the recipes are, for a few minutes on a laptop; all over the same five folds.
MEMBERS = {
    "demo-autoencoder": ("autoencoder", ["split=folds", "pixels.size=32", "training.epochs=8", "training.patience=8"]),
    "demo-siamese": (
        "siamese-scratch",
        [
            "split=folds",
            "pixels.size=32",
            'mining={name="hard", subset=300, refresh=2, k=5, random=0.5}',
            "training.watch=top_2",
            "training.patience=6",
        ],
    ),
    "demo-descriptors": ("descriptors", []),
}


@dataclass(frozen=True)
class DemoRow:
    """A run's pick-two accuracy: out-of-fold, and on the test lists' true answers, each with its interval."""

    run: str
    out_of_fold: float
    out_of_fold_interval: tuple[float, float]
    test: float
    test_interval: tuple[float, float]


def run_demo(backbone: str | None, reporter: Reporter) -> tuple[list[DemoRow], list[Contribution]]:
    """Train three members and blend them, and with a backbone the best recipe; keep the matched scores of the best.

    Returns each run's accuracies, the ensemble's with all lists matched last, and what each member brings.
    """
    workspace = Workspace.here(DATA)
    if not (DATA / "test_truth.csv").exists():
        reporter.note(f"drawing the embedded competition into {DATA}/")
        draw_competition(DATA)
    rows = []
    for run, (recipe, settings) in MEMBERS.items():
        reporter.note(f"training {run}: recipe {recipe}, smaller")
        _, numbers = train(workspace, TrainOptions(recipe=recipe, run=run, settings=settings, overwrite=True), reporter)
        rows.append(_row(workspace, run, numbers, reporter))
    reporter.note("blending them")
    _, numbers, contributions = ensemble(workspace, list(MEMBERS), EnsembleOptions(run=ENSEMBLE, overwrite=True))
    rows.append(_row(workspace, ENSEMBLE, numbers, reporter))
    chosen = ENSEMBLE, numbers
    if backbone is not None:
        reporter.note("training demo-best: recipe best")
        options = TrainOptions(recipe="best", run="demo-best", backbone=backbone, overwrite=True)
        _, best = train(workspace, options, reporter)
        rows.append(_row(workspace, "demo-best", best, reporter))
        if picks_of(best) > picks_of(numbers):  # chosen without looking at the true answers
            chosen = "demo-best", best
    rows.append(_row(workspace, *chosen, reporter, matched=SUBMISSION))
    return rows, contributions


def _row(
    workspace: Workspace, run: str, numbers: dict[str, Any], reporter: Reporter, matched: Path | None = None
) -> DemoRow:
    """Predict with a run and score it against the true answers: nothing for a leaderboard, so not in the ledger.

    With all lists matched where there is a place to keep such scores; without, they are kept with the run.
    """
    matching = matched is not None
    out = matched or workspace.runs / run / "demo.csv"
    done = predict(workspace, run, out, "auto", reporter, matching=matching, enter=False)
    scored = evaluate_submission(DATA, done.path, None, PICKS)
    k = str(PICKS)
    share, interval = ("matched_top_k", "matched_ci95") if matching else ("top_k", "ci95")
    name = f"{run}, all lists matched" if matching else run
    return DemoRow(name, numbers[share][k], numbers[interval][k], picks_of(scored), scored["ci95"][k])
