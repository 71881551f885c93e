"""What a recipe may say about embeddings."""

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from tlk.backbones.depths import DEPTHS
from tlk.embeddings.descriptors import DESCRIPTORS
from tlk.embeddings.schema import Descriptor, EmbeddingParameters, Stage, ViewOfBackbone


def test_the_names_are_the_same_everywhere() -> None:
    stages, final = get_args(Stage)
    assert (*get_args(stages), *get_args(final)) == (*DEPTHS, "final")
    assert set(DESCRIPTORS) == set(get_args(Descriptor))


@pytest.mark.parametrize("at", ["early", "final", 0.01, 0.5, 1, 1.0])
def test_a_view_is_at_a_stage_or_a_depth(at: Any) -> None:
    assert ViewOfBackbone(at=at).at == at


@pytest.mark.parametrize(
    "given",
    [{"at": "lasst"}, {"at": 0}, {"at": 1.01}, {"at": None}, {}, {"at": "last", "cells": 0},
     {"at": "last", "cells": 17}, {"at": "final", "cells": 2}, {"at": "last", "cels": 2},
     {"at": "final", "maps": True}, {"at": "last", "maps": True, "cells": 2}, {"at": "last", "maps": 1}],
)  # fmt: skip
def test_other_views_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ViewOfBackbone.model_validate(given)


VIEWS = ({"at": "last"},)
MAPS = ({"at": "late", "maps": True},)


@pytest.mark.parametrize(
    ("given", "fine"),
    [
        ({"backbone": "resnet18", "views": VIEWS}, True),
        ({"backbone": "resnet18", "views": MAPS}, True),
        ({"backbone": "resnet18", "views": (*MAPS, *VIEWS)}, False),
        ({"descriptors": ("texture", "profiles")}, True),
        ({}, False),
        ({"views": VIEWS}, False),
        ({"backbone": "resnet18"}, False),
        ({"backbone": "", "views": VIEWS}, False),
        ({"backbone": "resnet18", "descriptors": ("texture",)}, False),
        ({"backbone": "resnet18", "views": VIEWS, "descriptors": ("texture",)}, True),
        ({"descriptors": ("textures",)}, False),
    ],
)
def test_views_of_a_backbone_or_descriptors(given: dict[str, Any], fine: bool) -> None:
    if fine:
        assert EmbeddingParameters.model_validate(given).mirrored is True
    else:
        with pytest.raises(ValidationError):
            EmbeddingParameters.model_validate(given)


@pytest.mark.parametrize(("views", "keeps"), [(VIEWS, False), ((*VIEWS, {"at": "early"}), False), (MAPS, True)])
def test_whether_maps_are_kept(views: tuple[dict[str, Any], ...], keeps: bool) -> None:
    assert EmbeddingParameters.model_validate({"backbone": "resnet18", "views": views}).keeps_maps is keeps
