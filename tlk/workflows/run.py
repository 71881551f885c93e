"""A run on disk: the folder, what lies in it, and which one is meant when none is named."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from tlk.constants import PICKS
from tlk.data.competition import Pairs
from tlk.errors import UserError, damaged_run
from tlk.files import replacing, write_text
from tlk.recipe import parse_recipe
from tlk.recipe_schema import Recipe
from tlk.scoring.similarity import COSINE, Scorer

PARTIAL = ".partial"  # the ending of a run's folder until the run is complete


@dataclass(frozen=True)
class Run:
    """A complete run, or one on its way to be."""

    folder: Path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.folder.name.removesuffix(PARTIAL)

    def recipe(self) -> Recipe:
        """Return the resolved recipe."""
        import tomllib

        path = self.folder / "recipe.toml"
        try:
            return parse_recipe(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise damaged_run(self.folder, f"cannot read {path}: {error}") from error

    def write_recipe(self, recipe: Recipe) -> None:
        """Keep the resolved recipe."""
        write_text(self.folder / "recipe.toml", tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True)))

    def document(self, name: str) -> dict[str, Any]:
        """Return one of the run's JSON files.

        Raises:
            UserError: it cannot be read, or is no table.
        """
        path = self.folder / name
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise damaged_run(self.folder, f"cannot read {path}: {error}") from error
        if not isinstance(found, dict):
            raise damaged_run(self.folder, f"{path} is not a run's")
        return found

    def manifest(self) -> dict[str, Any]:
        """Return what the run was made with."""
        found = self.document("manifest.json")
        data = found.get("data")
        if not isinstance(data, dict) or not isinstance(data.get("name"), str) or "embedding" not in found:
            raise damaged_run(self.folder, f"{self.folder / 'manifest.json'} is not a run's")
        return found

    def numbers(self) -> dict[str, Any]:
        """Return the run's numbers as `tlk eval --json` prints them."""
        found = self.document("metrics.json")
        expected = found.get("expected_top_k")
        known = isinstance(expected, dict) and isinstance(expected.get(str(PICKS)), float)
        if not known or not isinstance(found.get("seconds"), float):
            raise damaged_run(self.folder, f"{self.folder / 'metrics.json'} is not a run's")
        return found

    def model(self, fold: int) -> Path:
        """Return where the model of `fold` lies."""
        return self.folder / f"fold{fold}" / "model.safetensors"

    def models(self) -> list[Path]:
        """Return the models that `predict` uses: the refitted one alone if there is one, else one for every fold."""
        refitted = self.folder / "refit" / "model.safetensors"
        if refitted.exists():
            return [refitted]
        return [self.model(fold) for fold in range(int(OutOfFold.read(self.folder / "oof.npz").fold.max()) + 1)]


@dataclass(frozen=True)
class FoldScores:
    """What one fold's model says of its `(n,)` pairs: `(n, d)` embeddings, or the `(n, n)` block of similarities."""

    pairs: np.ndarray
    queries: np.ndarray
    gallery: np.ndarray
    block: np.ndarray | None


