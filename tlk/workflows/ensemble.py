"""Several runs as one: their scores blended, the weights fitted on folds other than the one that is scored."""

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np

from tlk.constants import PICKS, TOPK
from tlk.data.collection import is_collection
from tlk.embeddings.views import digest
from tlk.errors import UserError
from tlk.files import write_json
from tlk.metrics import paired_interval
from tlk.recipe_schema import Blending, EnsembleRecipe, Member, Weighting
from tlk.scoring.blend import features
from tlk.scoring.weights import fit_folds, fit_weights
from tlk.temporary import discard
from tlk.workflows.blend import Blend, BlendedMember, with_weights
from tlk.workflows.calibration import calibrate
from tlk.workflows.collection_tables import require_tables_of
from tlk.workflows.evaluate import describe, outcomes
from tlk.workflows.manifest import time_limits
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.partial import AT_ONCE, choose_place, complete, open_partial
from tlk.workflows.progress import Silent
from tlk.workflows.run import VERIFICATION, Run, find_run
from tlk.workflows.sampled_lists import SampledLists
from tlk.workflows.trained_images import was_trained_on
from tlk.workflows.verify import verify
from tlk.workflows.workspace import Workspace

BLENDS: tuple[str, ...] = get_args(Blending)
WEIGHTINGS: tuple[str, ...] = get_args(Weighting)

CONTRIBUTIONS = "contributions.json"
NAME = "ensemble"  # of the recipe, and of the run where none is given


@dataclass(frozen=True)
class Contribution:
    """What a member is worth: expected top-2 alone, and by how much the others are worse without it, paired."""

    run: str
    alone: float
    weight: float
    gain: float
    ci95: tuple[float, float]
    kept: bool = True


@dataclass(frozen=True)
class EnsembleOptions:
    """What `tlk ensemble` was asked for."""

    run: str | None = None
    blend: Blending = "log_odds"
    weights: Weighting = "fitted"
    matching: bool = True
    overwrite: bool = False

    @classmethod
    def of(cls, run: str | None, blend: str, weights: str, matching: bool, overwrite: bool) -> "EnsembleOptions":
        """Check the words.

        Raises:
            UserError: there is no such blend or weighting.
        """
        for option, word, known in (("--blend", blend, BLENDS), ("--weights", weights, WEIGHTINGS)):
            if word not in known:
                raise UserError(f"{option} {word}: there is no such way\ntake one of {', '.join(known)}")
        return cls(run, cast(Blending, blend), cast(Weighting, weights), matching, overwrite)


def ensemble(
    workspace: Workspace, names: Sequence[str], options: EnsembleOptions
) -> tuple[Run, dict[str, Any], list[Contribution]]:
    """Blend complete runs into a new one, which keeps their files: it can be evaluated and predicted with like any.

    Raises:
        UserError: fewer than two runs, one that the ensemble would replace, or runs that do not score the same pairs in
            the same folds.
    """
    if len(set(names)) < 2:
        raise UserError("an ensemble needs two runs or more\nname them: tlk ensemble RUN RUN…")
    runs = [find_run(workspace.runs, name) for name in dict.fromkeys(names)]
    if options.overwrite and (options.run or NAME) in names:
        what = f"run {options.run or NAME!r} is one of those to blend, and --overwrite would replace it"
        raise UserError(f"{what}\nchoose another name with --run")
    recipe = EnsembleRecipe(
        name=NAME,
        summary="Runs blended by tlk ensemble.",
        source="tlk",
        matching=options.matching,
        known_pairs=any(run.recipe().known_pairs for run in runs),
        members=tuple(Member(recipe=run.recipe().name, name=run.name) for run in runs),
        blend=options.blend,
        weights=options.weights,
    )
    require_same_pairs(runs)
    for run in runs:
        run.require_models()
    place = choose_place(workspace.runs, recipe.name, options.run, False, options.overwrite, resumable=False)
    with open_partial(place, recipe, AT_ONCE, False, options.overwrite) as partial:
        try:
            for run in runs:
                _copy(run.folder, partial.member(run.name).folder)
            numbers, contributions = blend_members(partial, recipe, place.name)
            if runs[0].verification() is not None:
                _verify(partial, runs, workspace)
            return complete(partial, place), numbers, contributions
        except UserError:  # the members lie where they were
            shutil.rmtree(partial.folder, ignore_errors=True)
            raise


def _verify(run: Run, members: Sequence[Run], workspace: Workspace) -> None:
    """Compare the pairs of the collection that the members were trained on.

    Raises:
        UserError: the workspace's data are not that collection, or its parts were made anew: what the members have
            learned from may be in the test part now.
    """
    name = members[0].manifest()["data"]["name"]
    if not is_collection(workspace.data) or not was_trained_on(members[0], workspace):
        raise UserError(
            f"the runs were trained on the collection {name!r}, not on {workspace.data}\nname it with --data"
        )
    require_tables_of(run, workspace.data)
    write_json(run.folder / VERIFICATION, verify(run, workspace, "auto", Silent()))


