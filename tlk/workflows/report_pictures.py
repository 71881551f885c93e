"""The pictures of a report: each image once, reduced, with what can be seen of it in passing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import cv2
import numpy as np

from tlk.data.borders import trim_borders
from tlk.data.competition import Competition, ImageIndex
from tlk.data.reader import ImageReader
from tlk.errors import UserError
from tlk.report.thumbnails import encode, reduce
from tlk.workflows.progress import Reporter
from tlk.workflows.report_runs import ReportedRun
from tlk.workflows.skip_bad import as_trained
from tlk.workflows.trained_images import Data, fingerprint_of, open_data
from tlk.workflows.workspace import Workspace

_FRAMED = 0.97  # of the area, or less, is left without bars and margins
_GREY = 6  # of 255: mean distance of a pixel's channels
_SKETCH = 24  # pixels of a side, for a look at whether a mirror image fits better


@dataclass(frozen=True)
class Look:
    """An image as a WebP file, whether it has a border and is grey, and a small grey sketch of it."""

    picture: bytes
    border: bool
    grey: bool
    sketch: np.ndarray


@dataclass(frozen=True)
class Album:
    """The images of the data, by side and id; without data, or for runs on other images, it has none."""

    fingerprints: frozenset[str] = frozenset()  # of what the runs were trained on, some without what was bad
    places: dict[str, Mapping[str, str]] = field(default_factory=dict)  # side → id → path
    looks: dict[str, Look] = field(default_factory=dict)  # by path, in the order of their numbers
    numbers: dict[str, int] = field(default_factory=dict)

    def has(self, run: ReportedRun) -> bool:
        """Return whether these are the images that a run was trained on."""
        return run.manifest["data"].get("fingerprint") in self.fingerprints

    def left(self, run: ReportedRun, pair: int) -> int:
        """Return the number of the picture of a pair's query; -1 where there is none."""
        return self.numbers[self.places["left"][str(run.oof.query_ids[pair])]] if self.has(run) else -1

    def right(self, run: ReportedRun, pair: int) -> int:
        """Return the number of the picture of a pair's right image; -1 where there is none."""
        return self.numbers[self.places["right"][str(run.oof.gallery_ids[pair])]] if self.has(run) else -1

    def paths(self, run: ReportedRun) -> list[str]:
        """Return where a run's left images lie, then its right ones."""
        sides = (("left", run.oof.query_ids), ("right", run.oof.gallery_ids))
        return [self.places[side][str(name)] for side, ids in sides for name in ids]


def make_album(workspace: Workspace, runs: Sequence[ReportedRun], reporter: Reporter) -> tuple[Album, list[str]]:
    """Return the pictures of the runs' pairs, and notes on those that there are none for, and why."""
    try:
        found, reader = _opened(workspace, runs)
        fitting = [run for run in runs if found.has(run)]
        paths = list(dict.fromkeys(path for run in fitting for path in found.paths(run)))
        looks: dict[str, Look] = {}
        with reporter.track("pictures") as progress:
            for path, look in zip(paths, reader.prepared(paths, look_at), strict=True):
                looks[path] = look
                progress(len(looks), len(paths))
    except UserError as error:
        return Album(), [f"Without pictures, and without strata of images: {str(error).splitlines()[0]}."]
    album = replace(found, looks=looks, numbers={path: number for number, path in enumerate(paths)})
    others = [run.name for run in runs if not album.has(run)]
    note = f"Without pictures, for {workspace.data} does not have the images that they were trained on: "
    return album, [f"{note}{', '.join(others)}."] if others else []


def _opened(workspace: Workspace, runs: Sequence[ReportedRun]) -> tuple[Album, ImageReader]:
    """Return where the images lie that runs were trained on, each without what it went without, and their reader.

    Raises:
        UserError: the data are no run's, because they cannot be opened.
    """
    fingerprints, places, reader, faults = set(), dict[str, dict[str, str]](), None, list[UserError]()
    for trained in dict.fromkeys([as_trained(workspace, run.manifest) for run in runs] or [workspace]):
        try:
            data = open_data(trained)
            reader = trained.reader(data, passes=1)
            fingerprints.add(fingerprint_of(trained, data, reader))
        except UserError as error:  # those that went without what is bad can be shown all the same
            faults.append(error)
            continue
        for side, found in _places(data).items():
            places.setdefault(side, {}).update(found)
    if not fingerprints or reader is None:
        raise faults[0]
    return Album(frozenset(fingerprints), {side: ImageIndex(found) for side, found in places.items()}), reader


def look_at(image: np.ndarray) -> Look:
    """Return what a report needs of one `(h, w, 3)` uint8 image."""
    small = reduce(image)
    inside = trim_borders(small)
    squeezed = cv2.resize(small, (_SKETCH, _SKETCH), interpolation=cv2.INTER_AREA)
    sketch = squeezed.mean(axis=2, dtype=np.float32)
    sketch -= sketch.mean()
    return Look(
        encode(small),
        inside.shape[0] * inside.shape[1] <= _FRAMED * small.shape[0] * small.shape[1],
        float(np.ptp(squeezed, axis=2).mean()) < _GREY,
        sketch / (float(np.linalg.norm(sketch)) or 1.0),
    )


def _places(data: Data) -> dict[str, Mapping[str, str]]:
    if isinstance(data, Competition):
        return {side: data.images(f"train/{side}") for side in ("left", "right")}
    places: Mapping[str, str] = dict(zip(data.ids, data.paths, strict=True))
    return {"left": places, "right": places}
