"""Searching, against brute force over the stored embeddings."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal
from unicodedata import normalize

import numpy as np
import pytest

from tests.workflows.conftest import MEMBERS, RUNS, Notes
from tlk.data.collection import write_collection
from tlk.data.gallery import open_gallery
from tlk.data.reader import ImageReader
from tlk.embeddings.descriptors import DescriptorEmbedder
from tlk.embeddings.embed import embed
from tlk.embeddings.store import VectorStore
from tlk.errors import UserError
from tlk.workflows import run_embeddings, search_spaces
from tlk.workflows.progress import Silent
from tlk.workflows.run import Run
from tlk.workflows.run_embeddings import RunEmbeddings
from tlk.workflows.run_models import embeddings_and_scorers
from tlk.workflows.search import SearchOptions, search
from tlk.workflows.search_results import Searched
from tlk.workflows.workspace import Workspace

Form = Literal["NFC", "NFD"]


def of(workspace: Workspace, *queries: str, notes: Notes | None = None, **options: object) -> Searched:
    told = {"run": "thumbnail", "top": 2} | options
    return search(workspace, SearchOptions(queries, **told), notes or Silent())  # type: ignore[arg-type]


@pytest.fixture
def folder(workspace: Workspace) -> Path:
    """A small nested gallery with a copy under another name."""
    place = Path("folder")
    drawn = sorted((workspace.data / "train/left").iterdir())
    for name, file in zip(("aaa", "aab", "aac", "aad"), drawn[::9], strict=False):
        (place / "deep" / name).mkdir(parents=True)
        shutil.copy(file, place / "deep" / name / f"{name}.jpg")
    shutil.copy(place / "deep/aab/aab.jpg", place / "copy of aab.jpg")
    return place


def similarities(run: Run, paths: list[str], workspace: Workspace) -> np.ndarray:
    """Return the `(n, n)` sum of the models' similarities, each over its deviation, by the plainest way."""
    blend = run.blend()
    if blend is not None:
        parts = [(member.weight, run.member(member.run)) for member in blend.members]
        return np.asarray(sum(weight * similarities(one, paths, workspace) for weight, one in parts))
    reader = workspace.reader(workspace.competition(), 1)
    models = embeddings_and_scorers(run, reader, paths, workspace, "cpu", Silent())
    deviations = run.calibration().deviations
    blocks = [s.similarity(e, e).astype(np.float64) / d for (e, s), d in zip(models, deviations, strict=True)]
    return np.asarray(np.mean(blocks, axis=0))


@pytest.mark.parametrize("name", [*MEMBERS, "blend"])
def test_the_nearest_are_those_of_brute_force(name: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search_spaces, "_BLOCK", 70)  # of 300 images
    monkeypatch.setattr(run_embeddings, "_TOGETHER", 90)
    gallery = open_gallery(workspace.data)
    rows = [0, 17, 150, len(gallery) - 1]
    options = SearchOptions(tuple(gallery.ids[row] for row in rows), run=name, top=12, device="cpu")
    done = search(workspace, options, Silent())
    expected = similarities(Run(workspace.runs / name), list(gallery.paths), workspace)
    for row, found in zip(rows, done.found, strict=True):
        own = np.delete(np.argsort(-expected[row], kind="stable"), np.argsort(-expected[row], kind="stable") == row)
        assert [one.rank for one in found.neighbours] == list(range(1, 13))
        alike = np.array([one.similarity for one in found.neighbours])
        assert (np.diff(alike) <= 0).all()
        # A constant factor aside: half precision in the store may swap what is all but equal.
        chosen = expected[row][[gallery.ids.index(one.id) for one in found.neighbours]]
        assert found.neighbours[0].id == gallery.ids[own[0]]
        np.testing.assert_allclose(chosen, expected[row][own[:12]], atol=2e-3 * np.abs(expected[row]).max())
        np.testing.assert_allclose(alike / alike[0], chosen / chosen[0], atol=2e-3)
    if name == "thumbnail":  # a mean of cosines
        assert all(-1.001 <= one.similarity <= 1.001 for found in done.found for one in found.neighbours)


