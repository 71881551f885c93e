"""What each ingredient brings: a base recipe again and again with one thing changed, on the same folds, paired.

What the networks see of an image is computed once and kept, so that a variant costs the training of small heads.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tlk.constants import PICKS
from tlk.metrics import bootstrap_interval, list_ranks, paired_interval, top_k
from tlk.recipe import load_recipe
from tlk.recipe_schema import Recipe
from tlk.scoring.hubness import csls, inverted_softmax
from tlk.workflows.evaluate import outcomes
from tlk.workflows.out_of_fold import OutOfFold
from tlk.workflows.progress import Reporter
from tlk.workflows.sampled_lists import SampledLists
from tlk.workflows.train_one import train_one
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace

WITH_WEIGHTS, WITHOUT_WEIGHTS = "adapter", "descriptors"
# What the base is trained with beside its recipe: the descriptors' takes long over its small steps.
BASE = {
    WITH_WEIGHTS: [],
    WITHOUT_WEIGHTS: ["training.epochs=15", "training.learning_rate=1e-3", "training.inner_fraction=0"],
}
_TEMPERATURE = 0.05  # of the inverted softmax, in cosines
_STAGES = 'embedding.views=[{at="late",cells=4},{at="last",cells=2},{at="final"}]'
_WHOLE = 'embedding.views=[{at="middle"},{at="upper"},{at="late"},{at="last"},{at="final"}]'
_INSIDE = (
    'embedding.views=[{at="middle",cells=4,inside=true},{at="upper",cells=4,inside=true},'
    '{at="late",cells=4},{at="last",cells=2},{at="final"}]'
)
_DESCRIPTORS = 'embedding.descriptors=["gradients-12","gradients-5","thumbnail","grey-layout","texture","histogram-2"]'

OF_HEADS = {
    "another seed": ["seed=1"],
    "no mirror images": ["embedding.mirrored=false"],
    "borders trimmed": ["embedding.trimmed=true"],
    "no whitening": ["model.whitening=0"],
    "whitened whole": ["model.whitening=1"],
    "256 components": ["model.components=256"],
    "no dropout": ["model.dropout=0"],
    "low-rank head": ['model.head="low_rank"'],
    "residual head": ['model.head="residual"'],
    "temperature 0.04": ["loss.temperature=0.04"],
    "twice the learning rate": ["training.learning_rate=2e-3"],
    "weight decay": ["training.weight_decay=0.1"],
    "hard negatives mined": ['mining={name="hard"}'],
    "a model for each view": ['model.name="adapters"'],
    "… and in closed form": ['model.name="adapters"', "model.closed_form=true"],
}
OF_VIEWS = {
    "its own embedding alone": ['embedding.views=[{at="final"}]'],
    "no middle stages": [_STAGES],
    "no cells": [_WHOLE],
    "inside the middle stages": [_INSIDE],
    "pictures of 160 pixels": ["embedding.size=160"],
    "pictures of 320 pixels": ["embedding.size=320"],
    "descriptors beside": [_DESCRIPTORS],
}


@dataclass(frozen=True)
class Effect:
    """A variant's accuracy with its interval, and its paired difference from the base."""

    what: str
    top_2: float
    ci95: tuple[float, float]
    gain: float
    gain_ci95: tuple[float, float]


def ablation(workspace: Workspace, backbone: str | None, folds: Path | None, reporter: Reporter) -> list[Effect]:
    """Return the base first, then every variant, then what is done with whole lists; expected top-2 but for the last.

    Without a backbone the base is the recipe of descriptors, each of which is left out in turn.

    Raises:
        UserError: as a training.
    """
    name = WITHOUT_WEIGHTS if backbone is None else WITH_WEIGHTS
    with tempfile.TemporaryDirectory() as folder:
        own = replace(workspace, runs=Path(folder))

        def scored(settings: list[str], run: str) -> OutOfFold:
            recipe = load_recipe(name, BASE[name] + settings, backbone)
            assert isinstance(recipe, Recipe)  # noqa: S101
            done, _ = train_one(own, recipe, TrainOptions(folds=folds, run=run), reporter)
            return done.out_of_fold()

        base = scored([], "base")
        expected = outcomes(base).expected(PICKS)
        effects = [_effect(" ".join([f"recipe {name}", *BASE[name]]), expected, expected)]
        for number, (what, settings) in enumerate(variants(name).items()):
            reporter.note(f"ablation: {what}")
            effects.append(_effect(what, outcomes(scored(settings, f"variant-{number}")).expected(PICKS), expected))
    return effects + list(_list_wise(base))


def variants(name: str) -> dict[str, list[str]]:
    """Return what is changed about a base, and how: settings as `--set` takes them."""
    recipe = load_recipe(name)
    assert isinstance(recipe, Recipe)  # noqa: S101
    if recipe.uses_backbone:
        return OF_VIEWS | OF_HEADS
    assert recipe.embedding is not None  # noqa: S101
    every = recipe.embedding.descriptors
    left_out = {f"no {one}": [f"embedding.descriptors={[other for other in every if other != one]!r}"] for one in every}
    return left_out | {what: settings for what, settings in OF_HEADS.items() if "mirror" not in what}


def _effect(what: str, hits: np.ndarray, base: np.ndarray) -> Effect:
    return Effect(
        what, float(hits.mean()), bootstrap_interval(hits), float((hits - base).mean()), paired_interval(hits - base)
    )


def _list_wise(oof: OutOfFold) -> Iterator[Effect]:
    """Yield what whole-list scoring brings on the sampled lists, against scoring each list by itself."""
    sampled = SampledLists.of(oof)
    plain = top_k(list_ranks(sampled.scores, sampled.truth), PICKS)
    yield _effect("sampled lists, each by itself", plain, plain)
    for what in ("CSLS", "inverted softmax"):
        scores = np.empty(sampled.scores.shape)
        for number in np.unique(oof.fold):
            own = np.flatnonzero(oof.fold == number)
            queries, gallery, lists = oof.queries[own], oof.gallery[own], np.searchsorted(own, sampled.lists[own])
            scores[own] = (
                csls(queries, gallery, lists, scorer=oof.scorer)
                if what == "CSLS"
                else inverted_softmax(queries, gallery, lists, _TEMPERATURE, oof.scorer)
            )
        yield _effect(f"{what} (transductive)", top_k(list_ranks(scores, sampled.truth), PICKS), plain)
    ranks = sampled.matched_ranks()
    if ranks is not None:
        yield _effect("matching (transductive)", top_k(ranks, PICKS), plain)
