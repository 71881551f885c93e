"""From a collection to parts and pairs: `parts.csv`, a row an image, and `pairs.csv`, matched and unmatched ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tlk.data.collection import Collection
from tlk.data.collection_pairs import PAIRS_HEADER, PAIRS_TABLE, PARTS_HEADER, PARTS_TABLE
from tlk.data.pairing import draw_negatives, draw_positives
from tlk.data.parts import LEFT_OUT, PARTS, TRAIN, assign_parts, at_most, merged, smallest
from tlk.data.relevance import labels_of
from tlk.duplicates import find_duplicates, group_duplicates
from tlk.errors import UserError
from tlk.files import write_text
from tlk.tables import format_table
from tlk.workflows.folds import GROUPING_INLIERS
from tlk.workflows.progress import Reporter
from tlk.workflows.workspace import Workspace


@dataclass(frozen=True)
class PairOptions:
    """How a collection is divided, and what makes two of its images a pair."""

    rules: tuple[str, ...]
    shares: tuple[int, int, int] = (60, 20, 20)  # training, validation, test in percent
    disjoint: str | None = None  # a rule: what shares its label is in one part
    unseen: int = 0  # percent of the first rule's labels that are in the test part alone
    balance: str | None = None  # the first rule's labels have at most so many images, or as few as the "smallest"
    per_image: int = 4
    seed: int = 0


@dataclass(frozen=True)
class PairsDone:
    """What was written: images of each part, groups, and for each rule and part the matched and unmatched pairs."""

    images: dict[str, int]
    left_out: int
    groups: int
    pairs: dict[tuple[str, str], tuple[int, int]]


def make_pairs(workspace: Workspace, options: PairOptions, reporter: Reporter) -> PairsDone:
    """Divide the collection at the workspace's data and draw pairs in each part; two parts share no near-duplicate.

    Raises:
        UserError: an option that does not fit the collection, or an image that cannot be read.
    """
    _require(options)
    collection = _open(workspace.data)
    labels = labels_of(collection, options.rules)
    disjoint = labels_of(collection, [options.disjoint], "--disjoint")[:, 0] if options.disjoint else None
    group = _groups(workspace, collection, reporter)
    kept = np.ones(len(collection), bool)
    if options.balance is not None:
        most = smallest(labels[:, 0]) if options.balance == "smallest" else int(options.balance)
        kept = at_most(labels[:, 0], most, options.seed)
    together = group if disjoint is None else merged(group, disjoint)
    part = np.full(len(collection), LEFT_OUT)
    part[kept] = assign_parts(together[kept], options.shares, options.seed, labels[kept, 0], options.unseen)
    rows, counts = _pairs(collection, labels, group, part, options)
    for rule in options.rules:
        if not any(counts[rule, name][0] for name in PARTS):
            raise UserError(f"--rules {rule}: it relates no two images of a part\ntake another rule, or leave it out")
    for name in PARTS:
        if 0 in counts[options.rules[0], name]:
            reporter.note(f"the {name} part lacks matched or unmatched pairs: tlk train needs both; try another --seed")
    ids = collection.ids
    parts = [(ids[i], str(group[i]), PARTS[part[i]]) for i in np.flatnonzero(part != LEFT_OUT)]
    write_text(workspace.data / PARTS_TABLE, format_table(PARTS_HEADER, parts))
    write_text(workspace.data / PAIRS_TABLE, format_table(PAIRS_HEADER, rows))
    images = {name: int((part == number).sum()) for number, name in enumerate(PARTS)}
    return PairsDone(images, int((part == LEFT_OUT).sum()), len(np.unique(group)), counts)


def _open(folder: Path) -> Collection:
    """Return the collection in a folder; raise a UserError if it is a zip, or has no images yet."""
    collection = Collection(folder)
    if folder.is_file():  # said before the work: a zip is never written into
        raise UserError(f"{folder} is a zip, and parts and pairs lie beside the images\nunpack it, and name the folder")
    if not len(collection):
        raise UserError(f"{folder} has no images yet\nget them: tlk data nga … --download, or tlk data painters")
    return collection


def _groups(workspace: Workspace, collection: Collection, reporter: Reporter) -> np.ndarray:
    """Return the `(n,)` groups of what must not be parted: views of one object, and near-duplicates."""
    source, paths = workspace.reader(collection, passes=2), collection.paths
    keys = source.keys(paths)
    with reporter.track("near-duplicates") as progress:
        found = find_duplicates(
            source.images(paths),
            keys,
            minimum_inliers=GROUPING_INLIERS,
            progress=lambda done: progress(done, len(paths)),
        )
    group = group_duplicates(len(collection), found.first, found.second)
    if "object" not in collection.columns:
        return group
    _, group = np.unique(merged(group, labels_of(collection, ["object"])[:, 0]), return_inverse=True)
    return np.asarray(group)


def _pairs(
    collection: Collection, labels: np.ndarray, group: np.ndarray, part: np.ndarray, options: PairOptions
) -> tuple[list[tuple[str, ...]], dict[tuple[str, str], tuple[int, int]]]:
    """Return the rows of the pairs table and how many matched and unmatched ones each rule gives in each part."""
    ids, counts = collection.ids, {}
    rows: list[tuple[str, ...]] = []
    seen = np.isin(labels[:, 0], labels[part == TRAIN, 0])  # negatives of seen artists are of seen ones
    for column, rule in enumerate(options.rules):
        for number, name in enumerate(PARTS):
            members = np.flatnonzero(part == number)
            apart = None if "object" in rule.split("+") else group
            seed = options.seed * len(PARTS) + number
            positives = draw_positives(labels[:, column], apart, members, options.per_image, seed)
            random = np.random.default_rng(seed)
            turned = random.random(len(positives)) < 0.5  # else the smaller number would always be the anchor
            positives[turned] = positives[turned][:, ::-1]
            others = np.unique(positives[:, 1])  # to stand on the right of some pair then says nothing
            negatives = draw_negatives(positives[:, 0], labels, group, seen, others, seed)
            for (left, right), other in zip(positives.tolist(), negatives.tolist(), strict=True):
                rows.append((ids[left], ids[right], "1", rule, name))
                if other >= 0:
                    rows.append((ids[left], ids[other], "0", rule, name))
            counts[rule, name] = (len(positives), int((negatives >= 0).sum()))
    return rows, counts


def _require(options: PairOptions) -> None:
    shares = "/".join(map(str, options.shares))
    if len(options.shares) != 3 or sum(options.shares) != 100 or min(options.shares) < 1:
        raise UserError(f"--split {shares}: training, validation and test in percent, as 60/20/20")
    if not 0 <= options.unseen <= 90:
        raise UserError(f"--unseen {options.unseen}: percent of the artists, from 0 to 90")
    if len(set(options.rules)) < len(options.rules):
        raise UserError(f"--rules {','.join(options.rules)}: one stands there twice\nname each once")
    if options.per_image < 1:
        raise UserError(f"--per-image {options.per_image}: at least one partner an image")
    balance = options.balance
    if (
        balance is not None
        and balance != "smallest"
        and not (balance.isdecimal() and len(balance) <= 9 and int(balance) >= 2)
    ):
        raise UserError(f"--balance {balance}: at least 2 images of an artist, or 'smallest'")


def parse_shares(text: str) -> tuple[int, int, int]:
    """Return the shares in a text like 60/20/20.

    Raises:
        UserError: it is not of that form.
    """
    parts: Sequence[str] = text.split("/")
    if len(parts) != 3 or not all(part.isascii() and part.isdecimal() and len(part) <= 3 for part in parts):
        raise UserError(f"--split {text}: training, validation and test in percent, as 60/20/20")
    train, validation, test = map(int, parts)
    return train, validation, test