def test_without_any_run_or_weights_descriptors_compare(workspace: Workspace, folder: Path) -> None:
    shutil.rmtree("runs")
    notes = Notes()
    done = of(workspace, "deep/aaa/aaa.jpg", gallery=folder, run=None, top=4, notes=notes)
    assert any("taking descriptors, which need no weights" in note for note in notes.notes)
    assert any("there is no run in runs" in note for note in notes.notes)
    gallery = open_gallery(folder)
    reader, store = ImageReader(gallery.source), VectorStore(Path("other"))
    views = embed(DescriptorEmbedder(["gradients-8", "histogram"], False), reader, gallery.paths, store)
    units = [view / np.linalg.norm(view.astype(np.float64), axis=1, keepdims=True) for view in views]
    own = gallery.ids.index("deep/aaa/aaa.jpg")
    alike = np.mean([view @ view[own] for view in units], axis=0)
    order = [row for row in np.argsort(-alike, kind="stable") if row != own]
    assert [one.id for one in done.found[0].neighbours] == [gallery.ids[row] for row in order]
    assert [one.similarity for one in done.found[0].neighbours] == pytest.approx(alike[order], abs=1e-3)


def test_a_backbone_that_is_named_goes_before_any_run(workspace: Workspace, folder: Path, tiny_backbone: Path) -> None:
    query, named = "deep/aab/aab.jpg", f"local-dir:{tiny_backbone}"
    done = of(workspace, query, gallery=folder, run=None, backbone=named)
    assert done.by == f"backbone {named}"
    assert done.found[0].neighbours[0].id == "copy of aab.jpg"
    with pytest.raises(UserError, match="give one of the two"):
        of(workspace, query, gallery=folder, backbone=named)
    with pytest.raises(UserError, match="backbone nothing-like-it cannot be loaded"):
        of(workspace, query, gallery=folder, run=None, backbone="nothing-like-it")


def test_bare_it_takes_the_best_run_and_says_which(workspace: Workspace) -> None:
    notes = Notes()
    done = search(workspace, SearchOptions((open_gallery(workspace.data).ids[0],), top=1), notes)
    best = max(RUNS, key=lambda name: Run(workspace.runs / name).numbers()["expected_top_k"]["2"])
    assert done.by == f"run {best}"
    assert notes.notes[0] == f"comparing with run {best}, the best by out-of-fold top-2"


def test_a_query_is_not_its_own_neighbour_but_its_copies_are(workspace: Workspace, folder: Path) -> None:
    for query in ("deep/aab/aab.jpg", "folder/deep/aab/aab.jpg", str((folder / "deep/aab/aab.jpg").resolve())):
        (found,) = of(workspace, query, gallery=folder).found
        assert found.itself == "deep/aab/aab.jpg"
        assert found.neighbours[0].id == "copy of aab.jpg"
        assert found.neighbours[0].similarity == pytest.approx(1, abs=1e-3)
        assert "deep/aab/aab.jpg" not in [one.id for one in found.neighbours]
    (found,) = of(workspace, "deep/aab/aab.jpg", gallery=folder, top=5).found
    assert len(found.neighbours) == 4  # all the others


def test_a_picture_from_elsewhere_that_the_gallery_has_is_said(workspace: Workspace, folder: Path) -> None:
    shutil.copy(folder / "deep/aad/aad.jpg", "mine.jpg")
    notes = Notes()
    (found,) = of(workspace, "mine.jpg", gallery=folder, notes=notes, top=4).found
    assert found.itself == "deep/aad/aad.jpg"
    assert len({one.id for one in found.neighbours} - {"deep/aad/aad.jpg"}) == 4
    assert notes.notes == ["mine.jpg is in the gallery, as deep/aad/aad.jpg: not its own neighbour"]
    shutil.copy(next((workspace.data / "train/right").iterdir()), "new.jpg")
    (found,) = of(workspace, "new.jpg", gallery=folder, top=5).found
    assert found.itself is None
    assert len(found.neighbours) == 5


