"""The whole path through the command line, from a drawing to a scored submission."""

import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import SharedFolder
from tlk.cli.console import Console
from tlk.cli.main import run
from tlk.embeddings.backbone import BackboneEmbedder
from tlk.embeddings.descriptors import DescriptorEmbedder
from tlk.workflows import demo, train
from tlk.workflows.train_options import TrainOptions
from tlk.workflows.workspace import Workspace

pytestmark = pytest.mark.slow

FAST = ("--set", "training.epochs=4", "--set", "model.components=64")


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture
def data(competition_folder: Path, workspace_folder: Path) -> Path:
    shutil.copytree(competition_folder, workspace_folder / "data")
    return workspace_folder / "data"


@pytest.fixture(scope="session")
def trained(competition_folder: Path, warm_cache: Path, shared_folder: SharedFolder) -> Path:
    """A workspace with the runs `descriptors` and `thumbnail` of the small competition."""

    def make(folder: Path) -> None:
        shutil.copytree(warm_cache, folder / ".tlk")
        for recipe in ("descriptors", "thumbnail"):
            assert run(["train", recipe, "--data", str(competition_folder)]) == 0

    return shared_folder("path", make)


@pytest.fixture
def workspace(trained: Path, competition_folder: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `trained` to work in."""
    shutil.copytree(trained, workspace_folder, dirs_exist_ok=True)
    monkeypatch.setenv("TLK_DATA", str(competition_folder))
    return workspace_folder


def test_from_nothing_to_a_scored_submission(workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "demo", "data", "--pairs", "104", "--queries", "30", "--seed", "1"]) == 0
    assert run(["folds"]) == 0
    assert run(["train", "descriptors", *FAST]) == 0
    assert run(["eval"]) == 0
    assert run(["predict"]) == 0
    assert run(["check-submission", "submissions/submission.csv"]) == 0
    capsys.readouterr()
    assert run(["eval", "--submission", "submissions/submission.csv", "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)
    assert scored[0]["n"] == 30
    assert scored[0]["top_k"]["2"] > 0.2
    written = rows(workspace_folder / "submissions" / "submission.csv")
    asked = rows(workspace_folder / "data" / "test_candidates.csv")
    assert written[0] == asked[0]
    assert [row[0] for row in written] == [row[0] for row in asked]
    assert not list(workspace_folder.rglob("*.tmp"))


def test_the_run_on_disk_is_what_the_design_says(workspace: Path) -> None:
    run_folder = workspace / "runs" / "descriptors"
    names = sorted(str(path.relative_to(run_folder)) for path in run_folder.rglob("*") if path.is_file())
    heads = [f"fold{fold}/model.safetensors" for fold in range(5)]
    assert names == ["SHA256SUMS", *heads, "history.csv", "manifest.json", "metrics.json", "oof.npz", "recipe.toml"]
    history = rows(run_folder / "history.csv")
    assert history[0] == [
        "fold",
        "stage",
        "epoch",
        "loss",
        "inner_loss",
        "inner_top_2",
        "inner_accuracy",
        "learning_rate",
        "seconds",
    ]
    assert {row[0] for row in history[1:]} == set("01234")
    manifest = json.loads((run_folder / "manifest.json").read_text())
    assert manifest["transductive"] is False
    assert manifest["data"]["pairs"] == 110
    with np.load(run_folder / "oof.npz") as oof:
        assert oof["queries"].shape == oof["gallery"].shape
        assert len(oof["query_ids"]) == 110


def test_the_trained_head_is_far_above_the_thumbnail(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "descriptors", "thumbnail", "--json"]) == 0
    head, floor = json.loads(capsys.readouterr().out)
    assert head["run"] == "descriptors"
    assert head["expected_top_k"]["2"] > floor["expected_top_k"]["2"] + 0.1
    for row in (head, floor):
        values = list(row["top_k"].values())
        assert list(row["top_k"]) == ["1", "2", "3", "4"]
        assert values == sorted(values)
        assert all(low <= row["top_k"][k] <= high for k, (low, high) in row["ci95"].items())
        assert row["matched_top_k"]["2"] > row["top_k"]["2"] - 0.05
        assert all(low <= row["matched_top_k"][k] <= high for k, (low, high) in row["matched_ci95"].items())
        assert row["n"] == 110


def test_eval_reads_what_metrics_json_holds(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "descriptors", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)[0]
    assert printed == json.loads((workspace / "runs" / "descriptors" / "metrics.json").read_text())


def test_two_runs_are_compared_pair_by_pair(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "thumbnail", "descriptors"]) == 0
    line = capsys.readouterr().out.splitlines()[-1]
    found = re.fullmatch(r"descriptors − thumbnail: (\S+) \[(\S+), (\S+)\] points of expected top-2, paired", line)
    assert found is not None
    gain, low, high = map(float, found.groups())
    numbers = [
        json.loads((workspace / f"runs/{name}/metrics.json").read_text()) for name in ("descriptors", "thumbnail")
    ]
    apart = 100 * (numbers[0]["expected_top_k"]["2"] - numbers[1]["expected_top_k"]["2"])
    assert gain == pytest.approx(apart, abs=0.06)
    assert 0 < low < gain < high


def test_runs_on_other_folds_are_not_compared(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["folds", "--seed", "1", "--out", "other.csv"]) == 0
    assert run(["train", "thumbnail", "--folds", "other.csv", "--run", "other"]) == 0
    capsys.readouterr()
    assert run(["eval", "thumbnail", "other", "descriptors"]) == 0
    told = capsys.readouterr()
    assert "other − thumbnail: not compared, they stand on other folds" in told.err
    assert "other − thumbnail" not in told.out
    assert "descriptors − thumbnail" in told.out


def test_weights_that_changed_since_training_are_refused(
    workspace: Path, backbone_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = workspace / "weights"
    shutil.copytree(backbone_folder, weights)
    assert run(["train", "frozen", "--backbone", f"local-dir:{weights}"]) == 0
    assert run(["predict", "frozen"]) == 0
    before = (workspace / "submissions/frozen.csv").read_bytes()
    from safetensors.torch import load_file, save_file

    save_file({name: value * 2 for name, value in load_file(weights / "model.safetensors").items()}, weights / "new")
    (weights / "new").replace(weights / "model.safetensors")
    assert run(["predict", "frozen"]) == 0  # from the store: what the former weights made
    assert (workspace / "submissions/frozen.csv").read_bytes() == before
    shutil.rmtree(".tlk")
    capsys.readouterr()
    assert run(["predict", "frozen"]) == 2
    assert "other weights" in capsys.readouterr().err
    assert (workspace / "submissions/frozen.csv").read_bytes() == before


def test_a_second_prediction_needs_no_torch_and_is_the_same(workspace: Path) -> None:
    """Nor does it fit anything: what it needs of the out-of-fold scores stands in the manifest."""
    assert run(["predict", "descriptors", "--out", "first.csv"]) == 0
    program = "\n".join(
        [
            "import sys",
            "from tlk.cli.main import run",
            "assert run(['predict', 'descriptors', '--out', 'second.csv']) == 0",
            "slow = {'torch', 'timm', 'accelerate', 'scipy.stats', 'scipy.optimize'} & set(sys.modules)",
            "assert not slow, slow",
        ]
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert Path("first.csv").read_bytes() == Path("second.csv").read_bytes()


def test_eval_prints_counts_out_of_n(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["eval", "descriptors", "--topk", "3"]) == 0
    printed = capsys.readouterr().out
    assert "of 110" in printed
    assert "top-3" in printed
    assert "top-4" not in printed
    assert "\x1b" not in printed


def test_without_a_name_the_best_run_is_taken(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict"]) == 0
    assert "run descriptors" in capsys.readouterr().out
    assert (workspace / "submissions" / "submission.csv").exists()
    assert run(["predict", "thumbnail"]) == 0
    assert (workspace / "submissions" / "thumbnail.csv").exists()


def test_a_second_run_computes_no_embedding(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*arguments: object) -> None:
        raise AssertionError("an embedding was computed again")

    monkeypatch.setattr(DescriptorEmbedder, "compute", forbidden)
    assert run(["train", "descriptors", *FAST]) == 0
    assert (workspace / "runs" / "descriptors-2" / "metrics.json").exists()


def test_a_second_run_does_no_forward_pass(
    workspace: Path, backbone_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["train", "adapter", "--backbone", f"local-dir:{backbone_folder}", *FAST]
    assert run(arguments) == 0

    def forbidden(*arguments: object) -> None:
        raise AssertionError("a forward pass was made again")

    monkeypatch.setattr(BackboneEmbedder, "_built_engine", forbidden)
    assert run([*arguments, "--run", "again"]) == 0
    first, again = (
        json.loads((workspace / "runs" / name / "metrics.json").read_text()) for name in ("adapter", "again")
    )
    assert first["expected_top_k"] == again["expected_top_k"]


def test_the_same_seed_writes_the_same_bytes(data: Path, workspace_folder: Path) -> None:
    written = []
    for turn in ("one", "two"):
        for folder in (".tlk", "runs", "folds"):
            shutil.rmtree(workspace_folder / folder, ignore_errors=True)
        assert run(["train", "descriptors", *FAST, "--set", 'embedding={descriptors=["thumbnail", "profiles"]}']) == 0
        assert run(["predict", "--out", f"{turn}.csv"]) == 0
        written.append((workspace_folder / f"{turn}.csv").read_bytes())
    assert written[0] == written[1]


def test_another_seed_writes_other_scores(workspace: Path) -> None:
    assert run(["train", "descriptors", *FAST, "--run", "a"]) == 0
    assert run(["train", "descriptors", *FAST, "--run", "b", "--set", "seed=1"]) == 0
    assert run(["predict", "a"]) == run(["predict", "b"]) == 0
    assert (workspace / "submissions/a.csv").read_bytes() != (workspace / "submissions/b.csv").read_bytes()


def test_a_row_does_not_depend_on_other_rows(workspace: Path, competition_folder: Path) -> None:
    assert run(["predict", "descriptors", "--out", "all.csv"]) == 0
    fewer = workspace / "fewer"
    shutil.copytree(competition_folder, fewer)
    lines = (fewer / "test_candidates.csv").read_text().splitlines(keepends=True)
    (fewer / "test_candidates.csv").write_text("".join(lines[:1] + lines[3:9]))
    assert run(["predict", "descriptors", "--data", str(fewer), "--out", "fewer.csv"]) == 0
    everything = {row[0]: row for row in rows(workspace / "all.csv")}
    some = rows(workspace / "fewer.csv")
    assert len(some) == 7
    assert all(everything[row[0]] == row for row in some)


def test_matching_looks_at_all_lists_and_finds_more(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = {}
    for way in ("--matching", "--no-matching"):
        assert run(["predict", "descriptors", way, "--out", "scored.csv"]) == 0
        printed = capsys.readouterr().out
        assert ("transductive" in printed) == (way == "--matching")
        assert run(["check-submission", "scored.csv"]) == 0
        assert run(["eval", "--submission", "scored.csv", "--json"]) == 0
        found[way] = json.loads(capsys.readouterr().out.split("\n", 1)[1])[0]["top_k"]["2"]
    assert found["--matching"] >= found["--no-matching"]
    assert run(["predict", "descriptors", "--out", "plain.csv"]) == 0
    assert "strictly per query" in capsys.readouterr().out  # the recipe does not ask for it


def test_a_recipe_that_asks_for_matching_is_named_transductive(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["train", "thumbnail", "--set", "matching=true", "--run", "m"]) == 0
    assert json.loads((workspace / "runs/m/manifest.json").read_text())["transductive"] is True
    assert run(["predict", "m", "--out", "m.csv"]) == 0
    assert run(["predict", "m", "--no-matching", "--out", "plain.csv"]) == 0
    matched, plain = capsys.readouterr().out.splitlines()[-2:]
    assert "transductive" in matched
    assert "strictly per query" in plain


def test_lists_that_are_not_one_to_one_are_not_matched(
    workspace: Path, competition_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fewer = workspace / "fewer"
    shutil.copytree(competition_folder, fewer)
    lines = (fewer / "test_candidates.csv").read_text().splitlines(keepends=True)
    (fewer / "test_candidates.csv").write_text("".join(lines[:9]))
    assert run(["predict", "descriptors", "--matching", "--data", str(fewer), "--out", "no.csv"]) == 2
    assert "--matching: 8 lists with" in capsys.readouterr().err
    assert not (workspace / "no.csv").exists()
    assert run(["train", "thumbnail", "--set", "matching=true", "--run", "m"]) == 0
    assert run(["predict", "m", "--data", str(fewer), "--out", "m.csv"]) == 0
    told = capsys.readouterr()
    assert "not one-to-one" in told.err
    assert "strictly per query" in told.out


def test_refit_predicts_with_one_model(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "descriptors", *FAST, "--run", "refitted", "--refit"]) == 0
    assert run(["predict", "refitted"]) == 0
    assert "1 models averaged" in capsys.readouterr().out


def test_shuffled_pairs_stay_at_chance(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The whole path on pairs without any signal: grouping, inner split, early stopping, lists."""
    table = rows(data / "train.csv")
    rights = [row[1] for row in table[1:]]
    shifted = np.random.default_rng(0).permutation(len(rights))
    lines = ["left,right", *(f"{row[0]},{rights[i]}" for row, i in zip(table[1:], shifted, strict=True))]
    (data / "train.csv").write_text("\n".join(lines) + "\n")
    assert run(["train", "descriptors"]) == 0
    capsys.readouterr()
    assert run(["eval", "--json"]) == 0
    numbers = json.loads(capsys.readouterr().out)[0]
    for interval in (numbers["ci95"]["2"], numbers["expected_ci95"]["2"]):
        assert interval[0] <= 0.10 <= interval[1]
    # How often an image stands in lists says a little about whose truth it is, whatever the pairs are.
    assert numbers["matched_ci95"]["2"][0] <= 0.13


def test_the_zip_is_read_where_it_lies(workspace: Path, competition_folder: Path) -> None:
    shutil.make_archive(str(workspace / "small"), "zip", competition_folder.parent, competition_folder.name)
    assert run(["predict", "descriptors", "--data", "small.zip", "--out", "zip.csv"]) == 0
    assert run(["predict", "descriptors", "--out", "folder.csv"]) == 0
    assert (workspace / "zip.csv").read_bytes() == (workspace / "folder.csv").read_bytes()


def test_halves_are_enough(workspace: Path, competition_folder: Path) -> None:
    for half, other in (("train", "test"), ("test", "train")):
        folder = workspace / f"only-{half}"
        shutil.copytree(competition_folder, folder)
        for path in folder.glob(f"{other}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert run(["train", "thumbnail", "--data", "only-train", "--run", "half"]) == 0
    assert run(["predict", "half", "--data", "only-test"]) == 0
    for half in ("only-train", "only-test"):
        assert run(["data", "check", half]) == 0


def test_recipes_are_listed_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["recipes"]) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in ("adapter", "descriptors", "frozen", "thumbnail"))
    assert run(["recipes", "adapter"]) == 0
    assert "temperature = 0.07" in capsys.readouterr().out


