"""What a training on a collection is given: who learns, who validates, who is scored, and what joins them."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import torch
from PIL import Image

from tlk.data.collection import Collection, write_collection
from tlk.data.collection_pairs import PAIRS_HEADER, PARTS_HEADER
from tlk.data.pairing import related
from tlk.errors import UserError
from tlk.recipe import parse_recipe
from tlk.recipe_schema import Recipe
from tlk.tables import format_table
from tlk.training.accelerator import make_accelerator
from tlk.training.negatives import RandomNegatives
from tlk.workflows.collection_tables import tables_of
from tlk.workflows.inputs import input_maker
from tlk.workflows.manifest import Clock
from tlk.workflows.prepare import Prepared
from tlk.workflows.prepare_collection import prepare_collection
from tlk.workflows.progress import Silent
from tlk.workflows.run import Run
from tlk.workflows.workspace import Workspace

PARTS = ("train", "validation", "test")
EACH = 4  # artists a part, with three images each
IDS = [f"{part}{artist}{image}" for part in PARTS for artist in range(EACH) for image in "xyz"]

Row = tuple[str, str, str, str, str]


def usual_pairs() -> list[Row]:
    """All pairs of an artist's images, and an unmatched one for each."""
    rows: list[Row] = []
    for part in PARTS:
        for artist in range(EACH):
            a, other = f"{part}{artist}", f"{part}{(artist + 1) % EACH}"
            for left, right in ("xy", "zx", "yz"):
                rows.append((a + left, a + right, "1", "artist", part))
                rows.append((a + left, other + right, "0", "artist", part))
    return rows


@pytest.fixture
def folder(workspace_folder: Path) -> Path:
    """A collection of noise: four artists in each part, every image of a group of its own, and one left out."""
    folder, random = workspace_folder / "art", np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    for name in (*IDS, "spare"):
        Image.fromarray(random.integers(256, size=(16, 16, 3), dtype=np.uint8)).save(folder / "images" / f"{name}.png")
    write(folder)
    return folder


def write(folder: Path, pairs: list[Row] | None = None, titles: dict[str, str] | None = None) -> None:
    columns = [(name, f"images/{name}.png", name[:-1], (titles or {}).get(name, "")) for name in (*IDS, "spare")]
    write_collection(folder, ("artist", "title"), columns)
    parts = [(name, str(number), name[:-2]) for number, name in enumerate(IDS)]
    (folder / "parts.csv").write_text(format_table(PARTS_HEADER, parts))
    (folder / "pairs.csv").write_text(format_table(PAIRS_HEADER, usual_pairs() if pairs is None else pairs))


def recipe(**changes: object) -> Recipe:
    usual = {
        "name": "r", "summary": "", "source": "", "embedding": {"descriptors": ["thumbnail-6"], "mirrored": False},
        "model": {"name": "adapter", "components": 8}, "loss": {"name": "info_nce"}, "training": {"epochs": 1},
    }  # fmt: skip
    found = parse_recipe(usual | changes, "test")
    assert isinstance(found, Recipe)
    return found


def prepare(folder: Path, folds: Path | None = None, **changes: object) -> Prepared:
    workspace, chosen = Workspace.here(folder), recipe(**changes)
    cpu = torch.device("cpu")
    maker = input_maker(chosen, cpu, workspace.exports)
    return prepare_collection(workspace, folds, chosen, maker, make_accelerator(cpu, "fp32"), Silent(), Clock())


def refusal(folder: Path, pairs: list[Row]) -> str:
    write(folder, pairs)
    with pytest.raises(UserError) as caught:
        prepare(folder)
    assert len(str(caught.value).split("\n")) <= 3
    return str(caught.value)


def test_each_part_does_what_it_is_for(folder: Path) -> None:
    given = prepare(folder)
    sides = [(left[:-2], right[:-2]) for left, right in zip(given.pairs.lefts, given.pairs.rights, strict=True)]
    assert all(left == right for left, right in sides)
    parts = np.array([left for left, _ in sides])
    held_out = given.examples.held_out
    assert held_out is not None
    assert (held_out == (parts == "validation")).all()
    assert (given.split.fold == np.where(parts == "test", 0, -1)).all()
    assert given.split.count == 1
    assert [(parts == part).sum() for part in PARTS] == [3 * EACH, 3 * EACH, EACH]
    assert given.list_length == EACH
    assert len(given.unlabelled) == 0


