"""Bad input: exit code 2, one to three lines that begin with `error: `, nothing written."""

import errno
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tlk.cli.main import run


@pytest.fixture
def data(competition_folder: Path, workspace_folder: Path) -> Path:
    shutil.copytree(competition_folder, workspace_folder / "data")
    return workspace_folder / "data"


def refuse(arguments: list[str], capsys: pytest.CaptureFixture[str], *expected: str) -> None:
    """Run a command that must be refused, and check how it says so."""
    capsys.readouterr()
    assert run(arguments) == 2
    printed = capsys.readouterr()
    lines = printed.err.strip().splitlines()
    start = max(i for i, line in enumerate(lines) if line.startswith("error: "))
    assert 1 <= len(lines) - start <= 3
    assert "Traceback" not in printed.err
    for part in expected:
        assert part in "\n".join(lines[start:])


def outputs(folder: Path) -> list[Path]:
    """Everything that a command may have left: runs, submissions, folds, temporary files."""
    places = [folder / name for name in ("runs", "submissions", "folds")]
    return [path for place in places for path in place.rglob("*")] + list(folder.rglob("*.tmp"))


def edit(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text()))


def first_row(data: Path) -> tuple[str, str]:
    left, right = (data / "train.csv").read_text().splitlines()[1].split(",")
    return left, right


USAGE = [
    ["bogus"],
    ["train", "--nope"],
    ["eval", "--topk", "two"],
    ["train", "--set"],
    ["check-submission"],
    ["data", "bogus"],
    ["folds", "--k", "five"],
]