def test_embed_fills_the_store_once(data: Path, backbone_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["embed", "--backbone", f"local-dir:{backbone_folder}"]
    assert run(arguments) == 0
    assert "300 images, 1 views each: 300 computed" in capsys.readouterr().out
    assert run(arguments) == 0
    assert "0 computed" in capsys.readouterr().out
    assert run(["embed", "--recipe", "thumbnail"]) == 0
    assert "300 computed" in capsys.readouterr().out


def test_without_weights_the_default_says_so_and_takes_the_best_that_needs_none(
    data: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    taken: list[str] = []
    with monkeypatch.context() as patch:
        patch.setattr(train, "train_ensemble", lambda workspace, recipe, *rest: taken.append(recipe.name) or (None, {}))
        train.train(Workspace.here(), TrainOptions(), Console())
    assert taken == ["best-no-weights"]
    assert "taking recipe best-no-weights, which needs no weights" in capsys.readouterr().err
    assert run(["train", "best"]) == 2  # asked for by name, nothing takes its place
    assert "cannot be loaded" in capsys.readouterr().err
    assert not list((workspace_folder / "runs").glob("*"))


def test_the_demo_ends_with_a_table_and_a_submission(
    competition_folder: Path, warm_workspace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shorter = {
        name: (recipe, [*settings, "training.epochs=2", "training.patience=2"])
        for name, (recipe, settings) in demo.MEMBERS.items()
    }
    monkeypatch.setattr(demo, "MEMBERS", shorter)
    shutil.copytree(competition_folder, warm_workspace / "demo")
    assert run(["demo"]) == 0
    printed = capsys.readouterr().out
    members = ("demo-autoencoder", "demo-siamese", "demo-descriptors")
    assert all(printed.count(name) == 2 for name in members)  # what each brings, and how far each gets
    assert "demo-ensemble, all lists matched" in printed
    assert (warm_workspace / "runs/demo-siamese/recipe.toml").read_text().count("hard") >= 1
    assert run(["check-submission", "submissions/demo.csv", "--data", "demo"]) == 0
    assert {path.name for path in Path("submissions").iterdir()} == {"demo.csv"}  # the trail is of real submissions
