"""Both art collections from end to end, on stand-ins that the tool draws: read, download, pair, train, compare."""

import functools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tlk.data.download import Manners
from tlk.data.standins import draw_nga, draw_painters
from tlk.workflows.data_nga import NgaOptions, make_nga
from tlk.workflows.data_painters import make_painters
from tlk.workflows.data_pairs import PairOptions, make_pairs
from tlk.workflows.progress import Reporter
from tlk.workflows.train import train
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace

FOLDER = Path("demo-art")
PAINTERS, PORTRAITS = FOLDER / "painters", FOLDER / "portraits"
_SIDE, _SITTERS = 512, 120
# Some artists in the test part alone; and none of the sitters of one part in another.
_PAINTER_PAIRS = PairOptions(("artist",), unseen=20)
_PORTRAIT_PAIRS = PairOptions(("sitter",), disjoint="sitter")
_DESCRIPTORS = 'embedding={descriptors=["gradients-8", "gradients-4", "texture", "histogram", "histogram-2"]}'


@dataclass(frozen=True)
class Trial:
    """A recipe to be tried on a collection, and what its source reported, of another data set."""

    run: str
    recipe: str
    settings: tuple[str, ...] = ()
    reported: str = ""


_SMALL = ("pixels.size=64", "training.precision=fp32")
_WITHOUT_WEIGHTS = {
    PAINTERS: (
        Trial("demo-thumbnail", "thumbnail"),
        Trial("demo-art-descr", "descriptors"),
        Trial("demo-margin", "artist-margin", (_DESCRIPTORS,)),
    ),
    PORTRAITS: (
        Trial("demo-contrast", "portrait-contrastive", _SMALL, "mean cosines 0.98 and 0.27"),
        Trial("demo-triplet", "portrait-triplet", _SMALL, "mean cosines 0.78 and 0.24"),
        Trial("demo-sitters", "descriptors"),
    ),
}
_WITH_WEIGHTS = {
    PAINTERS: (
        Trial("demo-same-artist", "same-artist", reported="an accuracy of 67.45 %"),
        Trial("demo-margin-net", "artist-margin", reported="AUC 94.2 % for artists seen, 82.5 % unseen (its winner)"),
    ),
    PORTRAITS: (Trial("demo-adapter", "adapter"),),
}


@dataclass(frozen=True)
class Tried:
    """What became of a trial: the run's numbers on the test part."""

    trial: Trial
    collection: Path
    verification: dict[str, Any]


def run_demo_art(backbone: str | None, reporter: Reporter) -> list[Tried]:
    """Draw both stand-ins unless they are there, make collections of them, train and return what the runs reach."""
    _make_painters(reporter)
    _make_portraits(reporter)
    tried = []
    for collection, trials in _WITHOUT_WEIGHTS.items():
        workspace = Workspace.here(collection)
        for trial in (*trials, *(_WITH_WEIGHTS[collection] if backbone else ())):
            reporter.note(f"training {trial.run}: recipe {trial.recipe}")
            options = TrainOptions(
                recipe=trial.recipe,
                run=trial.run,
                settings=trial.settings,
                backbone=backbone if trial in _WITH_WEIGHTS[collection] else None,
                overwrite=True,
            )
            run, _ = train(workspace, options, reporter)
            tried.append(Tried(trial, collection, run.verification() or {}))
    return tried


def _make_painters(reporter: Reporter) -> None:
    if (PAINTERS / "pairs.csv").exists():
        return
    archives = FOLDER / "painter-by-numbers"
    if not archives.exists():
        reporter.note(f"drawing a stand-in of Painter by Numbers into {archives}/")
        draw_painters(archives)
    make_painters(archives, PAINTERS, _SIDE, None, reporter)
    make_pairs(Workspace.here(PAINTERS), _PAINTER_PAIRS, reporter)


def _make_portraits(reporter: Reporter) -> None:
    if (PORTRAITS / "pairs.csv").exists():
        return
    opendata = FOLDER / "opendata"
    reporter.note(f"drawing a stand-in of the National Gallery of Art's open data into {opendata}/")
    FOLDER.mkdir(exist_ok=True)
    # The tables hold the server's address: they are drawn anew, beside those that are there.
    with TemporaryDirectory(dir=FOLDER, prefix=".opendata.", suffix=".tmp") as temporary:
        drawn = Path(temporary) / "opendata"
        with _serving(drawn / "iiif") as address:
            draw_nga(drawn, address, _SITTERS)
            options = NgaOptions(theme="portrait", size=_SIDE, download=True)
            make_nga(drawn, PORTRAITS, options, reporter, Manners(per_second=1000))
        if not opendata.exists():
            drawn.rename(opendata)
    make_pairs(Workspace.here(PORTRAITS), _PORTRAIT_PAIRS, reporter)


@contextmanager
def _serving(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine alone, and yield the address."""
    handler = functools.partial(_Quiet, directory=str(folder.absolute()))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""
