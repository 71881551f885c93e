"""What a training is given: the folds, the split, the inputs, and fingerprints of it all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from accelerate import Accelerator

from tlk.data.candidates import build_lists
from tlk.data.competition import Competition, Pairs
from tlk.data.reader import ImageReader
from tlk.embeddings.views import digest
from tlk.errors import UserError
from tlk.models.base import Given
from tlk.recipe_schema import Recipe
from tlk.training.examples import Examples
from tlk.training.inputs import Inputs
from tlk.training.models import build_model
from tlk.workflows.folds import folds_of
from tlk.workflows.inputs import InputMaker
from tlk.workflows.manifest import Clock, describe_data
from tlk.workflows.progress import Reporter
from tlk.workflows.skip_bad import kept_out, skipped
from tlk.workflows.split import Split, split_pairs
from tlk.workflows.workspace import Workspace


@dataclass(frozen=True)
class Prepared:
    """What a training is given."""

    examples: Examples
    unlabelled: np.ndarray  # numbers of images, the left ones first
    unlabelled_left: int
    given: Given
    split: Split
    list_length: int
    folds_path: Path
    data: dict[str, Any]
    made_from: dict[str, str]  # fingerprints: a run is resumed only with the same
    pairs: Pairs  # the ids of the examples


def prepare(
    workspace: Workspace,
    folds_file: Path | None,
    recipe: Recipe,
    maker: InputMaker,
    accelerator: Accelerator,
    reporter: Reporter,
    clock: Clock,
) -> Prepared:
    """Read a competition, make or read its folds, embed what the store lacks, each of several processes its share.

    Pairs that are left out keep their places in the table of folds, and so do all others.
    """
    competition = workspace.competition()
    pairs = competition.train_pairs()
    passes = 2 if folds_file is None or recipe.pixels is not None else 1
    reader = workspace.reader(competition, passes=passes)
    with accelerator.main_process_first():
        folds, folds_path = folds_of(competition, reader, folds_file, reporter)
    list_length = competition.list_length()
    rows = _rows(pairs, folds.pairs)
    split = split_pairs(recipe, folds, list_length).only(rows)
    build_lists(split.fold[split.scored], list_length, split.list_seed)  # too small for lists is said before the work
    clock.stop("folds")
    paths = [*competition.paths("train/left", pairs.lefts), *competition.paths("train/right", pairs.rights)]
    more_left, more_right = (_unlabelled(recipe, competition, reader, paths, side) for side in ("left", "right"))
    more = more_left + more_right
    if recipe.pseudo_pairs and not (more_left and more_right):
        raise UserError(
            f"recipe {recipe.name}: pseudo_pairs needs images in test/left and in test/right\n"
            "bring the test half, or train without: --set pseudo_pairs=false"
        )
    inputs, given = inputs_of([*paths, *more], reader, maker, workspace, accelerator, reporter)
    clock.stop("embedding")
    data = describe_data(competition.name, paths, reader.keys(paths)) | skipped(workspace)
    count = len(pairs)
    return Prepared(
        examples=Examples(inputs, np.arange(count), np.arange(count, 2 * count), folds.group[rows]),
        unlabelled=np.arange(len(paths), len(paths) + len(more)),
        unlabelled_left=len(more_left),
        given=given,
        split=split,
        list_length=list_length,
        folds_path=folds_path,
        data=data,
        made_from={
            "folds": str(folds.list_seed),
            "images": data["fingerprint"],
            "unlabelled": describe_data("", more, reader.keys(more))["fingerprint"],
            **fingerprints(recipe, given, maker, accelerator),
            **kept_out(workspace),
        },
        pairs=pairs,
    )


def _rows(pairs: Pairs, listed: Pairs) -> np.ndarray:
    """Return the `(n,)` rows of the listed pairs that some of them stand in."""
    return np.flatnonzero(np.isin(listed.lefts, pairs.lefts))


def inputs_of(
    paths: list[str],
    reader: ImageReader,
    maker: InputMaker,
    workspace: Workspace,
    accelerator: Accelerator,
    reporter: Reporter,
) -> tuple[Inputs, Given]:
    """Return the inputs of the images at `paths`; of several processes, each computes its share of what is lacking."""
    if accelerator.num_processes > 1:
        share = (accelerator.process_index, accelerator.num_processes)
        maker.fill(reader, paths, workspace.store(), reporter, share)
        accelerator.wait_for_everyone()
    with accelerator.main_process_first():
        return maker.make(reader, paths, workspace.store(), reporter)


def fingerprints(recipe: Recipe, given: Given, maker: InputMaker, accelerator: Accelerator) -> dict[str, str]:
    """Return what a run is made from beside its data: a run is resumed only with the same."""
    return {
        "embedding": maker.identity,
        "weights": _initial_weights(recipe, given),
        "processes": f"{accelerator.num_processes} on {accelerator.device.type}",
    }


def _initial_weights(recipe: Recipe, given: Given) -> str:
    """Return a fingerprint of what a network on pixels starts from; others start from the embedding."""
    if recipe.pixels is None:
        return ""
    state = sorted(build_model(recipe, given, 0).state_dict().items())
    return digest(part for key, value in state for part in (key.encode(), value.contiguous().numpy().tobytes()))


def _unlabelled(
    recipe: Recipe, competition: Competition, reader: ImageReader, paths: list[str], side: str
) -> list[str]:
    """Return the paths of one side of the test half's images, if the recipe learns from images without labels.

    A file that is also a training image is left out: its pair may be one that is scored.
    """
    if not recipe.uses_unlabelled:
        return []
    more = list(competition.images(f"test/{side}").values())
    known = np.isin(reader.keys(more), reader.keys(paths))
    return [path for path, there in zip(more, known, strict=True) if not there]
