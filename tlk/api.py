"""tlk in a notebook: the functions that the commands use, with paths as text and runs that show themselves.

`import tlk` costs nothing: each function loads what it needs when it is called.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tlk.data.collection import is_collection
from tlk.data.competition import Competition
from tlk.data.gallery import open_gallery
from tlk.workflows.progress import Reporter, Silent
from tlk.workflows.run import Run, best_run, find_run
from tlk.workflows.workspace import Workspace

if TYPE_CHECKING:
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
    data: Place | None = None,
    *,
    backbone: str | None = None,
    settings: Sequence[str] = (),
    run: str | None = None,
    runs: Place | None = None,
    overwrite: bool = False,
    resume: bool = False,
    device: str = "auto",
    reporter: Reporter | None = None,
) -> Run:
    """Train a recipe and return its run, which shows its numbers; `settings` as `--set` takes them: `key=value`.

    Raises:
        UserError: anything that the caller can mend.
    """
    from tlk.workflows.train import train as work
    from tlk.workflows.train_options import TrainOptions

    options = TrainOptions(
        recipe=recipe,
        backbone=backbone,
        settings=tuple(settings),
        run=run,
        overwrite=overwrite,
        resume=resume,
        device=device,
    )
    return work(_workspace(data, runs), options, reporter or Silent())[0]


def embed(
    data: Place | None = None,
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

    return embed_images(_workspace(data), recipe, backbone, device, reporter or Silent())


def score(
    run: Run | str | None = None,
    data: Place | None = None,
    *,
    runs: Place | None = None,
    matching: bool | None = None,
    device: str = "auto",
    reporter: Reporter | None = None,
) -> tuple[list[str], list[tuple[str, ...]], np.ndarray]:
    """Return the queries of the test lists, their candidates, and the `(n, m)` scores, larger = more alike.

    Raises:
        UserError: there is no such run, or the data's test half is faulty.
    """
    from tlk.workflows.predict import score_test_lists

    workspace = _workspace(data, runs)
    done = score_test_lists(workspace, _run(workspace, run), device, reporter or Silent(), matching)
    return list(done.lists.queries), list(done.lists.candidates), done.scores


def evaluate(
    *named: Run | str, data: Place | None = None, runs: Place | None = None, topk: int | None = None
) -> list[dict[str, Any]]:
    """Return the out-of-fold numbers of runs, as `tlk eval --json` prints them; without a name the best one's.

    Raises:
        UserError: there is no such run.
    """
    from tlk.workflows.evaluate import evaluate as work

    return work(_workspace(data, runs), [_name(one) for one in named], topk)


def search(
    *images: Place,
    run: Run | str | None = None,
    gallery: Place | None = None,
    top: int = 10,
    backbone: str | None = None,
    data: Place | None = None,
    runs: Place | None = None,
) -> "Searched":
    """Return the images of a gallery that are nearest to some images, as `tlk search` prints them.

    Raises:
        UserError: an image, the gallery or the run is not there.
    """
    from tlk.workflows.search import SearchOptions
    from tlk.workflows.search import search as work

    options = SearchOptions(
        queries=tuple(map(str, images)),
        run=None if run is None else _name(run),
        gallery=None if gallery is None else Path(gallery),
        top=top,
        backbone=backbone,
    )
    return work(_workspace(data, runs), options, Silent())


def _workspace(data: Place | None, runs: Place | None = None) -> Workspace:
    return Workspace.here(None if data is None else Path(data), None if runs is None else Path(runs))


def _run(workspace: Workspace, run: Run | str | None) -> Run:
    if isinstance(run, Run):
        return run
    return best_run(workspace.runs, workspace.competition().name) if run is None else find_run(workspace.runs, run)


def _name(run: Run | str) -> str:
    return run if isinstance(run, str) else run.name