def test_inputs_are_those_of_the_pairs(folder: Path) -> None:
    """Images are numbered anew, since those that were left out are not embedded."""
    write(folder)
    rows = (folder / "collection.csv").read_text().splitlines()
    (folder / "collection.csv").write_text("\n".join([rows[0], rows[-1], *rows[1:-1]]) + "\n")  # the spare one first
    given = prepare(folder)
    alone = Collection(folder)
    numbers = {name: number for number, name in enumerate(name for name in alone.ids if name != "spare")}
    for ids, images in ((given.pairs.lefts, given.examples.left), (given.pairs.rights, given.examples.right)):
        assert images.tolist() == [numbers[name] for name in ids]
    whole = given.examples.inputs.whole(np.arange(len(IDS)))
    assert len(whole) == len(IDS)
    from tlk.embeddings.descriptors import DescriptorEmbedder
    from tlk.embeddings.embed import embed
    from tlk.embeddings.store import VectorStore

    reader = Workspace.here(folder).reader(alone, 1)
    paths = [f"images/{name}.png" for name in numbers]
    (view,) = embed(DescriptorEmbedder(["thumbnail-6"], False), reader, paths, VectorStore(Path("other")))
    np.testing.assert_allclose(whole[:, 0].numpy(), view, atol=1e-3)


def test_one_pair_of_each_artist_is_scored(folder: Path) -> None:
    given = prepare(folder)
    scored = given.examples.of(given.split.scored)
    assert len(np.unique(scored.group)) == len(scored) == EACH
    assert [given.pairs.lefts[i] for i in given.split.scored] == [f"test{artist}x" for artist in range(EACH)]


def test_a_pair_in_several_rows_or_turned_around_counts_once(folder: Path) -> None:
    usual = prepare(folder)
    again = [(right, left, match, "title", part) for left, right, match, _, part in usual_pairs()]
    write(folder, usual_pairs() + again)
    given = prepare(folder)
    assert given.pairs == usual.pairs
    assert (given.examples.group == usual.examples.group).all()


def test_groups_are_those_of_the_first_rule_and_negatives_are_related_by_none(folder: Path) -> None:
    titles = {f"train{artist}{image}": "One" for artist in (0, 1) for image in "xyz"} | {"train2x": "Two"}
    more: list[Row] = [("train0x", "train1x", "1", "title", "train")]
    write(folder, usual_pairs() + more, titles)
    examples = prepare(folder).examples
    assert len(np.unique(examples.group)) == 3 * EACH  # a title that artists share joins none of them
    learned = examples.of(~np.isin(examples.group, examples.group[prepare(folder).split.scored]))
    assert learned.labels is not None
    drawn = np.array([RandomNegatives(learned, seed=seed).draw(0) for seed in range(50)])
    assert not related(learned.labels, np.tile(learned.left, 50), learned.right[drawn].ravel()).any()
    alone = replace(learned, labels=None)
    drawn = np.array([RandomNegatives(alone, seed=seed).draw(0) for seed in range(50)])
    assert related(learned.labels, np.tile(learned.left, 50), learned.right[drawn].ravel()).any()


def test_what_is_scored_and_what_has_classes_are_pairs_of_the_first_rule(folder: Path) -> None:
    more: list[Row] = [("test0x", "test1x", "1", "title", "test"), ("train0x", "train1x", "1", "title", "train")]
    write(folder, usual_pairs() + more, {f"{part}{artist}x": "One" for part in PARTS for artist in range(EACH)})
    given = prepare(folder)
    pairs = list(zip(given.pairs.lefts, given.pairs.rights, strict=True))
    assert ("train0x", "train1x") in pairs
    assert all(pairs[i][0][:5] == pairs[i][1][:5] for i in given.split.scored)


def test_a_near_duplicate_joins_two_artists(folder: Path) -> None:
    text = (folder / "parts.csv").read_text()
    assert "train0x,0,train\n" in text
    (folder / "parts.csv").write_text(text.replace("train1x,3,", "train1x,0,"))
    given = prepare(folder)
    group = dict(zip(given.pairs.lefts, given.examples.group.tolist(), strict=True))
    assert group["train0x"] == group["train1z"]
    assert group["train0x"] != group["train2x"]


