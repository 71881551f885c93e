"""Recipes with every kind of mistake: refused before anything is read or written, in the words of their keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RECIPE = """\
name = "mine"
summary = "s"
source = "s"
seed = 0
split = "folds"

[embedding]
mirrored = false
descriptors = ["thumbnail-6"]

[model]
name = "adapter"
components = 16
dropout = 0.2

[loss]
name = "info_nce"
temperature = 0.07

[training]
epochs = 1
batch_size = 64
learning_rate = 1e-3
"""
ENSEMBLE = """\
name = "both"
summary = "s"
source = "s"
members = [{ recipe = "thumbnail" }, { recipe = "descriptors", name = "hogs" }]
"""
Change = Callable[[str], str]


def put(old: str, new: str) -> Change:
    """Return what puts a line in the place of another."""

    def change(text: str) -> str:
        assert text.count(old) == 1
        return text.replace(old, new)

    return change


def add(line: str) -> Change:
    return lambda text: text + line + "\n"


# Not TOML, or no table of a recipe.
FILES: list[tuple[str, bytes, str]] = [
    ("an empty recipe is refused", b"", "name is missing"),
    ("a recipe of blanks is refused", b"\n\n  \n", "name is missing"),
    ("a recipe of comments is refused", b"# to do\n", "name is missing"),
    ("a recipe in JSON is refused", b'{"name": "mine"}', "is not TOML"),
    ("a recipe in YAML is refused", b"name: mine\n", "line 1"),
    ("a recipe in UTF-16 is refused", RECIPE.encode("utf-16"), "cannot be read"),
    ("a recipe in Latin-1 is refused", 'name = "Käthe"'.encode("latin-1"), "cannot be read"),
    ("a recipe of bytes is refused", bytes(range(256)), "cannot be read"),
    ("a byte of zero in a recipe is refused", b'name = "a\0b"', "is not TOML"),
    ("a text that is not closed is refused", b'name = "mine\n', "line 1"),
    ("a table that is not closed is refused", b"[model\n", "line 1"),
    ("a key that stands there twice is refused", b"seed = 0\nseed = 1\n", "line 2"),
    ("a table that stands there twice is refused", b"[model]\n[model]\n", "line 2"),
    ("a key without a value is refused", b"seed =\n", "line 1"),
    ("a word without quotes is refused", b"name = mine\n", "line 1"),
    ("a number with a comma is refused", b"seed = 0,5\n", "line 1"),
    ("a number with a zero before it is refused", b"seed = 007\n", "line 1"),
    ("five thousand brackets are refused", b"name = " + b"[" * 5000, "is not TOML"),
    ("five thousand tables in each other are refused", b"[" + b"a." * 5000 + b"a]\n", "nested too deep"),
    ("a number of five thousand digits is refused", b"seed = " + b"1" * 5000, "is not TOML"),
]

KEYS: list[tuple[str, Change, str]] = [
    ("a name with blanks is refused", put('name = "mine"', 'name = "my recipe"'), "name: "),
    ("a name that leads up is refused", put('name = "mine"', 'name = "../mine"'), "name: "),
    ("a name of a hundred letters is refused", put('name = "mine"', f'name = "{"x" * 100}"'), "name: "),
    ("a name that is a number is refused", put('name = "mine"', "name = 1"), "name: "),
    ("a recipe without a summary is refused", put('summary = "s"\n', ""), "summary is missing"),
    ("a recipe without a model is refused", put('[model]\nname = "adapter"\n', "[embedding.x]\n"), "model is missing"),
    ("a key that there is not is refused", put("seed = 0", "sead = 0"), "unknown key sead (did you mean seed?)"),
    ("a key that a table has not is refused", add("epoch = 2"), "unknown key training.epoch (did you mean epochs?)"),
    ("a key that a model has not is refused", put("dropout", "drop_out"), "unknown key model.drop_out"),
    ("a key that a loss has not is refused", put("temperature = 0.07", "margin = 1.0"), "unknown key loss.margin"),
    ("a table that there is not is refused", add("[traning]\nepochs = 1"), "unknown key traning"),
    ("a seed that is text is refused", put("seed = 0", 'seed = "0"'), "seed: "),
    ("a seed that is a fraction is refused", put("seed = 0", "seed = 0.5"), "seed: "),
    ("a seed that is true is refused", put("seed = 0", "seed = true"), "seed: "),
    ("a seed that is a date is refused", put("seed = 0", "seed = 2020-02-30"), "is not TOML"),
    ("a seed that is a day is refused", put("seed = 0", "seed = 2020-02-20"), "seed: "),
    ("a seed that is a list is refused", put("seed = 0", "seed = [0]"), "seed: "),
    ("a seed below zero is refused", put("seed = 0", "seed = -1"), "seed: "),
    ("a seed of seventy bits is refused", put("seed = 0", f"seed = {1 << 70}"), "seed: "),
    ("a split that there is not is refused", put('"folds"', '"fold"'), "split"),
    ("shares of more than all are refused", put('"folds"', '"60/30/20"'), "split"),
    ("shares of nothing are refused", put('"folds"', '"100/0/0"'), "split"),
    ("no epochs are refused", put("epochs = 1", "epochs = 0"), "training.epochs: "),
    ("epochs without end are refused", put("epochs = 1", "epochs = 100000000000"), "training.epochs: "),
    ("epochs that are text are refused", put("epochs = 1", 'epochs = "ten"'), "training.epochs: "),
    ("half an epoch is refused", put("epochs = 1", "epochs = 0.5"), "training.epochs: "),
    ("a batch of one pair is refused", put("batch_size = 64", "batch_size = 1"), "training.batch_size: "),
    ("a learning rate of zero is refused", put("1e-3", "0.0"), "training.learning_rate: "),
    ("a learning rate below zero is refused", put("1e-3", "-1.0"), "training.learning_rate: "),
    ("a learning rate of nan is refused", put("1e-3", "nan"), "training.learning_rate: "),
    ("a learning rate of inf is refused", put("1e-3", "inf"), "training.learning_rate: "),
    ("a learning rate of 1e400 is refused", put("1e-3", "1e400"), "training.learning_rate: "),
    ("a learning rate that is true is refused", put("1e-3", "true"), "training.learning_rate: "),
    ("a warm-up of all steps is refused", add("warmup = 1.0"), "training.warmup: "),
    ("a schedule that there is not is refused", add('schedule = "linear"'), "training.schedule: "),
    ("half precision by another name is refused", add('precision = "fp16"'), "training.precision: "),
    ("no patience is refused", add("patience = 0"), "training.patience: "),
    ("a gradient of no length is refused", add("clip = 0.0"), "training.clip: "),
    ("all of the pairs to watch are refused", add("inner_fraction = 1.0"), "training.inner_fraction: "),
    ("accuracy of what gives no verdicts is refused", add('watch = "accuracy"'), "watch: accuracy is of verdicts"),
    ("dropping everything out is refused", put("dropout = 0.2", "dropout = 1.0"), "model.dropout: "),
    ("a dropout of nan is refused", put("dropout = 0.2", "dropout = nan"), "model.dropout: "),
    ("no components are refused", put("components = 16", "components = 0"), "model.components: "),
    ("a model that there is not is refused", put('"adapter"', '"adaptor"'), "model.name: 'adaptor' is not one of"),
    ("a model that is no table is refused", put('[model]\nname = "adapter"\n', "[x]\n"), "model is missing"),
    ("a loss that there is not is refused", put('"info_nce"', '"hinge"'), "loss.name: 'hinge' is not one of"),
    ("a temperature of zero is refused", put("0.07", "0.0"), "loss.temperature: "),
    ("a loss of other things is refused", put('"info_nce"\ntemperature = 0.07', '"reconstruction"'), "does not give"),
    ("a loss that is not trained is refused", lambda text: text[: text.index("[training]")], "loss and training go"),
    ("a descriptor that there is not is refused", put("thumbnail-6", "thumb"), "embedding.descriptors.0: "),
    ("no descriptors are refused", put('["thumbnail-6"]', "[]"), "give views of a backbone, descriptors, or both"),
    ("descriptors that are text are refused", put('["thumbnail-6"]', '"thumbnail-6"'), "embedding.descriptors: "),
    (
        "views without a backbone are refused",
        put("mirrored = false", 'views = [{at = "last"}]'),
        "views need a backbone",
    ),
    ("a backbone without views is refused", put("mirrored = false", 'backbone = "x"'), "a backbone needs views"),
    ("a backbone without a name is refused", put("mirrored = false", 'backbone = ""'), "embedding.backbone: "),
    ("mirroring that is a number is refused", put("mirrored = false", "mirrored = 1"), "embedding.mirrored: "),
    ("pixels and embeddings at once are refused", add("[pixels]\nsize = 64"), "give either embedding or pixels"),
    ("a miner that there is not is refused", add('[mining]\nname = "easy"'), "mining.name: 'easy' is not one of"),
    ("pretraining on what is not there is refused", add('[pretraining]\non = "air"\nloss = {}'), "pretraining.on: "),
]

ENSEMBLES: list[tuple[str, Change, str]] = [
    ("an ensemble of one is refused", put(', { recipe = "descriptors", name = "hogs" }', ""), "members: "),
    (
        "an ensemble of none is refused",
        put('members = [{ recipe = "thumbnail" }, {', "members = []\nx = [{"),
        "members: ",
    ),
    ("members that are text are refused", put('{ recipe = "thumbnail" }', '"thumbnail"'), "members.0: "),
    ("a member without a recipe is refused", put('recipe = "thumbnail"', 'name = "x"'), "members.0.recipe is missing"),
    ("a member that there is not is refused", put('"thumbnail"', '"thumbnial"'), "did you mean thumbnail?"),
    (
        "a member twice is refused",
        put('recipe = "descriptors", name = "hogs"', 'recipe = "thumbnail"'),
        "stands there twice",
    ),
    ("a member of a name that leads up is refused", put('"hogs"', '"../hogs"'), "members.1.name: "),
    ("a member with a setting that is none is refused", put('name = "hogs"', 'settings = ["epochs"]'), "key=value"),
    ("a member with a key it has not is refused", put('name = "hogs"', 'settings = ["seeed=1"]'), "unknown key seeed"),
    ("a member with two splits is refused", put('name = "hogs"', 'settings = ["split=60/20/20"]'), "different splits"),
    ("a blend that there is not is refused", add('blend = "mean"'), "blend: "),
    ("a model of an ensemble is refused", add('[model]\nname = "adapter"'), "unknown key model"),
]

SETTINGS: list[tuple[str, str, str]] = [
    ("a setting without a value is refused", "seed", "expected key=value"),
    ("a setting without a key is refused", "=3", "expected key=value"),
    ("a setting of half a path is refused", "training.=3", "expected key=value"),
    ("a setting below what is no table is refused", "seed.x=3", "seed is not a table"),
    ("a setting of a key that there is not is refused", "training.epoch=3", "did you mean epochs?"),
    ("a setting of nan is refused", "training.learning_rate=nan", "training.learning_rate: "),
    ("a setting of a word for a number is refused", "training.epochs=many", "training.epochs: "),
    ("a setting of nothing is refused", "training.epochs=", "training.epochs: "),
    ("a setting of several lines is refused in one", "a\nb\nc\nd\ne=1", "unknown key a\\nb\\nc\\nd\\ne"),
]

CASES = [*FILES, *KEYS, *ENSEMBLES, *SETTINGS]


def ids(cases: list[Any]) -> list[str]:
    return [case[0] for case in cases]


def test_the_recipes_that_are_spoiled_are_none_in_themselves(works: Any, workspace_folder: Path) -> None:
    for text in (RECIPE, ENSEMBLE):
        Path("mine.toml").write_text(text)
        works(["recipes", "mine.toml"])


@pytest.mark.parametrize(("content", "words"), [case[1:] for case in FILES], ids=ids(FILES))
def test_the_file_is_no_recipe(content: bytes, words: str, refused: Any, workspace_folder: Path) -> None:
    Path("mine.toml").write_bytes(content)
    refused(["train", "mine.toml"], "mine.toml", words)


@pytest.mark.parametrize(("change", "words"), [case[1:] for case in KEYS], ids=ids(KEYS))
def test_the_recipe_is_refused(change: Change, words: str, refused: Any, workspace_folder: Path) -> None:
    Path("mine.toml").write_text(change(RECIPE))
    refused(["train", "mine.toml"], "mine.toml", words)


@pytest.mark.parametrize(("change", "words"), [case[1:] for case in ENSEMBLES], ids=ids(ENSEMBLES))
def test_the_ensemble_is_refused(change: Change, words: str, data: Path, refused: Any) -> None:
    Path("mine.toml").write_text(change(ENSEMBLE))
    refused(["train", "mine.toml"], words)


@pytest.mark.parametrize(("setting", "words"), [case[1:] for case in SETTINGS], ids=ids(SETTINGS))
def test_the_setting_is_refused(setting: str, words: str, refused: Any, workspace_folder: Path) -> None:
    refused(["train", "descriptors", "--set", setting], words)
