"""A run on disk: the folder, what lies in it, and which one is meant when none is named."""

import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from tlk.constants import PICKS
from tlk.errors import UserError, damaged_run
from tlk.files import read_json, write_json, write_text
from tlk.models.registry import MODELS
from tlk.recipe import parse_recipe
from tlk.recipe_schema import AnyRecipe, EnsembleRecipe, Recipe
from tlk.workflows.blend import Blend, blended
from tlk.workflows.calibration import Calibration, calibrate
from tlk.workflows.checksums import require_whole
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.recover import recover
from tlk.workflows.run_names import PARTIAL, is_run_name

LOG = logging.getLogger("tlk")
MEMBERS = "members"  # the folder of an ensemble's runs
BLEND = "ensemble.json"
VERIFICATION = "verification.json"  # of a run on a collection


@dataclass(frozen=True)
class Run:
    """A complete run, or one on its way to be."""

    folder: Path

    @property
    def name(self) -> str:
        """The run's name."""
        return self.folder.name.removesuffix(PARTIAL)

    def __rich_repr__(self) -> Iterator[tuple[str, str]]:
        """Show name, recipe, data and numbers where rich prints a run."""
        from tlk.workflows.run_shown import rows_of

        yield from rows_of(self)

    def _repr_html_(self) -> str:
        """Return the same for a notebook."""
        from tlk.workflows.run_shown import html_of

        return html_of(self)

    def recipe(self) -> AnyRecipe:
        """Return the resolved recipe."""
        import tomllib

        path = self.folder / "recipe.toml"
        self.require_whole(path)
        try:
            return parse_recipe(tomllib.loads(path.read_text(encoding="utf-8")), str(path))
        except (OSError, ValueError, RecursionError) as error:  # not all that tomllib raises is its own
            raise damaged_run(self.folder, f"cannot read {path}: {error}") from error

    def write_recipe(self, recipe: AnyRecipe) -> None:
        """Keep the resolved recipe."""
        write_text(self.folder / "recipe.toml", tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True)))

    def document(self, name: str) -> dict[str, Any]:
        """Return one of the run's JSON files.

        Raises:
            UserError: it cannot be read, or is no table.
        """
        path = self.folder / name
        self.require_whole(path)
        try:
            found = read_json(path)
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
        top = expected.get(str(PICKS)) if isinstance(expected, dict) else None
        seconds = found.get("seconds")
        known = isinstance(top, float) and 0 <= top <= 1  # nor NaN, which JSON does not have but Python reads
        if not known or not (isinstance(seconds, float) and math.isfinite(seconds)):
            raise damaged_run(self.folder, f"{self.folder / 'metrics.json'} is not a run's")
        return found

    def gives_embeddings(self) -> bool:
        """Return whether the run's own models give embeddings that compare by their cosine; no for an ensemble."""
        recipe = self.recipe()
        return isinstance(recipe, Recipe) and "embeddings" in MODELS[recipe.model["name"]].gives

    def verification(self) -> dict[str, Any] | None:
        """Return how a run on a collection told its pairs apart; None for a run on a competition."""
        return self.document(VERIFICATION) if (self.folder / VERIFICATION).exists() else None

    def model(self, fold: int) -> Path:
        """Return where the model of `fold` lies."""
        return self.folder / f"fold{fold}" / "model.safetensors"

    def calibration(self) -> Calibration:
        """Return the scales of the run's scores: as the manifest has them, or found anew out-of-fold."""
        try:
            return Calibration.model_validate(self.manifest().get("calibration"), strict=False)  # tuples come as lists
        except ValueError:
            return calibrate(self.out_of_fold())

    def require_whole(self, path: Path, sha256: str | None = None) -> None:
        """Raise a UserError unless a file is what it was when the run was completed; its `sha256` may be known."""
        if path.exists():  # else its reader says so
            require_whole(self.folder, path, sha256)

    def models(self) -> list[Path]:
        """Return the models that `predict` uses: the refitted one alone if there is one, else one for every fold."""
        refitted = self.folder / "refit" / "model.safetensors"
        if refitted.exists():
            return [refitted]
        return [self.model(fold) for fold in range(len(self.calibration().deviations))]

    def require_models(self) -> None:
        """Raise a UserError unless all models, those of an ensemble's members, too, are there and can be opened."""
        blend = self.blend()
        if blend is not None:
            for member in blend.members:
                self.member(member.run).require_models()
            return
        from safetensors import safe_open

        for path in self.models():
            try:
                with safe_open(path, "np"):
                    pass
            except Exception as error:  # safetensors raises a kind of its own
                raise damaged_run(self.folder, f"cannot load {path}: {str(error).splitlines()[0]}") from error

    def blend(self) -> Blend | None:
        """Return how the members of an ensemble are blended; None for a run of a single recipe."""
        if not (self.folder / BLEND).exists():
            if isinstance(self.recipe(), EnsembleRecipe):
                raise damaged_run(self.folder, f"{self.folder / BLEND} is missing")
            return None
        self.require_whole(self.folder / BLEND)
        try:
            return Blend.model_validate_json((self.folder / BLEND).read_bytes())
        except (OSError, ValueError) as error:
            raise damaged_run(self.folder, f"{self.folder / BLEND} is not a run's") from error

    def write_blend(self, blend: Blend) -> None:
        """Keep how the members are blended."""
        write_json(self.folder / BLEND, blend.model_dump(mode="json"))

    def member(self, name: str) -> "Run":
        """Return the run of an ensemble's member."""
        return Run(self.folder / MEMBERS / name)

    def out_of_fold(self) -> OutOfFold:
        """Return what the run's models say of pairs that they have not seen.

        Raises:
            UserError: a file is missing or damaged.
        """
        blend = self.blend()
        if blend is None:
            self.require_whole(self.folder / "oof.npz")
            return OutOfFold.read(self.folder / "oof.npz")
        members = [self.member(member.run).out_of_fold() for member in blend.members]
        folds = len(np.unique(members[0].fold))
        if len(blend.members[0].fold_weights) != folds:
            raise damaged_run(self.folder, f"{self.folder / BLEND} is not of {folds} folds, as the members are")
        return blended(members, blend)


def find_run(runs: Path, name: str) -> Run:
    """Return the complete run called `name`.

    Raises:
        UserError: there is none.
    """
    recover(runs)
    run = Run(runs / name)
    if not is_run_name(name) or not (run.folder / "metrics.json").exists():
        there = ", ".join(r.name for r in complete_runs(runs)) or "none yet: tlk train"
        if is_run_name(name) and (runs / f"{name}{PARTIAL}").exists():
            raise UserError(f"run {name!r} was left unfinished\ngo on with it: tlk train RECIPE --run {name} --resume")
        raise UserError(f"there is no run {name!r} in {runs}\nruns: {there}")
    return run


def complete_runs(runs: Path) -> list[Run]:
    """Return the complete runs, by name."""
    recover(runs)
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
    for fault in damage:  # whoever takes the best of the others is to know
        LOG.warning("a run is passed over: %s", str(fault).splitlines()[0])
    return max(readable, key=lambda row: row[:2])[2]
