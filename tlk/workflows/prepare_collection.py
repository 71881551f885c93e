"""What a training on a collection is given: the pairs of its parts, one of each group for lists, the inputs."""

import zlib
from pathlib import Path

import numpy as np
from accelerate import Accelerator

from tlk.constants import CANDIDATES
from tlk.data.collection import Collection
from tlk.data.collection_pairs import PAIRS_TABLE, CollectionPairs, read_pairs
from tlk.data.competition import Pairs
from tlk.data.parts import LEFT_OUT, TEST, VALIDATION
from tlk.data.relevance import labels_of
from tlk.errors import UserError
from tlk.recipe_schema import Recipe
from tlk.training.examples import Examples
from tlk.workflows.collection_tables import chosen_pairs, joined_groups, learns_classes, require_groups, tables_number
from tlk.workflows.inputs import InputMaker
from tlk.workflows.manifest import Clock, describe_data
from tlk.workflows.prepare import Prepared, fingerprints, inputs_of
from tlk.workflows.progress import Reporter
from tlk.workflows.split import Split
from tlk.workflows.workspace import Workspace


def prepare_collection(
    workspace: Workspace,
    folds_file: Path | None,
    recipe: Recipe,
    maker: InputMaker,
    accelerator: Accelerator,
    reporter: Reporter,
    clock: Clock,
) -> Prepared:
    """Read a collection's matched pairs and embed what the store lacks, each of several processes its share.

    The pairs of the training part are learned from, those of the validation part decide when to stop. Of the test part
    one pair of each group (what the rules join, such as an artist) is scored in lists, as a competition's are.

    Raises:
        UserError: parts and pairs have not been made, they are too few, or the recipe does what a collection has not.
    """
    if folds_file is not None or recipe.pseudo_pairs:
        what = "--folds" if folds_file is not None else f"recipe {recipe.name}: pseudo_pairs"
        raise UserError(f"{what} is for competitions\nleave it out: a collection has parts, made by tlk data pairs")
    collection = Collection(workspace.data)
    found = read_pairs(collection, workspace.data)
    labels = labels_of(collection, found.rules, PAIRS_TABLE)
    group = joined_groups(found, labels)
    require_groups(found, group, workspace.data, learns_classes(recipe))
    chosen = chosen_pairs(found, group, learns_classes(recipe))
    reader = workspace.reader(collection, passes=2 if recipe.pixels is not None else 1)
    used = np.flatnonzero(found.image_part != LEFT_OUT)
    paths = [collection.paths[image] for image in used]
    clock.stop("folds")
    inputs, given = inputs_of(paths, reader, maker, workspace, accelerator, reporter)
    clock.stop("embedding")
    place = np.full(len(collection), -1)
    place[used] = np.arange(len(used))
    left, right, part = found.left[chosen], found.right[chosen], found.part[chosen]
    data = describe_data(collection.name, paths, reader.keys(paths)) | {"pairs": len(chosen)}
    related = np.column_stack([labels, found.group])[used] if len(found.rules) > 1 else None
    tables = tables_number(found, chosen, group)
    fold, negative = np.where(part == TEST, 0, -1), _negatives(found, chosen, place)
    return Prepared(
        examples=Examples(inputs, place[left], place[right], group[left], part == VALIDATION, negative, related),
        unlabelled=np.empty(0, np.int64),
        unlabelled_left=0,
        given=given,
        split=Split(fold, tables),
        list_length=min(CANDIDATES, int((fold == 0).sum())),
        folds_path=workspace.data,
        data=data,
        made_from={
            "folds": str(tables),
            "negatives": str(zlib.crc32(negative.tobytes() + labels.tobytes())),
            "images": data["fingerprint"],
            **fingerprints(recipe, given, maker, accelerator),
        },
        pairs=Pairs(tuple(collection.ids[i] for i in left), tuple(collection.ids[i] for i in right)),
    )


def _negatives(found: CollectionPairs, chosen: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Return for each chosen pair the image of the unmatched one that was drawn with it, in the next row, else -1."""
    after = np.minimum(chosen + 1, len(found.left) - 1)
    drawn = ~found.match[after] & (found.left[after] == found.left[chosen])
    return np.where(drawn, place[found.right[after]], -1)
