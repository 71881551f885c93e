"""What stands in for a run."""

import pytest

from tests.workflows.conftest import Notes
from tlk.embeddings.schema import EmbeddingParameters
from tlk.errors import UserError
from tlk.workflows.frozen import build_frozen


def without_weights(parameters: EmbeddingParameters) -> EmbeddingParameters:
    if parameters.backbone is not None:
        raise UserError(f"no weights of {parameters.backbone}\nbring them")
    return parameters


def test_a_backbone_is_taken_as_it_is() -> None:
    notes = Notes()
    name, built = build_frozen("some-net", lambda parameters: parameters, notes)
    assert (name, built.backbone, built.descriptors) == ("backbone some-net", "some-net", ())
    assert [view.at for view in built.views] == ["final"]
    assert not built.mirrored
    assert not notes.notes


def test_without_weights_descriptors_stand_in_for_what_was_not_named() -> None:
    notes = Notes()
    name, built = build_frozen(None, without_weights, notes)
    assert (name, built.backbone) == ("descriptors of shape and colour", None)
    (note,) = notes.notes
    assert note.endswith(": taking descriptors, which need no weights")
    with pytest.raises(UserError, match="no weights of some-net"):
        build_frozen("some-net", without_weights, notes)
