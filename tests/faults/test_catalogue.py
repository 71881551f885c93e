"""The catalogue as a whole: how many inputs there are, and that each says what it is."""

import importlib.util
from pathlib import Path
from typing import Any

KINDS = ("images", "tables", "recipes", "weights", "submissions")


def catalogue() -> dict[str, list[str]]:
    """Return the sentences of each kind of input."""
    found = {}
    for kind in KINDS:
        file = Path(__file__).with_name(f"test_{kind}.py")
        spec = importlib.util.spec_from_file_location(f"catalogue_of_{kind}", file)
        assert spec is not None
        assert spec.loader is not None
        module: Any = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found[kind] = [case[0] for case in module.CASES]
    return found


def test_the_catalogue_is_large_and_every_case_is_a_sentence_of_its_own() -> None:
    found = catalogue()
    assert all(len(cases) >= 40 for cases in found.values()), {kind: len(cases) for kind, cases in found.items()}
    sentences = [sentence for cases in found.values() for sentence in cases]
    assert len(sentences) == len(set(sentences)) >= 60
    assert all(len(sentence.split()) >= 4 for sentence in sentences)
