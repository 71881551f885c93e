"""The images that a run on some data is trained on, and the fingerprint that its manifest has of them."""

import numpy as np

from tlk.data.collection import Collection, is_collection
from tlk.data.collection_pairs import read_pairs
from tlk.data.competition import Competition
from tlk.data.parts import LEFT_OUT
from tlk.data.reader import ImageReader
from tlk.workflows.manifest import describe_data
from tlk.workflows.run import Run
from tlk.workflows.skip_bad import as_trained
from tlk.workflows.workspace import Workspace

Data = Competition | Collection


def open_data(workspace: Workspace) -> Data:
    """Open the workspace's data, whichever of the two they are.

    Raises:
        UserError: there are none, or their table is faulty.
    """
    return Collection(workspace.data) if is_collection(workspace.data) else workspace.competition()


def fingerprint_of(workspace: Workspace, data: Data, reader: ImageReader) -> str:
    """Return the fingerprint that a run trained on the data would have.

    Raises:
        UserError: a table of the data is faulty, or an image cannot be read.
    """
    if isinstance(data, Competition):
        pairs = data.train_pairs()
        paths = [*data.paths("train/left", pairs.lefts), *data.paths("train/right", pairs.rights)]
    else:
        used = np.flatnonzero(read_pairs(data, workspace.data).image_part != LEFT_OUT)
        paths = [data.paths[image] for image in used]
    return str(describe_data(data.name, paths, reader.keys(paths))["fingerprint"])


def was_trained_on(run: Run, workspace: Workspace) -> bool:
    """Return whether a run was trained on the very images of the data, whatever their folder is called.

    Raises:
        UserError: a table of the data is faulty, or an image cannot be read.
    """
    manifest = run.manifest()
    trained = as_trained(workspace, manifest)
    data = open_data(trained)
    own = fingerprint_of(trained, data, trained.reader(data, passes=1))
    return bool(own == manifest["data"].get("fingerprint"))