def test_titles_and_artists_of_a_collection_are_told(workspace: Workspace, folder: Path) -> None:
    rows = [
        (f"n{i}", f"deep/{name}/{name}.jpg", f"Title {i}", f"By {i}") for i, name in enumerate(["aaa", "aab", "aac"])
    ]
    write_collection(folder, ("title", "artist"), rows)
    (found,) = of(workspace, "n1", gallery=folder).found
    assert {(one.id, one.title, one.artist) for one in found.neighbours} == {
        ("n0", "Title 0", "By 0"),
        ("n2", "Title 2", "By 2"),
    }


def test_images_that_cannot_be_read_are_named_or_left_out(workspace: Workspace, folder: Path) -> None:
    (folder / "bad.jpg").write_bytes(b"no image")
    (folder / "bad copy.jpg").write_bytes(b"no image")
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "deep/cut.jpg").write_bytes((folder / "deep/aaa/aaa.jpg").read_bytes()[:600])
    with pytest.raises(UserError, match=r"cannot read .*gone.png.*\nmend or remove the file, .*--skip-bad"):
        of(workspace, "deep/aab/aab.jpg", gallery=folder)
    (folder / "gone.png").unlink()
    with pytest.raises(UserError, match=r"cannot decode .*(bad|cut).*\nmend or remove the file, .*--skip-bad"):
        of(workspace, "deep/aab/aab.jpg", gallery=folder)
    (folder / "gone.png").symlink_to("nowhere.png")
    for _ in range(2):  # the second time the good ones are in the store
        notes = Notes()
        done = of(workspace, "deep/aab/aab.jpg", gallery=folder, skip_bad=True, notes=notes)
        assert done.skipped == ("bad copy.jpg", "bad.jpg", "deep/cut.jpg", "gone.png")
        assert done.images == 5
        assert notes.notes[0].startswith("4 of 9 images cannot be read and are left out: bad copy.jpg; ")
    with pytest.raises(UserError, match=r"query bad.jpg is one of the images that cannot be read"):
        of(workspace, "bad.jpg", gallery=folder, skip_bad=True)
    shutil.rmtree(folder / "deep")
    (folder / "copy of aab.jpg").unlink()
    with pytest.raises(UserError, match="no image of gallery folder can be read"):
        of(workspace, "bad.jpg", gallery=folder, skip_bad=True)


def test_faults_of_the_user_are_said_before_any_work(workspace: Workspace, folder: Path) -> None:
    empty = Path("empty")
    empty.mkdir()
    Path("text.jpg").write_text("no image")
    for queries, options, message in (
        (("zzz.jpg",), {}, r"there is no file zzz.jpg, nor an image of that id in folder\nits ids are such as copy of"),
        (("aab",), {}, r"no file aab.*\ndid you mean deep/aab/aab.jpg\?"),
        (("text.jpg",), {}, r"cannot decode text.jpg"),
        (("empty",), {}, r"cannot read empty: "),
        (("aab",), {"gallery": empty}, "has no images"),
        (("aab",), {"gallery": Path("nowhere")}, "does not exist"),
        (("deep/aab/aab.jpg",), {"top": 0}, r"--top 0: the gallery has 5 images\ntake 1 to 5"),
        (("deep/aab/aab.jpg",), {"top": 6}, "--top 6"),
        (("deep/aab/aab.jpg",), {"run": "nobody"}, "there is no run 'nobody'"),
        (("deep/aab/aab.jpg",), {"sheet": Path("x.jpg")}, "a contact sheet is a PNG"),
        (("deep/aab/aab.jpg",), {"out": Path("x.png"), "sheet": Path("./x.png")}, "--out x.png: the contact sheet is"),
        (("deep/aab/aab.jpg",) * 9000, {"sheet": Path("x.png")}, "9000 × 3 pictures"),
        (("deep/aab/aab.jpg",), {"device": "abacus"}, "--device abacus"),
    ):
        with pytest.raises(UserError, match=message):
            of(workspace, *queries, **{"gallery": folder} | options)
    assert str(folder.resolve()) not in workspace.sources()


