"""tlk in a notebook: the functions that the commands use, with paths as text and runs that show themselves.

`import tlk` costs nothing: each function loads what it needs when it is called. Notes are told on stderr, as the
commands do; `reporter=tlk.workflows.progress.Silent()` tells nothing. What a command would take exit code 2 for is a
`tlk.errors.UserError`. Data are named by a path, or are what `load` returned; runs by their name, or are a `Run`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlk.console import Console
from tlk.data.collection import is_collection
from tlk.data.competition import CandidateLists, Competition, Pairs
from tlk.data.gallery import open_gallery
from tlk.data.source import data_name
from tlk.training.deadline import Deadline
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run, best_run, find_run
from tlk.workflows.workspace import Workspace

if TYPE_CHECKING:
    from tlk.workflows.predict import Prediction
    from tlk.workflows.search_results import Searched

Place = str | Path


@dataclass(frozen=True)
class Data:
    """What there is at a place: a competition, a collection, or any folder of images."""

    location: Path
    name: str
    kind: str
    images: int
    pairs: int  # labelled ones of a competition
    queries: int  # of its test half

    def train_pairs(self) -> Pairs:
        """Return the labelled pairs of a competition.

        Raises:
            UserError: there are none, or they have faults.
        """
        return Competition(self.location).train_pairs()

    def test_lists(self) -> CandidateLists:
        """Return the queries of a competition's test half, and the candidates of each.

        Raises:
            UserError: there are none, or they have faults.
        """
        return Competition(self.location).test_lists()


def load(data: Place | None = None) -> Data:
    """Look over a competition, a collection or a folder of images; without a name TLK_DATA, else `data/`.

    Raises:
        UserError: there is nothing of the kind, or its tables have faults.
    """
    place = _workspace(data).data
    gallery = open_gallery(place)
    if is_collection(place):
        return Data(place, gallery.source.name, "collection", len(gallery), 0, 0)
    competition = Competition(place)
    pairs = len(competition.train_pairs()) if competition.has_train() else 0
    queries = len(competition.test_lists()) if competition.has_test() else 0
    kind = "competition" if pairs or queries else "images"
    return Data(place, competition.name, kind, len(gallery), pairs, queries)


def train(
    recipe: str | None = None,
    data: Data | Place | None = None,
    *,
    folds: Place | None = None,
    backbone: str | None = None,
    settings: Sequence[str] = (),
    run: str | None = None,
    runs: Place | None = None,
    overwrite: bool = False,
    resume: bool = False,
    refit: bool = False,
    minutes: float | None = None,
    skip_bad: bool = False,
    device: str = "auto",
    reporter: Reporter | None = None,
) -> Run:
    """Train a recipe and return its run, which shows its numbers; `settings` as `--set` takes them: `key=value`.

    Raises:
        UserError: anything that the caller can mend.
    """
    deadline = Deadline(minutes)  # counted from here: loading torch takes seconds
    from tlk.workflows.train import train as work
    from tlk.workflows.train_options import TrainOptions

    options = TrainOptions(
        recipe=recipe,
        folds=_path(folds),
        backbone=backbone,
        settings=tuple(settings),
        run=run,
        overwrite=overwrite,
        resume=resume,
        refit=refit,
        skip_bad=skip_bad,
        device=device,
        deadline=deadline,
    )
    return work(_workspace(data, runs), options, reporter or Console())[0]


def embed(
    data: Data | Place | None = None,
    *,
    recipe: str | None = None,
    backbone: str | None = None,
    device: str = "auto",
    reporter: Reporter | None = None,
) -> tuple[list[str], list[np.ndarray]]:
    """Return the images' paths, and for each view of a recipe or a backbone the `(n, d)` float16 vectors of them all.

    Raises:
        UserError: there are no images, or the backbone cannot be had.
    """
    from tlk.workflows.embed import embed_images

    return embed_images(_workspace(data), recipe, backbone, device, reporter or Console())


def score(
    run: Run | str | None = None,
    data: Data | Place | None = None,
    *,
    runs: Place | None = None,
    matching: bool | None = None,
    known_pairs: bool | None = None,
    device: str = "auto",
    reporter: Reporter | None = None,
) -> tuple[list[str], list[tuple[str, ...]], np.ndarray]:
    """Return the queries of the test lists, their candidates, and the `(n, m)` scores, larger = more alike.

    Without a run the best one scores, as `tlk predict` chooses it.

    Raises:
        UserError: there is no such run, or the data's test half is faulty.
    """
    from tlk.workflows.predict import score_test_lists

    workspace = _workspace(data, runs)
    chosen = run if isinstance(run, Run) else open_run(run, data, runs=runs)
    told = reporter or Console()
    done = score_test_lists(workspace, chosen, device, told, matching=matching, known_pairs=known_pairs)
    return list(done.lists.queries), list(done.lists.candidates), done.scores


def predict(
    run: Run | str | None = None,
    data: Data | Place | None = None,
    *,
    out: Place | None = None,
    runs: Place | None = None,
    matching: bool | None = None,
    known_pairs: bool | None = None,
    skip_bad: bool = False,
    device: str = "auto",
    reporter: Reporter | None = None,
) -> "Prediction":
    """Write the submission that `score` is the scores of, enter it in the ledger, and return where it is.

    Raises:
        UserError: there is no such run, the data's test half is faulty, or the file cannot be written.
    """
    from tlk.workflows.predict import predict as work

    workspace = _beside(_workspace(data, runs), run)
    return work(
        workspace,
        _name(run),
        _path(out),
        device,
        reporter or Console(),
        matching=matching,
        known_pairs=known_pairs,
        skip_bad=skip_bad,
    )


def evaluate(
    *named: Run | str, data: Data | Place | None = None, runs: Place | None = None, topk: int | None = None
) -> list[dict[str, Any]]:
    """Return the out-of-fold numbers of runs, as `tlk eval --json` prints them; without a name the best one's.

    Raises:
        UserError: there is no such run.
    """
    from tlk.workflows.evaluate import evaluate as work

    workspace = _workspace(data, runs)
    if not named:
        return work(workspace, [], topk)
    return [row for one in named for row in work(_beside(workspace, one), [_name(one) or ""], topk)]


def search(
    *images: Place,
    run: Run | str | None = None,
    gallery: Data | Place | None = None,
    top: int = 10,
    backbone: str | None = None,
    data: Data | Place | None = None,
    runs: Place | None = None,
    device: str = "auto",
    reporter: Reporter | None = None,
) -> "Searched":
    """Return the images of a gallery that are nearest to some images, as `tlk search` prints them.

    Raises:
        UserError: an image, the gallery or the run is not there.
    """
    from tlk.workflows.search import SearchOptions
    from tlk.workflows.search import search as work

    options = SearchOptions(
        queries=tuple(map(str, images)),
        run=_name(run),
        gallery=_path(gallery),
        top=top,
        backbone=backbone,
        device=device,
    )
    return work(_beside(_workspace(data, runs), run), options, reporter or Console())


def open_run(name: str | None = None, data: Data | Place | None = None, *, runs: Place | None = None) -> Run:
    """Return the run called `name`, else the best by out-of-fold top-2: of the data, or where it has none of all.

    Raises:
        UserError: there is no such run.
    """
    workspace = _workspace(data, runs)
    return find_run(workspace.runs, name) if name else best_run(workspace.runs, data_name(workspace.data))


def _workspace(data: Data | Place | None, runs: Place | None = None) -> Workspace:
    return Workspace.here(_path(data), _path(runs))


def _path(place: Data | Place | None) -> Path | None:
    if place is None:
        return None
    return place.location if isinstance(place, Data) else Path(place).expanduser()


def _beside(workspace: Workspace, run: Run | str | None) -> Workspace:
    """Return the workspace whose runs are those beside `run`, wherever it lies."""
    return replace(workspace, runs=run.folder.parent) if isinstance(run, Run) else workspace


def _name(run: Run | str | None) -> str | None:
    return run.name if isinstance(run, Run) else run
