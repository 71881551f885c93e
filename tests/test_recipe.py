"""Recipes: what comes with the package, what people write, and every way to get it wrong."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from tlk.errors import UserError
from tlk.losses.registry import LOSSES, InfoNCEParameters
from tlk.models.registry import MODELS, AdapterParameters
from tlk.recipe import load_members, load_recipe, parse_recipe, read_document, recipe_names, recipe_text
from tlk.recipe_schema import EnsembleRecipe, Recipe
from tlk.registry import parameters_of

EVERY = [load_recipe(name) for name in recipe_names()]
SINGLE = [recipe for recipe in EVERY if isinstance(recipe, Recipe)]

MINIMAL = {
    "name": "mine",
    "summary": "s",
    "source": "s",
    "embedding": {"descriptors": ["thumbnail"]},
    "model": {"name": "centred"},
}


def message_of(document: dict[str, Any] | str, *settings: str, backbone: str | None = None) -> str:
    """Return the message of the UserError that a recipe by name, or a document, gives: one to three lines."""
    with pytest.raises(UserError) as caught:
        load_recipe(document, settings, backbone) if isinstance(document, str) else parse_recipe(document, "mine.toml")
    message = str(caught.value)
    assert len(message.split("\n")) <= 3
    return message


@pytest.mark.parametrize("name", recipe_names())
def test_every_packaged_recipe_loads_and_survives_a_round_trip(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.summary
    assert recipe.source
    text = tomli_w.dumps(recipe.model_dump(mode="json", exclude_none=True))
    assert parse_recipe(tomllib.loads(text), "again") == recipe


def test_the_package_has_recipes_with_and_without_weights_and_training() -> None:
    ensembles = [recipe for recipe in EVERY if isinstance(recipe, EnsembleRecipe)]
    assert {recipe.uses_backbone for recipe in ensembles} == {True, False}
    assert all(load_members(recipe) for recipe in ensembles)
    kinds = {(recipe.uses_backbone, recipe.training is not None) for recipe in SINGLE}
    assert kinds == {(False, False), (False, True), (True, False), (True, True)}
    assert {recipe.model["name"] for recipe in SINGLE} == set(MODELS)


def test_an_unknown_recipe_gets_a_suggestion_or_the_list() -> None:
    assert message_of("adaptr") == "unknown recipe 'adaptr'\ndid you mean adapter?"
    assert message_of("zzz") == f"unknown recipe 'zzz'\nthere are: {', '.join(recipe_names())}"


def test_a_file_is_a_recipe_too_with_a_byte_order_mark_or_not(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    for encoding in ("utf-8", "utf-8-sig"):
        path.write_text(recipe_text("adapter").replace('summary = "', 'summary = "Käthe: '), encoding=encoding)
        assert load_recipe(str(path)).summary.startswith("Käthe: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: "),
        (b"\xff\xfe", "cannot be read: "),
        (b"a = 1\nname = ?", "is not TOML: .*line 2"),
        (b"name = 1\nname = 2", "is not TOML: "),
        (b"name = " + b"[" * 5000, "is not TOML: "),
        (b"name = " + b"1" * 5000, "is not TOML: "),
        (b".".join([b"a"] * 5000) + b" = 1", "its tables are nested too deep to be a recipe"),
    ],
)
def test_a_file_that_is_no_recipe_is_named(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "mine.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=f"^recipe {path}:? {message}") as caught:
        load_recipe(str(path))
    assert len(str(caught.value).split("\n")) <= 3


def test_all_faults_are_in_one_message() -> None:
    document: dict[str, Any] = {
        **{key: value for key, value in MINIMAL.items() if key not in ("summary", "model")},
        "sed": 1,
        "embedding": {"descriptors": ["thumbnial"], "mirored": True},
        "model": {"name": "adapter", "component": 5, "dropout": "much"},
        "loss": {"name": "infonce"},
        "training": {"epochs": 0, "zzz": 1},
    }
    message = message_of(document)
    assert message.startswith("mine.toml: ")
    for fault in (
        "summary is missing",
        "unknown key sed (did you mean seed?)",
        "embedding.descriptors.0: Input should be 'gradients-12'",
        "not 'thumbnial'",
        "unknown key embedding.mirored (did you mean mirrored?)",
        "unknown key model.component (did you mean components?)",
        "model.dropout: Input should be a valid number, not 'much'",
        "loss.name: 'infonce' is not one of info_nce",
        "training.epochs: Input should be greater than or equal to 1, not 0",
        "unknown key training.zzz;",
    ):
        assert fault in message
    assert message.endswith("\nsee its keys: tlk recipes NAME")


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"seed": True}, "seed: Input should be a valid integer, not True"),
        ({"seed": -1}, "seed: Input should be greater than or equal to 0, not -1"),
        ({"name": "My recipe"}, "name: String should match pattern .*, not 'My recipe'"),
        ({"model": 3}, "model: Input should be a valid dictionary, not 3"),
        ({"model": {}}, "model.name: None is not one of centred, adapter"),
        ({"model": {"name": ["centred"]}}, "model.name: .* is not one of centred, adapter"),
        ({"loss": {"name": "info_nce"}}, "loss and training go together: give both or neither"),
        ({"training": {}}, "loss and training go together"),
        ({"embedding": {}}, "embedding: give views of a backbone, descriptors, or both"),
        ({"embedding": {"backbone": "resnet18"}}, "embedding: give views of a backbone, descriptors, or both"),
        ({"embedding": {"views": [{"at": "last"}]}}, "embedding: views need a backbone, and a backbone needs views"),
        ({"embedding": {"backbone": "resnet18", "descriptors": ["texture"]}}, "a backbone needs views"),
        (
            {"embedding": {"backbone": "a", "views": [{"at": "last", "maps": True}], "descriptors": ["texture"]}},
            "a view that keeps its maps stands alone",
        ),
        ({"embedding": {"descriptors": ["texture", "gradient-maps"]}}, "gradient-maps stands alone"),
        (
            {"embedding": {"backbone": "a", "views": [{"at": "final", "pool": "deviation"}]}},
            "leave cells, pool, inside and maps out",
        ),
        ({"embedding": 3}, "embedding: Input should be a valid dictionary"),
        ({"a\nb\nc\nd": 1}, r"unknown key a\\nb\\nc\\nd"),
    ],
)
def test_each_fault_is_named(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(UserError, match=fault) as caught:
        parse_recipe({**MINIMAL, **change}, "mine.toml")
    assert len(str(caught.value).split("\n")) <= 3


@pytest.mark.parametrize(
    ("split", "inner"), [("60/20/20", 0.25), ("70/15/15", 15 / 85), ("1/1/98", 0.5), ("98/1/1", 1 / 99)]
)
def test_the_shares_of_a_split_say_what_validates(split: str, inner: float) -> None:
    recipe = load_recipe("adapter", [f"split={split}", "training.inner_fraction=0.4"])
    assert recipe.shares == tuple(map(int, split.split("/")))
    assert recipe.inner_fraction == pytest.approx(inner)


def test_with_folds_the_training_says_what_validates() -> None:
    assert load_recipe("adapter", ["training.inner_fraction=0.4"]).inner_fraction == 0.4
    assert load_recipe("thumbnail").inner_fraction == 0


@pytest.mark.parametrize("at", ["lasst", 1.5, 0, True, ["last"]])
def test_a_view_at_no_place_is_one_fault(at: Any) -> None:
    embedding = {"backbone": "resnet18", "views": [{"at": "last"}, {"at": at, "cels": 2}]}
    message = message_of({**MINIMAL, "embedding": embedding})
    places = "early, middle, upper, late, last, final, or a depth above 0 and at most 1"
    assert message.count(f"embedding.views.1.at: should be {places}") == 1
    assert message.count("embedding.views.1.at") == 1
    assert "unknown key embedding.views.1.cels (did you mean cells?)" in message


@pytest.mark.parametrize(
    ("setting", "place", "value"),
    [
        ("seed=7", ("seed",), 7),
        (" seed = 7", ("seed",), 7),
        ("training.learning_rate=5e-4", ("training", "learning_rate"), 5e-4),
        ("training.learning_rate=1", ("training", "learning_rate"), 1.0),
        ("embedding.mirrored=false", ("embedding", "mirrored"), False),
        ("summary=a bare sentence = fine", ("summary",), "a bare sentence = fine"),
        ('summary="quoted"', ("summary",), "quoted"),
        ("summary=", ("summary",), ""),
        ("summary=" + "[" * 5000, ("summary",), "[" * 5000),
        ("embedding.backbone=hf-hub:timm/x.y", ("embedding", "backbone"), "hf-hub:timm/x.y"),
    ],
)
def test_settings_are_laid_over_the_recipe(setting: str, place: tuple[str, ...], value: Any) -> None:
    found: Any = load_recipe("adapter", [setting])
    for part in place:
        found = getattr(found, part)
    assert found == value
    assert type(found) is type(value)


def test_settings_reach_lists_of_tables_models_and_losses_and_the_last_one_wins() -> None:
    settings = [
        "embedding.views=[{at = 0.5, cells = 2}]",
        "model.components=9",
        "loss.temperature=1",
        "seed=1",
        "seed=2",
    ]
    recipe = load_recipe("adapter", settings)
    assert [(view.at, view.cells) for view in recipe.embedding.views] == [(0.5, 2)]
    assert parameters_of(recipe.model, MODELS)[1] == AdapterParameters(components=9)
    assert parameters_of(recipe.loss or {}, LOSSES)[1] == InfoNCEParameters(temperature=1)
    assert recipe.seed == 2


def test_settings_can_add_training_to_a_recipe_without() -> None:
    recipe = load_recipe("thumbnail", ["model.name=adapter", "loss.name=info_nce", "training.epochs=2"])
    assert recipe.training is not None
    assert recipe.training.epochs == 2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs", "--set epochs: expected key=value\nsuch as --set training.epochs=5"),
        ("=5", "--set =5: expected key=value"),
        ("training..epochs=5", "--set training..epochs=5: expected key=value"),
        ("a\nb\nc\nd", r"--set a\nb\nc\nd: expected key=value"),
        ("seed.deep=1", "--set seed.deep=1: seed is not a table"),
        ("embedding.views.0.at=last", "--set embedding.views.0.at=last: views is not a table"),
        ("epochs=5", "recipe adapter: unknown key epochs"),
        ("training.epochs=many", "training.epochs: Input should be a valid integer, not 'many'"),
        ("loss.temperature=inf", "loss.temperature: Input should be a finite number, not inf"),
        ("seed=" + "1" * 5000, "seed: Input should be a valid integer"),
        ("a." * 5000 + "a=1", "its tables are nested too deep to be a recipe"),
    ],
)
def test_bad_settings_are_named(setting: str, message: str) -> None:
    assert message in message_of("adapter", setting)


def test_a_backbone_replaces_the_recipes_own() -> None:
    assert load_recipe("frozen", backbone="resnet50").embedding.backbone == "resnet50"
    assert load_recipe("frozen", ["seed=3"], "resnet50").seed == 3
    said = "--backbone resnet50: recipe thumbnail uses no backbone\ntake one that does, such as adapter"
    assert message_of("thumbnail", backbone="resnet50") == said
    assert "uses no backbone" in message_of("frozen", "embedding=3", backbone="resnet50")
    assert "embedding.backbone: " in message_of("frozen", backbone="")


@pytest.mark.parametrize("name", [recipe.name for recipe in SINGLE if recipe.pixels and recipe.uses_backbone])
def test_a_backbone_replaces_the_models_own(name: str) -> None:
    recipe = load_recipe(name, backbone="resnet50")
    assert recipe.model["backbone"] == "resnet50"
    assert recipe.model == load_recipe(name).model | {"backbone": "resnet50"}


def test_a_backbone_may_be_the_models_unnamed_one(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    document = {key: value for key, value in MINIMAL.items() if key != "embedding"} | {"pixels": {}, "training": {}}
    path.write_text(tomli_w.dumps(document | {"model": {"name": "network"}, "loss": {"name": "info_nce"}}))
    assert load_recipe(str(path)).uses_backbone
    assert load_recipe(str(path), backbone="resnet50").model["backbone"] == "resnet50"


@pytest.mark.parametrize("name", ["siamese-scratch", "autoencoder", "descriptors"])
def test_recipes_from_scratch_use_no_backbone(name: str) -> None:
    assert not load_recipe(name).uses_backbone
    assert "uses no backbone" in message_of(name, backbone="resnet50")


def test_a_recipe_does_not_change_and_checking_it_leaves_the_document_as_it_was() -> None:
    document = read_document("adapter")
    recipe = parse_recipe(document, "adapter")
    assert document == read_document("adapter")
    assert isinstance(recipe.embedding.views, tuple)


def test_parameters_of_gives_class_and_parameters() -> None:
    head, parameters = parameters_of({"name": "adapter", "dropout": 0.5}, MODELS)
    assert head.__name__ == "Adapter"
    assert parameters == AdapterParameters(dropout=0.5)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
PLACES = ["name", "seed", "split", "embedding", "pixels", "model", "loss", "mining", "training", "pretraining"]
INNER = ["embedding.views", "embedding.descriptors", "embedding.backbone", "model.name", "loss.name", "training.epochs"]


@given(st.sampled_from([*PLACES, *INNER]), VALUES)
def test_any_value_anywhere_is_a_recipe_or_a_user_error(place: str, value: Any) -> None:
    document = read_document("adapter")
    *tables, key = place.split(".")
    inner = document
    for table in tables:
        inner = inner[table]
    inner[key] = value
    message = ""
    try:
        parse_recipe(document, "mine.toml")
    except UserError as error:
        message = str(error)
    assert len(message.split("\n")) <= 3


@given(st.text(max_size=20) | st.text('seed=.[]{}"\n1a', max_size=20))
def test_any_setting_is_a_recipe_or_a_user_error(setting: str) -> None:
    message = ""
    try:
        load_recipe("thumbnail", [setting])
    except UserError as error:
        message = str(error)
    assert len(message.split("\n")) <= 3


ENSEMBLE = {"name": "mine", "summary": "s", "source": "s", "members": [{"recipe": "thumbnail"}, {"recipe": "adapter"}]}


def test_an_ensemble_gives_its_backbone_to_the_members_that_use_one() -> None:
    recipe = parse_recipe(ENSEMBLE | {"backbone": "resnet50"}, "mine.toml")
    assert isinstance(recipe, EnsembleRecipe)
    thumbnail, adapter = load_members(recipe)
    assert thumbnail.embedding is not None
    assert adapter.embedding is not None
    assert (thumbnail.embedding.backbone, adapter.embedding.backbone) == (None, "resnet50")
    assert adapter.scored is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"members": [{"recipe": "thumbnail"}]}, "members: Tuple should have at least 2 items"),
        ({"members": [{"recipe": "thumbnail"}] * 2}, "members: thumbnail stands there twice"),
        ({"blend": "mean"}, "blend: Input should be 'log_odds', 'z_score' or 'rank', not 'mean'"),
        ({"weights": "mine"}, "weights: Input should be 'fitted' or 'equal'"),
        ({"member": 1}, "unknown key member (did you mean members?)"),
        ({"members": [{"recipe": "a", "nam": "b"}, {"recipe": "c"}]}, "unknown key members.0.nam (did you mean name?)"),
    ],
)
def test_faults_of_an_ensemble(change: dict[str, Any], fault: str) -> None:
    assert fault in message_of(ENSEMBLE | change)


@pytest.mark.parametrize(("member", "fault"), [("best", "best is an ensemble itself"), ("bst", "unknown recipe 'bst'")])
def test_members_are_single_recipes(member: str, fault: str) -> None:
    recipe = parse_recipe(ENSEMBLE | {"members": [{"recipe": "thumbnail"}, {"recipe": member}]}, "mine.toml")
    assert isinstance(recipe, EnsembleRecipe)
    with pytest.raises(UserError, match=fault):
        load_members(recipe)


def test_an_ensemble_without_a_backbone_takes_none() -> None:
    assert "best-no-weights uses no backbone" in message_of("best-no-weights", backbone="resnet50")