@dataclass(frozen=True)
class OutOfFold:
    """The embeddings of every scored pair, made by a model that saw neither it nor its near-duplicates.

    `queries` and `gallery` are `(n, d)` unit embeddings of the left and right images; only those of one `fold` may be
    compared. A model that has learned a similarity of its own leaves `scores` instead: each fold's block, row after
    row, fold after fold; `queries` are then the rows' places in it and `gallery` the columns, `(n, 1)` each.
    `list_seed` and `list_length` give the candidate lists.
    """

    query_ids: np.ndarray
    gallery_ids: np.ndarray
    fold: np.ndarray
    queries: np.ndarray
    gallery: np.ndarray
    scores: np.ndarray
    list_seed: int
    list_length: int

    @classmethod
    def of(
        cls, pairs: Pairs, fold: np.ndarray, parts: Sequence[FoldScores], list_seed: int, list_length: int
    ) -> "OutOfFold":
        """Join the folds' parts, the pairs in the order of the data; `fold` is -1 for a pair that is not scored."""
        order = np.argsort(np.concatenate([part.pairs for part in parts]))
        queries, gallery, blocks, start = [], [], [np.empty(0, np.float32)], 0
        for part in parts:
            if part.block is None:
                queries.append(part.queries)
                gallery.append(part.gallery)
                continue
            count = len(part.pairs)
            queries.append(start + count * np.arange(count)[:, None])
            gallery.append(np.arange(count)[:, None])
            blocks.append(part.block.ravel().astype(np.float32))
            start += count * count
        scored = np.flatnonzero(fold >= 0)
        return cls(
            np.array(pairs.lefts)[scored],
            np.array(pairs.rights)[scored],
            fold[scored],
            np.concatenate(queries)[order],
            np.concatenate(gallery)[order],
            np.concatenate(blocks),
            list_seed,
            list_length,
        )

    @property
    def scorer(self) -> Scorer:
        """How the embeddings compare."""
        if not len(self.scores):
            return COSINE
        return Scorer(
            lambda queries, gallery: self.scores[queries + gallery.T],
            lambda first, second: self.scores[(first + second)[..., 0]],
        )

    def write(self, path: Path) -> None:
        """Write the arrays as .npz."""
        with replacing(path) as file:
            np.savez(file, **vars(self))

    @classmethod
    def read(cls, path: Path) -> "OutOfFold":
        """Read the arrays.

        Raises:
            UserError: the file is missing or damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as arrays:
                values = {name: arrays[name] for name in cls.__dataclass_fields__}
        except Exception as error:  # a damaged zip raises whatever its reader trips over
            raise damaged_run(path.parent, f"cannot read {path}: {error}") from error
        queries, gallery = values["queries"].shape, values["gallery"].shape
        if (
            queries != gallery
            or not len(values["fold"]) == len(values["query_ids"]) == len(values["gallery_ids"]) == queries[0]
        ):
            raise damaged_run(path.parent, f"{path} is damaged: its arrays differ in length or width")
        return cls(**values | {name: int(values[name]) for name in ("list_seed", "list_length")})


def find_run(runs: Path, name: str) -> Run:
    """Return the complete run called `name`.

    Raises:
        UserError: there is none.
    """
    run = Run(runs / name)
    if not is_run_name(name) or not (run.folder / "metrics.json").exists():
        there = ", ".join(r.name for r in complete_runs(runs)) or "none yet: tlk train"
        raise UserError(f"there is no run {name!r} in {runs}\nruns: {there}")
    return run


def complete_runs(runs: Path) -> list[Run]:
    """Return the complete runs, by name."""
    folders = sorted(path.parent for path in runs.glob("*/metrics.json"))
    return [Run(folder) for folder in folders if is_run_name(folder.name)]


def best_run(runs: Path, data_name: str) -> Run:
    """Return the run with the highest out-of-fold top-2 among those of the data, else among all.

    Raises:
        UserError: there is no run, or none that can be read.
    """
    there = complete_runs(runs)
    if not there:
        raise UserError(f"there is no run in {runs}\ntrain one first: tlk train")
    readable, damage = [], []
    for run in there:
        try:
            readable.append(
                (run.manifest()["data"]["name"] == data_name, run.numbers()["expected_top_k"][str(PICKS)], run)
            )
        except UserError as error:  # one damaged run does not hide the others
            damage.append(error)
    if not readable:
        raise damage[0]
    return max(readable, key=lambda row: row[:2])[2]


def is_run_name(name: str) -> bool:
    """Return whether `name` can be a run's: letters, digits, dots, dashes and underscores, never a path."""
    return re.fullmatch(r"[A-Za-z0-9][\w.-]{0,79}", name, re.ASCII) is not None and not name.endswith(PARTIAL)
