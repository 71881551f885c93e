"""Recipes whose tables do not go together, or whose values or keys have faults: each is named."""

from typing import Any

import pytest

from tlk.errors import UserError
from tlk.recipe import parse_recipe

MINIMAL = {
    "name": "mine",
    "summary": "s",
    "source": "s",
    "embedding": {"descriptors": ["thumbnail"]},
}
LEARNS = {"loss": {"name": "info_nce"}, "training": {}}
POOLED = {"embedding": {"backbone": "resnet18", "views": [{"at": "last"}]}}
MAPS = {"embedding": {"backbone": "resnet18", "views": [{"at": "last", "maps": True}]}}
GRADIENTS = {"embedding": {"descriptors": ["gradient-maps"]}}
GREY = {"embedding": None, "pixels": {"colour": "grey"}}
PIXELS = {"embedding": None, "pixels": {}}
VERDICTS = {"loss": {"name": "binary_cross_entropy"}, "training": {}}
MARGIN = {"loss": {"name": "class_margin"}, "training": {}}
DRAWS = {"loss": {"name": "reconstruction"}, "training": {}}
FIRST = {"on": "pairs", "loss": {"name": "reconstruction"}, "training": {}}
TWINS = {"on": "images", "loss": {"name": "barlow_twins"}, "training": {}}


def message_of(document: dict[str, Any]) -> str:
    """Return the message of the UserError that a document gives: one to three lines."""
    with pytest.raises(UserError) as caught:
        parse_recipe(document, "mine.toml")
    message = str(caught.value)
    assert len(message.split("\n")) <= 3
    return message