def test_the_table_and_the_sheet_are_written_whole_or_not_at_all(workspace: Workspace, folder: Path) -> None:
    out, sheet = Path("found/all.csv"), Path("found/all.png")
    queries = ("deep/aab/aab.jpg", "deep/aaa/aaa.jpg")
    done = of(workspace, *queries, gallery=folder, out=out, sheet=sheet)
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    told = [(found.query, one) for found in done.found for one in found.neighbours]
    assert [(row["query"], int(row["rank"]), row["id"]) for row in rows] == [(q, one.rank, one.id) for q, one in told]
    assert [float(row["similarity"]) for row in rows] == pytest.approx([one.similarity for _, one in told])
    assert sheet.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    former = {file: file.read_bytes() for file in (out, sheet)}
    (folder / "late.jpg").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"late\.jpg"):
        of(workspace, "deep/aac/aac.jpg", gallery=folder, out=out, sheet=sheet)
    assert {file: file.read_bytes() for file in sorted(Path("found").iterdir())} == former


def test_a_second_search_computes_nothing_and_needs_no_torch(workspace: Workspace, folder: Path) -> None:
    code = "import sys; from tlk.cli.main import run; print(run(sys.argv[1:])); print('torch' in sys.modules)"
    shutil.copy(next((workspace.data / "train/right").iterdir()), "new.jpg")
    first = of(workspace, "new.jpg", gallery=folder)
    command = ["search", "new.jpg", "--gallery", str(folder), "--run", "thumbnail", "--top", "2", "--json"]
    done = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, text=True, check=True)
    document, after = done.stdout.rsplit("}\n", 1)
    assert after.split() == ["0", "False"]
    assert json.loads(f"{document}}}") == json.loads(json.dumps(first.document()))


def test_a_gallery_that_was_searched_does_not_keep_the_cache_from_being_pruned(
    workspace: Workspace, folder: Path
) -> None:
    from tlk.workflows.cache import prune_cache

    of(workspace, "deep/aab/aab.jpg", gallery=folder)
    assert str(folder.resolve()) in workspace.sources()
    gallery = open_gallery(folder)
    keys = ImageReader(gallery.source).keys(gallery.paths)
    os.remove(folder / "deep/aac/aac.jpg")
    prune_cache(workspace, None, [], Silent())
    stored = RunEmbeddings(Run(workspace.runs / "thumbnail"), list(gallery.paths), keys, workspace)
    assert len(stored.read(stored.views[0])) == len(keys)  # all are images of the competition, too


def test_neither_a_query_nor_an_image_of_the_gallery_is_written_over(workspace: Workspace, folder: Path) -> None:
    shutil.copy(folder / "deep/aab/aab.jpg", "query.png")
    shutil.copy("query.png", folder / "own.png")
    Path("album").symlink_to(folder)
    before = (folder / "own.png").read_bytes()
    for told in ({"sheet": "query.png"}, {"out": "query.png"}, {"sheet": "folder/own.png"}, {"sheet": "album/own.png"}):
        places = {name: Path(path) for name, path in told.items()}
        with pytest.raises(UserError, match="the command reads it\nchoose another name with --"):
            of(workspace, "query.png", gallery=folder, **places)
    assert Path("query.png").read_bytes() == (folder / "own.png").read_bytes() == before
    of(workspace, "query.png", gallery=folder, out=folder / "near.csv", sheet=Path("own.png"))
    of(workspace, "query.png", gallery=folder, out=folder / "near.csv", sheet=Path("own.png"))


@pytest.mark.parametrize(("there", "asked"), [("NFD", "NFC"), ("NFC", "NFD")])
def test_an_id_may_be_composed_otherwise_than_its_file(
    workspace: Workspace, folder: Path, there: Form, asked: Form
) -> None:
    (folder / "copy of aab.jpg").rename(folder / f"{normalize(there, 'Désirée')}.jpg")
    (found,) = of(workspace, f"{normalize(asked, 'Désirée')}.jpg", gallery=folder).found
    assert found.itself == f"{normalize(there, 'Désirée')}.jpg"
    assert found.neighbours[0].id == "deep/aab/aab.jpg"
    shutil.copy(folder / "deep/aaa/aaa.jpg", folder / f"{normalize(asked, 'Désirée')}.jpg")  # the exact one goes before
    (found,) = of(workspace, f"{normalize(asked, 'Désirée')}.jpg", gallery=folder).found
    assert found.itself == f"{normalize(asked, 'Désirée')}.jpg"
