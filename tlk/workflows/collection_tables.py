"""Which of a collection's pairs a run is trained, validated and scored with, and whether these are still the same."""

import zlib
from pathlib import Path

import numpy as np

from tlk.constants import PICKS
from tlk.data.collection import Collection
from tlk.data.collection_pairs import PAIRS_TABLE, CollectionPairs, read_pairs
from tlk.data.parts import PARTS, TEST, merged
from tlk.data.relevance import labels_of
from tlk.errors import UserError
from tlk.losses.registry import LOSSES
from tlk.recipe_schema import Recipe
from tlk.workflows.run import Run


def tables_of(run: Run, collection: Collection, folder: Path) -> CollectionPairs | None:
    """Return the parts and pairs of a collection in `folder`, None if they are not those that a run was trained with.

    Where they were made anew, what the run has learned from may be in the test part.

    Raises:
        UserError: there are no parts and pairs, or what the run says of its own cannot be read.
    """
    found = read_pairs(collection, folder)
    group = joined_groups(found, labels_of(collection, found.rules, PAIRS_TABLE))
    now = {tables_number(found, chosen_pairs(found, group, kind), group) for kind in (False, True)}
    return found if run.out_of_fold().list_seed in now else None


def require_tables_of(run: Run, folder: Path) -> None:
    """Raise a UserError unless the collection in `folder` has the parts and pairs that a run was trained with."""
    if tables_of(run, Collection(folder), folder) is None:
        what = f"{folder} has other parts and pairs than those that the members were trained with"
        raise UserError(f"{what}\nmake these again with tlk data pairs, or train the members again")


def tables_number(found: CollectionPairs, chosen: np.ndarray, group: np.ndarray) -> int:
    """Return a number that tells the `(k,)` chosen pairs, their parts and the `(n,)` groups of images from others."""
    columns = (found.left[chosen], found.right[chosen], found.part[chosen], group)
    return zlib.crc32(b"".join(column.tobytes() for column in columns))


def joined_groups(found: CollectionPairs, labels: np.ndarray) -> np.ndarray:
    """Return the `(n,)` groups of images that near-duplicates, or labels of the first rule, join."""
    return merged(found.group, labels[:, 0])


def learns_classes(recipe: Recipe) -> bool:
    """Return whether a recipe learns to tell groups apart, such as artists, instead of pairs."""
    return recipe.loss is not None and LOSSES[recipe.loss["name"]].takes == "classes"


def chosen_pairs(found: CollectionPairs, group: np.ndarray, of_groups: bool) -> np.ndarray:
    """Return the numbers of the pairs to train, validate and be scored with, each pair of images once.

    Those `of_groups` are pairs by the first rule, as all that are scored in lists are.
    """
    matched = _matched(found, of_groups)
    tested = matched[(found.part[matched] == TEST) & (found.rule[matched] == 0)]
    tested = tested[np.unique(group[found.left[tested]], return_index=True)[1]]
    rest = matched[found.part[matched] != TEST]
    return np.sort(np.concatenate([rest, tested]))


def require_groups(found: CollectionPairs, group: np.ndarray, folder: Path, of_groups: bool) -> None:
    """Raise a UserError if a part has too few groups to be trained or scored with, or no unmatched pairs."""
    matched = _matched(found, of_groups)
    for number, part in enumerate(PARTS):
        groups = len(np.unique(group[found.left[matched[found.part[matched] == number]]]))
        what = f"{groups} groups of matched pairs that no rule joins, at least {PICKS + 1} are needed"
        if groups > PICKS:
            if (~found.match & (found.part == number)).any():
                continue
            what = "no unmatched pairs"
        raise UserError(f"{folder}: the {part} part has {what}\nother rules or shares: tlk data pairs {folder}")


def _matched(found: CollectionPairs, of_groups: bool) -> np.ndarray:
    """Return the numbers of the matched pairs, by the first rule or by all, each pair of images once."""
    matched = np.flatnonzero(found.match & (found.rule == 0)) if of_groups else np.flatnonzero(found.match)
    both = np.sort(np.column_stack([found.left, found.right])[matched], axis=1)
    return np.asarray(matched[np.sort(np.unique(both, axis=0, return_index=True)[1])])