def blend_members(run: Run, recipe: EnsembleRecipe, name: str) -> tuple[dict[str, Any], list[Contribution]]:
    """Fit the blend of a run's members, which are complete, and write everything that makes it a run called `name`.

    Members that do not help go.
    """
    members = [run.member(member.run) for member in recipe.members]
    require_same_pairs(members)
    blend, contributions = fit_blend([m.name for m in members], [m.out_of_fold() for m in members], recipe)
    run.write_blend(blend)
    kept = [run.member(member.run) for member in blend.members]
    seconds = float(sum(member.numbers()["seconds"] for member in kept))
    oof = run.out_of_fold()
    numbers = describe(name, recipe.name, outcomes(oof), min(TOPK, oof.list_length), seconds)
    write_json(run.folder / "manifest.json", _manifest(kept, recipe) | {"calibration": calibrate(oof).model_dump()})
    for member in members:
        if member.name not in {other.name for other in kept}:
            discard(member.folder)
    write_json(run.folder / CONTRIBUTIONS, {"members": [vars(row) for row in contributions]})
    write_json(run.folder / "metrics.json", numbers)
    return numbers, contributions


def contributions_of(run: Run) -> list[Contribution]:
    """Return what each member of an ensemble is worth, those that were dropped, too; none for a single recipe."""
    if run.blend() is None:
        return []
    return [Contribution(**row) for row in run.document(CONTRIBUTIONS)["members"]]


def fit_blend(
    names: Sequence[str], members: Sequence[OutOfFold], recipe: EnsembleRecipe
) -> tuple[Blend, list[Contribution]]:
    """Return the blend of members, without those that help nowhere, and what each of all is worth.

    Raises:
        UserError: no member helps.
    """
    kind, weighting = recipe.blend, recipe.weights
    sampled = [SampledLists.of(member) for member in members]
    first, deviations = sampled[0], [own.deviations() for own in sampled]
    parts = np.stack([features(kind, own.in_deviations()) for own in sampled])  # (k, n, m)

    def expected(chosen: list[int]) -> np.ndarray:
        """Return the `(n,)` chances of each query, its fold's weights fitted on the others."""
        weights = fit_folds(parts[chosen], first.truth, first.fold, kind, weighting)
        oof = with_weights([members[i] for i in chosen], [deviations[i] for i in chosen], weights.T, kind)
        return outcomes(oof).expected(PICKS)

    everyone = list(range(len(members)))
    fold_weights = fit_folds(parts, first.truth, first.fold, kind, weighting)  # (f, k)
    weights = fit_weights(parts, first.truth, first.fold, kind, weighting)
    if not weights.any():
        raise UserError(
            f"none of {', '.join(names)} says more than chance: there is nothing to blend\n"
            "look at each: tlk eval RUN; --blend z_score --weights equal blends them all the same"
        )
    whole = expected(everyone)
    contributions = []
    for i, name in enumerate(names):
        gain = whole - expected([other for other in everyone if other != i])
        alone = float(outcomes(members[i]).expected(PICKS).mean())
        stays = weighting == "equal" or bool(weights[i] > 0) or bool(fold_weights[:, i].any())
        row = Contribution(name, alone, float(weights[i]), float(gain.mean()), paired_interval(gain), stays)
        contributions.append(row)
    kept = tuple(
        BlendedMember(run=name, weight=float(weights[i]), fold_weights=tuple(fold_weights[:, i].tolist()))
        for i, name in enumerate(names)
        if contributions[i].kept
    )
    return Blend(kind=kind, weighting=weighting, members=kept), contributions


def require_same_pairs(runs: Sequence[Run]) -> None:
    """Raise a UserError unless all runs score the same pairs of the same images in the same folds and lists."""
    first, *others = runs
    known, data = first.out_of_fold(), first.manifest()["data"].get("fingerprint")
    for run in others:
        apart = run.out_of_fold().apart_from(known)
        if run.manifest()["data"].get("fingerprint") != data:
            raise UserError(
                f"runs {first.name} and {run.name} were trained on different images\n"
                "blend runs of the same data: train one of them again"
            )
        if apart is not None:
            raise UserError(
                f"runs {first.name} and {run.name} stand on {apart}\n"
                "train both on the same ones: --folds FILE, --set split=folds"
            )


def _manifest(members: Sequence[Run], recipe: EnsembleRecipe) -> dict[str, Any]:
    """Return the first member's manifest with what is the ensemble's own."""
    manifests = [member.manifest() for member in members]
    pseudo_pairs = any(manifest.get("pseudo_pairs") for manifest in manifests)
    stages = dict.fromkeys(stage for manifest in manifests for stage in manifest["seconds"])
    return manifests[0] | {
        "embedding": digest(manifest["embedding"].encode() for manifest in manifests),
        "seconds": {stage: sum(m["seconds"].get(stage, 0.0) for m in manifests) for stage in stages},
        "peak_memory_mb": max(manifest["peak_memory_mb"] for manifest in manifests),
        "transductive": recipe.matching or pseudo_pairs,
        "pseudo_pairs": pseudo_pairs,
        "known_pairs": recipe.known_pairs,
        "members": [member.name for member in members],
        **time_limits(manifests),
    }


def _copy(source: Path, target: Path) -> None:
    """Give the ensemble the files of a run: links where the file system has them, for no file is ever changed.

    Raises:
        UserError: the folder cannot be written to.
    """

    def link(one: str, two: str) -> None:
        try:
            os.link(one, two)
        except OSError:
            shutil.copyfile(one, two)

    try:
        shutil.copytree(source, target, copy_function=link, ignore=shutil.ignore_patterns(".*"))
    except OSError as error:  # shutil's own has a list of all that went wrong
        why = error.strerror or str(error.args[0][0][-1])
        raise UserError(f"cannot write {target}: {why}\nfree some space, or choose another place: --runs") from error