@pytest.mark.parametrize("arguments", USAGE, ids=" ".join)
def test_usage(arguments: list[str], workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refuse(arguments, capsys, "--help")
    assert not outputs(workspace_folder)


@pytest.mark.parametrize(
    "arguments",
    [["train"], ["predict"], ["folds"], ["embed"], ["data", "check"], ["check-submission", "x.csv"]],
    ids=" ".join,
)
def test_missing_folder(
    arguments: list[str], workspace_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TLK_DATA", "nowhere")
    refuse(arguments, capsys, "nowhere", "does not exist")
    assert not outputs(workspace_folder)


def test_wrong_header(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edit(data / "train.csv", lambda text: text.replace("left,right", "query;match", 1))
    refuse(["train", "thumbnail"], capsys, "train.csv", "wrong header", "left,right")
    edit(data / "test_candidates.csv", lambda text: text.replace("c0", "candidate", 1))
    refuse(["check-submission", "x.csv"], capsys, "test_candidates.csv", "wrong header")
    assert not outputs(workspace_folder)


def test_id_without_an_image(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left, _ = first_row(data)
    (data / "train" / "left" / f"{left}.jpg").unlink()
    refuse(["train", "thumbnail"], capsys, left, "train/left", "no image")
    assert not outputs(workspace_folder)


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "--data", "{}"],
        ["report", "--out", "{}/r.html"],
        ["eval", "--runs", "{}"],
        ["compare", "{}.jpg", "b.jpg"],
        ["embed", "--backbone", "local-dir:{}", "--data", "data"],
    ],
)
def test_names_that_no_file_can_have(
    arguments: list[str], workspace_folder: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse([word.format("x" * 300) for word in arguments], capsys, "xxx")
    refuse([word.format("caf\udce9") for word in arguments], capsys, "not UTF-8", "rename")
    assert not outputs(workspace_folder)


def test_what_may_not_be_entered(
    workspace_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stat(path: Path, **options: Any) -> None:  # as for a user who is not root
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "stat", stat)
        refuse(["predict", "--data", "locked/data"], capsys, "locked/data", "Permission denied", "rights")


def test_a_name_in_a_gallery_that_is_no_text_is_exported_as_far_as_it_can_be_written(
    workspace_folder: Path, data: Path
) -> None:
    (workspace_folder / "gallery").mkdir()
    shutil.copy(next((data / "train" / "left").glob("*.jpg")), workspace_folder / "gallery" / "caf\udce9.jpg")
    assert run(["embed", "--data", "gallery", "--recipe", "thumbnail", "--export", "out"]) == 0
    assert Path("out/ids.csv").read_text() == "row,folder,id\n0,.,caf\N{REPLACEMENT CHARACTER}\n"


@pytest.mark.parametrize("name", ["../right/aaa", "/etc/passwd", "..", "a\\b"])
def test_id_that_is_a_path(name: str, data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left, _ = first_row(data)
    edit(data / "train.csv", lambda text: text.replace(f"{left},", f"{name},", 1))
    refuse(["train", "thumbnail"], capsys, "train.csv", "is not an id")
    assert not outputs(workspace_folder)


def test_truncated_image(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left, _ = first_row(data)
    path = data / "train" / "left" / f"{left}.jpg"
    path.write_bytes(path.read_bytes()[:1500])
    for command in (["train", "thumbnail"], ["embed", "--recipe", "thumbnail"]):
        refuse(command, capsys, f"{left}.jpg", "cannot decode")
    refuse(["data", "check"], capsys, f"{left}.jpg", "1 faults")
    assert not outputs(workspace_folder)


def test_folds_that_do_not_do(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["folds", "--out", "good.csv"]) == 0
    good = Path("good.csv").read_text().splitlines()
    empty = [good[0], *(line.rpartition(",")[0] + ("," + ("4" if line[-1] == "2" else line[-1])) for line in good[1:])]
    Path("empty.csv").write_text("\n".join(empty) + "\n")
    refuse(["train", "thumbnail", "--folds", "empty.csv"], capsys, "empty.csv", "fold 2 is empty")
    Path("short.csv").write_text("\n".join(good[:-1]) + "\n")
    refuse(["train", "thumbnail", "--folds", "short.csv"], capsys, "short.csv", "not those of the data")
    refuse(["train", "thumbnail", "--folds", "none.csv"], capsys, "none.csv")
    refuse(["folds", "--out", "data/train.csv"], capsys, "data/train.csv", "a place of the data")
    refuse(["folds", "--k", "1"], capsys, "--k 1")
    refuse(["folds", "--k", "1000"], capsys, "would be empty")
    assert not outputs(workspace_folder)


def test_a_table_of_other_pairs_is_kept_unless_it_is_named(
    data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["folds"]) == 0
    table = workspace_folder / "folds" / "data-k5-seed0.csv"
    first = table.read_text()
    shutil.copytree(data, "B/data")
    edit(Path("B/data/train.csv"), lambda text: text.rstrip("\n").rpartition("\n")[0] + "\n")
    refuse(["folds", "--data", "B/data"], capsys, "of other pairs", "tlk folds --out FILE, then tlk train --folds FILE")
    refuse(["train", "thumbnail", "--data", "B/data"], capsys, "tlk folds --out FILE, then tlk train --folds FILE")
    assert table.read_text() == first
    assert run(["folds", "--data", "B/data", "--out", "folds/b.csv"]) == 0
    assert run(["folds", "--data", "B/data", "--out", str(table)]) == 0
    assert table.read_text() == Path("folds/b.csv").read_text() != first
    header, *rows = first.splitlines()
    for old in ("damaged", "\n".join([header, *(f"{row.rpartition(',')[0]},0" for row in rows)])):
        table.write_text(old)  # of other images, or other folds: made anew
        assert run(["folds"]) == 0
        assert table.read_text() == first


def test_where_nothing_may_be_written_is_said_before_any_work(
    data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("z.csv").touch()
    embed = ["embed", "--recipe", "thumbnail", "--export"]
    for command, option in ((["report", "--figures"], "--figures"), (embed, "--export")):
        refuse([*command, "data/train/left"], capsys, "cannot write data/train/left", "a place of the data", option)
        refuse([*command, "z.csv"], capsys, "cannot write into z.csv: it is not a folder", option)
        refuse([*command, ".tlk"], capsys, "a place of the cache", option)
    for name in ("page.csv", "page"):
        refuse(["report", "--out", name], capsys, f"--out {name}: a report is an HTML page", "end in .html")
    assert not outputs(workspace_folder)
    assert not Path(".tlk").exists()


def test_folds_too_small_for_lists(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["folds", "--k", "10", "--out", "ten.csv"]) == 0
    refuse(["train", "thumbnail", "--folds", "ten.csv"], capsys, "a list needs 20", "fewer folds")
    assert not outputs(workspace_folder)


def test_unknown_recipe(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refuse(["train", "adaptor"], capsys, "adaptor", "adapter")
    refuse(["recipes", "adaptor"], capsys, "adaptor", "adapter")
    refuse(["train", "no.toml"], capsys, "no.toml")


def test_all_faults_of_a_recipe_at_once(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = ["training.epoch=3", "model.dropout=2.0", "loss.name=hinge", "seed=-1", "bogus=1"]
    arguments = [part for setting in settings for part in ("--set", setting)]
    refuse(
        ["train", "descriptors", *arguments], capsys, "training.epoch", "epochs", "dropout", "hinge", "seed", "bogus"
    )
    assert not outputs(workspace_folder)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--device", "tpu"], "--device tpu"),
        (["--run", "../escape"], "--run ../escape"),
        (["--backbone", "resnet18"], "no backbone"),
        (["--set", "epochs"], "key=value"),
        (["--resume"], "nothing"),
        (["--log-with", "wandb"], "there is: tensorboard"),
        (["--set", "split=folds2"], "whole percentages"),
        (["--set", "model.name=convnet"], "take another model whole: --set 'model={name="),
    ],
)
def test_options_that_do_not_do(
    arguments: list[str], expected: str, data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refuse(["train", "thumbnail", *arguments], capsys, *([expected] if expected != "nothing" else ["--resume"]))
    assert not outputs(workspace_folder)


def test_weights_that_cannot_be_had(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refuse(["train", "adapter"], capsys, "mobilenetv2_100", "local-dir:")
    refuse(["train", "adapter", "--backbone", "local-dir:nowhere"], capsys, "nowhere", "config.json")
    refuse(["train", "--backbone", "no_such_network"], capsys, "no_such_network")
    assert not outputs(workspace_folder)


def test_no_run_yet(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refuse(["eval"], capsys, "there is no run")
    refuse(["predict"], capsys, "there is no run")
    refuse(["eval", "none"], capsys, "'none'")
    refuse(["predict", "../x"], capsys, "../x")
    assert not outputs(workspace_folder)


def test_topk_outside(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "thumbnail"]) == 0
    for topk in ("0", "21", "-1"):
        refuse(["eval", "--topk", topk], capsys, f"--topk {topk}")


def test_submissions_are_judged(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sample = (data / "sample-submission.csv").read_text()
    Path("good.csv").write_text(sample)
    assert run(["check-submission", "good.csv"]) == 0
    lines = sample.splitlines()
    cells = lines[1].split(",")
    bad = {
        "missing.csv": (lines[:-1], "missing"),
        "nan.csv": ([lines[0], ",".join([cells[0], "nan", *cells[2:]]), *lines[2:]], "line 2"),
        "word.csv": ([lines[0], ",".join([cells[0], "high", *cells[2:]]), *lines[2:]], "line 2"),
        "constant.csv": ([lines[0], ",".join([cells[0], *["0.5"] * 20]), *lines[2:]], "equal"),
        "order.csv": ([lines[0], *reversed(lines[1:])], "order"),
        "twice.csv": ([*lines, lines[-1]], "twice"),
        "columns.csv": ([lines[0].replace("c0,c1", "c1,c0"), *lines[1:]], "columns"),
        "header.csv": (["id,score", "a,1"], "header"),
    }
    for name, (text, expected) in bad.items():
        Path(name).write_text("\n".join(text) + "\n")
        refuse(["check-submission", name], capsys, name, expected)
        refuse(["eval", "--submission", name], capsys, name)
    refuse(["check-submission", "none.csv"], capsys, "none.csv")
    refuse(["eval", "--truth", "x.csv"], capsys, "--submission")
    refuse(["eval", "run", "--submission", "good.csv"], capsys, "not runs")


def test_truth_that_does_not_answer(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(data / "sample-submission.csv", "s.csv")
    truth = (data / "test_truth.csv").read_text().splitlines()
    Path("short.csv").write_text("\n".join(truth[:-1]) + "\n")
    refuse(["eval", "--submission", "s.csv", "--truth", "short.csv"], capsys, "has no answer")
    Path("wrong.csv").write_text("\n".join([truth[0], truth[1].split(",")[0] + ",zzz-none", *truth[2:]]) + "\n")
    refuse(["eval", "--submission", "s.csv", "--truth", "wrong.csv"], capsys, "not in its list")
    (data / "test_truth.csv").unlink()
    refuse(["eval", "--submission", "s.csv"], capsys, "test_truth.csv", "--truth")


def test_demo_folder_that_is_taken(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refuse(["data", "demo", "data"], capsys, "data")
    refuse(["data", "demo", "new", "--pairs", "1"], capsys, "1 pairs")
    assert not Path("new").exists()


def test_a_cache_that_cannot_be_written(
    data: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_text("in the way")
    monkeypatch.setenv("TLK_CACHE", "file/cache")
    refuse(["train", "thumbnail"], capsys, "file/cache")
    monkeypatch.setenv("TLK_PIXEL_CACHE_GB", "much")
    refuse(["train", "thumbnail"], capsys, "TLK_PIXEL_CACHE_GB")
    assert [path.suffix for path in outputs(workspace_folder)] == [".csv"]  # the folds, which are whole


def test_a_bug_keeps_its_traceback_in_a_file(
    data: Path, workspace_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object) -> None:
        raise RuntimeError("boom")

    monkeypatch.setattr("tlk.workflows.train.train", broken)
    monkeypatch.setenv("TMPDIR", str(workspace_folder))
    monkeypatch.setattr("tempfile.tempdir", str(workspace_folder))
    assert run(["train"]) == 1
    printed = capsys.readouterr().err
    assert "boom" in printed
    assert "Traceback" not in printed
    log = next(workspace_folder.glob("tlk-*.log"))
    assert str(log) in printed
    assert "Traceback" in log.read_text()


def test_recipes_that_cannot_be_read(data: Path, workspace_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("syntax.toml").write_text("name = ")
    Path("bytes.toml").write_bytes(b"name = '\xff'")
    Path("folder.toml").mkdir()
    for name in ("syntax", "bytes", "folder", "none"):
        for command in ("train", "recipes"):
            refuse([command, f"{name}.toml"], capsys, f"{name}.toml", "\n")


def test_a_name_that_is_taken(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "thumbnail", "--run", "mine"]) == 0
    refuse(["train", "thumbnail", "--run", "mine"], capsys, "'mine' exists", "take --overwrite, or another name")
    Path("runs/mine").rename("runs/mine.partial")
    Path("runs/mine.partial/inputs.json").write_text("{}")  # without it nothing could be resumed
    Path("runs/mine.partial/SHA256SUMS").unlink()
    refuse(["train", "thumbnail", "--run", "mine"], capsys, "unfinished", "take --resume, --overwrite, or another name")


def test_a_run_against_itself_gains_nothing(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "thumbnail"]) == 0
    capsys.readouterr()
    assert run(["eval", "thumbnail", "thumbnail"]) == 0
    assert "0.0 [0.0, 0.0] points" in capsys.readouterr().out