def changed(*changes: dict[str, Any], model: str) -> dict[str, Any]:
    """Return the minimal recipe of a model with tables laid over it; None takes one away."""
    document: dict[str, Any] = {**MINIMAL, "model": {"name": model}}
    for change in changes:
        document |= change
    return {key: value for key, value in document.items() if value is not None}


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (changed(MAPS, LEARNS, model="adapter"), "model adapter takes pooled views, not maps"),
        (changed(PIXELS, LEARNS, model="adapter"), "model adapter takes pooled views, not pixels"),
        (changed(POOLED, LEARNS, model="tail"), "model tail takes one view with maps = true, not embedding"),
        (changed(LEARNS, model="tail"), "model tail takes one view with maps = true, not embedding"),
        (
            changed(PIXELS, VERDICTS, model="same_artist"),
            "model same_artist takes one view with maps = true, not pixels",
        ),
        (changed(POOLED, LEARNS, model="network"), "model network takes a [pixels] table, not embedding"),
        (
            changed(POOLED, LEARNS, model="gradient_network"),
            'model gradient_network takes descriptors = ["gradient-maps"], not embedding',
        ),
        (
            changed(MAPS, LEARNS, model="gradient_network"),
            'model gradient_network takes descriptors = ["gradient-maps"], not maps',
        ),
        (changed(GRADIENTS, LEARNS, model="adapter"), "model adapter takes pooled views, not gradient-maps"),
        (changed(GRADIENTS, LEARNS, model="tail"), "model tail takes one view with maps = true, not gradient-maps"),
        (changed(MAPS, LEARNS, model="convnet"), "model convnet takes a [pixels] table, not maps"),
        (
            changed(GREY, LEARNS, model="network"),
            'model network has a backbone, which sees colours: pixels.colour = "rgb"',
        ),
        (
            changed(GREY, DRAWS, model="transfer_autoencoder"),
            "model transfer_autoencoder has a backbone, which sees colours",
        ),
        (changed(LEARNS, model="centred"), "model centred learns nothing: leave loss and training out"),
        (changed(model="adapter"), "model adapter has to learn: give loss and training"),
        (changed(VERDICTS, model="adapter"), "loss: binary_cross_entropy takes verdicts, which adapter does not give"),
        (changed(LEARNS, model="adaptation"), "loss: info_nce takes embeddings, which adaptation does not give"),
        (changed(PIXELS, DRAWS, model="convnet"), "loss: reconstruction takes images, which convnet does not give"),
        (
            changed(PIXELS, LEARNS, {"pretraining": FIRST}, model="convnet"),
            "pretraining.loss: reconstruction takes images, which convnet does not give",
        ),
        (
            changed(PIXELS, DRAWS, {"mining": {"name": "hard"}}, model="autoencoder"),
            "mining: loss reconstruction uses no",
        ),
        (
            changed(LEARNS, {"training": {"watch": "accuracy"}}, model="adapter"),
            "training.watch: accuracy is of verdicts, not of loss info_nce",
        ),
        (
            changed(PIXELS, LEARNS, {"pretraining": {**FIRST, "training": {"watch": "accuracy"}}}, model="autoencoder"),
            "pretraining.training.watch: accuracy is of verdicts, not of loss reconstruction",
        ),
        (
            changed(MARGIN, {"training": {"watch": "loss"}}, model="adapter"),
            "training.watch: loss class_margin knows only the classes that are learned: watch top_2",
        ),
        (
            changed(MARGIN, {"training": {"watch": "accuracy"}}, model="adapter"),
            "training.watch: accuracy is of verdicts, not of loss class_margin",
        ),
        (
            changed(LEARNS, {"pretraining": {**MARGIN, "on": "pairs", "training": {"watch": "loss"}}}, model="adapter"),
            "pretraining.loss: class_margin goes with the training, whose groups are its classes",
        ),
        (changed(MARGIN, model="adaptation"), "loss: class_margin takes classes, which adaptation does not give"),
        (changed(MARGIN, {"mining": {"name": "hard"}}, model="adapter"), "mining: loss class_margin uses no negatives"),
        (
            changed(MARGIN, {"pseudo_pairs": True}, model="adapter"),
            "pseudo_pairs: loss class_margin does not train embeddings that find each other",
        ),
        (
            changed(LEARNS, {"training": {"batch_size": 16, "accumulate": 9}}, model="adapter"),
            "training.accumulate: loss info_nce compares pairs, so each part needs two of them",
        ),
        (
            changed(POOLED, LEARNS, model="adapters") | {"model": {"name": "adapters", "groups": ((0,), (99,))}},
            "model.groups: there is no view 99",
        ),
        (
            changed(LEARNS, {"mining": {"name": "hard"}, "training": {"fresh_negatives": False}}, model="adapter"),
            "training.fresh_negatives: mined negatives are always drawn anew",
        ),
        (
            changed(PIXELS, LEARNS, {"pretraining": TWINS}, model="convnet"),
            'pretraining.on: "images" needs two looks of each',
        ),
        (
            changed(PIXELS, DRAWS, model="autoencoder") | {"model": {"name": "autoencoder", "dense": [8]}},
            "model.dense: loss reconstruction would not train it",
        ),
    ],
)
def test_tables_that_do_not_go_together_are_named(document: dict[str, Any], fault: str) -> None:
    assert message_of(document).startswith(f"mine.toml: {fault}")


@pytest.mark.parametrize(
    "document",
    [
        changed(LEARNS, {"mining": {"name": "hard"}}, model="adapter"),
        changed(MARGIN, model="adapter"),
        changed(POOLED, VERDICTS, {"training": {"watch": "accuracy"}}, model="adaptation"),
        changed(MAPS, VERDICTS, model="same_artist"),
        changed(MAPS, LEARNS, model="tail"),
        changed(PIXELS, LEARNS, model="network"),
        changed(GREY, LEARNS, {"pretraining": FIRST}, model="autoencoder"),
        changed(PIXELS, DRAWS, model="transfer_autoencoder"),
    ],
    ids=lambda document: document["model"]["name"],
)
def test_tables_that_go_together_are_a_recipe(document: dict[str, Any]) -> None:
    assert parse_recipe(document, "mine.toml").model == document["model"]