def test_the_fingerprint_hangs_on_the_pairs_alone(folder: Path) -> None:
    usual = prepare(folder)
    assert prepare(folder).made_from == usual.made_from
    write(folder, usual_pairs()[2:])
    other = prepare(folder)
    assert other.made_from["folds"] != usual.made_from["folds"]
    assert other.made_from["images"] == usual.made_from["images"]
    assert other.split.list_seed != usual.split.list_seed
    rows = usual_pairs()
    write(folder, [rows[0], ("train0x", "train2z", "0", "artist", "train"), *rows[2:]])
    other = prepare(folder)
    assert other.made_from["negatives"] != usual.made_from["negatives"]
    assert other.split.list_seed == usual.split.list_seed


def test_unmatched_pairs_bring_the_negatives(folder: Path) -> None:
    rows = usual_pairs()
    del rows[1]  # the first matched pair has none
    write(folder, rows)
    given = prepare(folder)
    unmatched = {(left, right) for left, right, match, _, _ in rows if match == "0"}
    negative, numbers = given.examples.negative, dict(enumerate(IDS))
    assert negative is not None
    assert negative[0] == -1
    assert (negative[1:] >= 0).all()
    drawn = {(left, numbers[image]) for left, image in zip(given.pairs.lefts[1:], negative[1:].tolist(), strict=True)}
    assert drawn <= unmatched
    assert len(drawn) == len(given.pairs.lefts) - 1


def test_what_competitions_have_is_refused(folder: Path) -> None:
    with pytest.raises(UserError, match="pseudo_pairs is for competitions"):
        prepare(folder, pseudo_pairs=True)
    with pytest.raises(UserError, match="--folds is for competitions"):
        prepare(folder, folds=Path("folds.csv"))


@pytest.mark.parametrize("part", PARTS)
def test_too_few_groups_are_said(folder: Path, part: str) -> None:
    few = [row for row in usual_pairs() if row[4] != part or row[0][-2] in "01"]
    expected = f"the {part} part has 2 groups of matched pairs that no rule joins, at least 3 are needed"
    assert expected in refusal(folder, few)
    none = [row for row in few if row[4] != part]
    assert f"the {part} part has 0 groups" in refusal(folder, none)
    three = [row for row in usual_pairs() if row[4] != part or row[0][-2] in "012"]
    write(folder, three)
    assert len(prepare(folder).pairs.lefts) < len(usual_pairs()) / 2


@pytest.mark.parametrize("part", PARTS)
def test_a_part_without_unmatched_pairs_is_said(folder: Path, part: str) -> None:
    matched = [row for row in usual_pairs() if row[4] != part or row[2] == "1"]
    assert f"the {part} part has no unmatched pairs" in refusal(folder, matched)


def test_a_first_rule_that_joins_everything_is_said(folder: Path) -> None:
    write(folder, titles=dict.fromkeys(IDS, "All of it"))
    pairs: list[Row] = [("train0x", "train1x", "1", "title", "train"), *usual_pairs()]
    (folder / "pairs.csv").write_text(format_table(PAIRS_HEADER, pairs))
    with pytest.raises(UserError, match="the train part has 1 groups of matched pairs that no rule joins"):
        prepare(folder)


@pytest.mark.parametrize("loss", ["info_nce", "class_margin"])
def test_tables_are_known_again_until_they_change(folder: Path, loss: str) -> None:
    write(folder, titles={f"{part}{artist}x": f"Of {part}" for part in PARTS for artist in range(EACH)})
    titled: list[Row] = [(f"{part}0x", f"{part}1x", "1", "title", part) for part in PARTS]
    pairs = [*usual_pairs(), *titled] if loss == "class_margin" else [*titled, *usual_pairs()]  # few by the first rule
    (folder / "pairs.csv").write_text(format_table(PAIRS_HEADER, pairs))
    told = SimpleNamespace(list_seed=prepare(folder, loss={"name": loss}).split.list_seed)
    run = cast(Run, SimpleNamespace(blend=lambda: None, out_of_fold=lambda: told))
    assert tables_of(run, Collection(folder), folder) is not None
    (folder / "pairs.csv").write_text(format_table(PAIRS_HEADER, [row for row in pairs if row[:2] != pairs[2][:2]]))
    assert tables_of(run, Collection(folder), folder) is None
