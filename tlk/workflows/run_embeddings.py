"""What a run's models make of images, kept in the store like any other view: a second prediction computes nothing."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np

import tlk
from tlk.data.images import DECODER
from tlk.data.reader import ImageReader
from tlk.embeddings.views import View, digest
from tlk.errors import UserError, damaged_run
from tlk.processes import cores
from tlk.workflows.checksums import sha256_of
from tlk.workflows.progress import Reporter
from tlk.workflows.run import Run
from tlk.workflows.workspace import Workspace

_TOGETHER = 8192  # images whose inputs are in memory at a time


class RunEmbeddings:
    """The embeddings of some images by all models of a run, read from the store one model at a time.

    Made without torch: only what the store lacks needs it.
    """

    def __init__(self, run: Run, paths: list[str], keys: np.ndarray, workspace: Workspace) -> None:
        self._run = run
        self._paths = paths
        self._keys = keys
        self._workspace = workspace
        self._store = workspace.store()
        self._again: Callable[[], None] | None = None
        self.views = views_of(run)

    def compute(self, reader: ImageReader, device: str, reporter: Reporter) -> None:
        """Let the models embed what the store lacks of the images, now and when some of it turns out damaged.

        Raises:
            UserError: a backbone or a model is not what the run was trained with.
        """
        self._again = partial(self.compute, reader, device, reporter)
        paths = [self._paths[i] for i in self._store.lacking(self.views, self._keys)]
        for start in range(0, len(paths), _TOGETHER):
            from tlk.workflows.run_models import embed_with_models

            part = paths[start : start + _TOGETHER]
            embed_with_models(self._run, self.views, reader, part, self._workspace, device, reporter)
            self._store = self._workspace.store()  # as it is now

    def read(self, view: View, images: np.ndarray | None = None) -> np.ndarray:
        """Return the `(n, e)` float32 embeddings that a model has made of all images, or of those at `(n,)` positions.

        Raises:
            UserError: what was stored has been damaged meanwhile.
        """
        keys = self._keys if images is None else self._keys[images]
        vectors = self._store.read(view, keys)
        if vectors is None and self._again is not None:
            self._again()
            vectors = self._store.read(view, keys)
        if vectors is None:
            what = f"what {view.name} had in {self._store.folder} was damaged and has been removed"
            raise UserError(f"{what}\nrun the same command again: it is made anew")
        return vectors.astype(np.float32)


def views_of(run: Run) -> list[View]:
    """Return the view of each of the run's models; a model, a recipe or a line of code that changes makes another."""
    models = run.models()
    with ThreadPoolExecutor(cores()) as pool:
        contents = list(pool.map(_content, models))
    for path, content in zip(models, contents, strict=True):
        run.require_whole(path, content)
    common = (
        ("embedding", str(run.manifest()["embedding"])),
        ("recipe", digest([(run.folder / "recipe.toml").read_bytes()])),
        ("code", digest(file.read_bytes() for file in sorted(Path(tlk.__file__).parent.rglob("*.py")))),
        ("decoder", DECODER),
        ("libraries", ", ".join(f"{library} {version(library)}" for library in ("timm", "torch", "numpy"))),
    )
    return [
        View(f"run {run.name} {path.parent.name}", (("model", content), *common))
        for path, content in zip(models, contents, strict=True)
    ]


def _content(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise damaged_run(path.parent.parent, f"cannot read {path}: {error.strerror}") from error