def test_all_misfits_are_in_one_message() -> None:
    message = message_of(changed(GREY, VERDICTS, {"training": {"watch": "accuracy"}}, model="transfer_autoencoder"))
    assert "which sees colours" in message
    assert "binary_cross_entropy takes verdicts" in message


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"loss": {"name": "info_nce"}}, "loss and training go together: give both or neither"),
        ({"training": {}}, "loss and training go together: give both or neither"),
        ({"mining": {"name": "hard"}}, "mining and pretraining need loss and training"),
        ({"pretraining": FIRST}, "mining and pretraining need loss and training"),
        ({"pixels": {}}, "give either embedding or pixels"),
        ({"embedding": None}, "give either embedding or pixels"),
        ({"split": "60/20/21"}, "whole percentages for training, validation, test"),
        ({"split": "60/40/0"}, "whole percentages for training, validation, test"),
        ({"split": "00/50/50"}, "whole percentages for training, validation, test"),
        ({"split": "60/40"}, "whole percentages for training, validation, test"),
        ({"split": "60/20/20\n"}, "whole percentages for training, validation, test"),
        ({"split": "fold"}, "whole percentages for training, validation, test"),
        ({"pixels": {"size": 7}}, "pixels.size: Input should be greater than or equal to 8, not 7"),
        ({"pixels": {"augment": ["flop"]}}, "pixels.augment.0: Input should be 'background', 'pad', 'flip'"),
        ({"pretraining": {"on": "pairs"}}, "pretraining.loss is missing; pretraining.training is missing"),
        ({"pretraining": {**FIRST, "on": "image"}}, "pretraining.on: Input should be 'pairs' or 'images', not 'image'"),
        ({"pretraining": {**FIRST, "loss": {}}}, "pretraining.loss.name: None is not one of info_nce"),
        ({"pretraining": 3}, "pretraining: Input should be a valid dictionary"),
        ({"mining": {"name": "easy"}}, "mining.name: 'easy' is not one of hard, semi_hard"),
        ({"mining": {}}, "mining.name: None is not one of hard, semi_hard"),
        ({"mining": {"name": "hard", "k": 0}}, "mining.k: Input should be greater than or equal to 1, not 0"),
        (
            {"model": {"name": "convnet", "dense": [0]}},
            "model.dense.0: Input should be greater than or equal to 1, not 0",
        ),
        (
            {"model": {"name": "network", "pretrained": False}},
            'without pretrained weights all layers are trained: trained_from = "input"',
        ),
    ],
)
def test_each_validators_fault_is_named(change: dict[str, Any], fault: str) -> None:
    assert fault in message_of(changed(change, model="centred"))


@pytest.mark.parametrize(
    ("change", "suggestion"),
    [
        ({"pixels": {"colur": "grey"}}, "unknown key pixels.colur (did you mean colour?)"),
        ({"mining": {"name": "hard", "subst": 3}}, "unknown key mining.subst (did you mean subset?)"),
        ({"pretraining": {**FIRST, "onn": "pairs"}}, "unknown key pretraining.onn (did you mean on?)"),
        (
            {"pretraining": {**FIRST, "training": {"epoch": 3}}},
            "unknown key pretraining.training.epoch (did you mean epochs?)",
        ),
        (
            {"pretraining": {**FIRST, "loss": {"name": "triplet", "margn": 1}}},
            "unknown key pretraining.loss.margn (did you mean margin?)",
        ),
        ({"training": {"acumulate": 2}}, "unknown key training.acumulate (did you mean accumulate?)"),
        (
            {"model": {"name": "network", "train_from": "last"}},
            "unknown key model.train_from (did you mean trained_from?)",
        ),
        ({"pretrainig": FIRST}, "unknown key pretrainig (did you mean pretraining?)"),
    ],
)
def test_a_misspelt_key_gets_a_suggestion(change: dict[str, Any], suggestion: str) -> None:
    assert suggestion in message_of(changed(change, model="centred"))
