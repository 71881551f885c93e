"""Registry entries: strict parameters, and classes that are imported only when used."""

import subprocess
import sys

import pytest
from pydantic import ValidationError

from tlk.losses.registry import LOSSES
from tlk.models.registry import MODELS
from tlk.registry import Entry, Parameters


class Toy(Parameters):
    size: int = 1
    rate: float = 0.5


@pytest.mark.parametrize("given", [{"sise": 1}, {"size": "1"}, {"size": 1.0}, {"rate": float("inf")}, {"rate": "x"}])
def test_parameters_refuse_unknown_keys_and_other_types(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Toy.model_validate(given)


def test_parameters_do_not_change() -> None:
    toy = Toy(size=2)
    with pytest.raises(ValidationError, match="frozen"):
        toy.size = 3  # type: ignore[misc]
    assert toy == Toy(size=2, rate=0.5)


@pytest.mark.parametrize("entry", [*MODELS.values(), *LOSSES.values()], ids=[*MODELS, *LOSSES])
def test_every_entry_names_a_class_that_takes_its_parameters(entry: Entry) -> None:
    thing = entry.load()
    assert entry.target.endswith(f":{thing.__name__}")
    sizes = ((2,),) if entry in MODELS.values() else ()
    assert thing(entry.parameters(), *sizes) is not None
    assert entry.parameters.__doc__, "the first line of help"


def test_recipes_and_registries_load_no_torch() -> None:
    code = "import sys, tlk.recipe, tlk.data.competition; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
