"""Engines: OpenVINO against PyTorch in full precision, and what happens where it cannot be had."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from tlk.data.competition import Competition
from tlk.data.reader import ImageReader
from tlk.embeddings import engine as module
from tlk.embeddings.backbone import BackboneEmbedder
from tlk.embeddings.engine import TorchEngine, engine_name
from tlk.embeddings.schema import ViewOfBackbone
from tlk.embeddings.views import unit
from tlk.errors import UserError
from tlk.metrics import expected_top_k
from tlk.scoring.similarity import count_beating

CPU = torch.device("cpu")
VIEWS = (
    ViewOfBackbone(at="middle", cells=2, pool="deviation"),
    ViewOfBackbone(at="upper", inside=True),
    ViewOfBackbone(at="last", maps=True),
    ViewOfBackbone(at="final"),
)
needs_openvino = pytest.mark.skipif(engine_name(CPU) != "openvino", reason="the extra cpu is not installed")


def embedder(folder: Path, exports: Path, views: tuple[ViewOfBackbone, ...] = VIEWS) -> BackboneEmbedder:
    return BackboneEmbedder(f"local-dir:{folder}", views, True, CPU, exports)


def noise(built: BackboneEmbedder, count: int) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [built.prepare(random.integers(256, size=(90, 80, 3), dtype=np.uint8)) for _ in range(count)]


def cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    return np.asarray((unit(first) * unit(second)).sum(axis=1))


@needs_openvino
def test_openvino_gives_what_pytorch_gives(backbone_folder: Path, tmp_path: Path) -> None:
    built = embedder(backbone_folder, tmp_path)
    pictures = noise(built, built.batch_size - 1)  # not a whole batch
    ours = built.compute(pictures)
    oracle = TorchEngine(built._graph, CPU).exact(np.stack(pictures))
    assert len(ours) == 2 * len(oracle)
    for vectors, expected in zip(ours, oracle, strict=False):
        assert vectors.shape == expected.shape
        assert cosines(vectors, expected).mean() > 0.998
    assert list(tmp_path.glob("*/graph.xml"))


@pytest.mark.slow
@needs_openvino
def test_the_accuracy_on_the_embedded_competition_is_the_same(
    mobilenet_folder: Path, competition_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    competition = Competition(competition_folder)
    pairs = competition.train_pairs()
    paths = [*competition.paths("train/left", pairs.lefts), *competition.paths("train/right", pairs.rights)]
    top_2 = []
    for name in ("openvino", "torch"):
        monkeypatch.setenv("TLK_ENGINE", name)
        built = embedder(mobilenet_folder, tmp_path, (ViewOfBackbone(at="middle", cells=2),))
        prepared = list(ImageReader(competition.source).prepared(paths, built.prepare))
        size = built.batch_size
        parts = [built.compute(prepared[at : at + size])[0] for at in range(0, len(prepared), size)]
        vectors = np.concatenate(parts)
        vectors = unit(vectors - vectors.mean(axis=0))
        beating = count_beating(vectors[: len(pairs)], vectors[len(pairs) :])
        top_2.append(expected_top_k(beating, len(pairs) - 1, 20, 2).mean())
    assert top_2[0] > 0.11  # more than chance, so that there is something to compare
    assert abs(top_2[0] - top_2[1]) < 0.005


@needs_openvino
def test_several_threads_may_compute(backbone_folder: Path, tmp_path: Path) -> None:
    built = embedder(backbone_folder, tmp_path)
    pictures = noise(built, 12)
    one_by_one = [built.compute([picture])[0] for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: built.compute([picture])[0], pictures))
    np.testing.assert_allclose(np.concatenate(together), np.concatenate(one_by_one), atol=1e-4)


@needs_openvino
@pytest.mark.skipif(sys.platform != "linux", reason="it asks Linux for the cores of each thread")
def test_several_processes_are_not_kept_to_the_same_cores(backbone_folder: Path, tmp_path: Path) -> None:
    """Each would take the first of those that it is allowed, and wait for the others there."""
    built = embedder(backbone_folder, tmp_path)
    built.compute(noise(built, 1))
    allowed = [os.sched_getaffinity(int(task)) for task in os.listdir("/proc/self/task")]
    assert all(cores == os.sched_getaffinity(0) for cores in allowed)


@needs_openvino
def test_what_was_exported_is_loaded_again(
    mobilenet_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tlk.embeddings import openvino_engine

    first = embedder(mobilenet_folder, tmp_path)
    expected = first.compute(noise(first, 2))

    def forbidden(*arguments: object) -> None:
        raise AssertionError("it was exported again")

    monkeypatch.setattr(openvino_engine, "_export", forbidden)
    again = embedder(mobilenet_folder, tmp_path)
    for one, two in zip(again.compute(noise(again, 2)), expected, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-4, atol=1e-4)


@needs_openvino
@pytest.mark.parametrize("fault", ["cannot be exported", "gives other vectors"])
def test_what_openvino_cannot_run_pytorch_does(
    mobilenet_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    fault: str,
) -> None:
    from tlk.embeddings import openvino_engine

    built = embedder(mobilenet_folder, tmp_path)
    pictures = noise(built, 2)
    expected = TorchEngine(built._graph, CPU).exact(np.stack(pictures))
    if fault == "cannot be exported":
        monkeypatch.setattr(openvino_engine, "_write", refuse)
    else:
        real = TorchEngine.exact
        monkeypatch.setattr(TorchEngine, "exact", lambda self, pixels: [2 * part for part in real(self, pixels)])
    found = built.compute(pictures)
    monkeypatch.undo()
    assert "OpenVINO cannot run this network" in caplog.text
    assert not list(tmp_path.iterdir())
    for one, two in zip(found, expected, strict=False):
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-3)


def refuse(*arguments: object) -> None:
    from tlk.embeddings.openvino_engine import CannotExport

    raise CannotExport("a layer that nobody knows")


@needs_openvino
def test_an_export_reports_nothing_to_anyone(mobilenet_folder: Path, tmp_path: Path) -> None:
    program = f"""
import numpy as np, openvino, openvino_telemetry, torch
from pathlib import Path
def refuse(*arguments, **more):
    raise AssertionError("telemetry was begun")
openvino_telemetry.Telemetry.__init__ = openvino_telemetry.Telemetry.init = refuse
try:
    openvino.convert_model(torch.nn.Identity(), example_input=torch.zeros(1))
except AssertionError as error:
    assert "telemetry" in str(error)  # what this test looks for would be seen
else:
    raise SystemExit("openvino.convert_model does not begin telemetry any more")
from tlk.embeddings.backbone import BackboneEmbedder
from tlk.embeddings.schema import ViewOfBackbone
built = BackboneEmbedder("local-dir:{mobilenet_folder}", (ViewOfBackbone(at="final"),), False, torch.device("cpu"),
                         Path({str(tmp_path)!r}))
built.compute([np.zeros((224, 224, 3), np.uint8)])
assert list(Path({str(tmp_path)!r}).glob("*/graph.xml"))
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_engines_are_chosen_by_name_and_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine_name(torch.device("cuda")) == "torch"
    monkeypatch.setenv("TLK_ENGINE", "torch")
    assert engine_name(CPU) == "torch"
    monkeypatch.setenv("TLK_ENGINE", "openvino")
    with pytest.raises(UserError, match="TLK_ENGINE=openvino: it does not run on cuda"):
        engine_name(torch.device("cuda"))
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="not installed: pip install"):
        engine_name(CPU)
    monkeypatch.setenv("TLK_ENGINE", "tensorrt")
    with pytest.raises(UserError, match="no such engine\nset it to one of auto, torch, openvino"):
        engine_name(CPU)


class Hungry(torch.nn.Module):
    """Doubles pixels, and runs out of memory for more than two pictures."""

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if len(pixels) > 2:
            raise RuntimeError("CUDA out of memory.")
        return (2 * pixels.flatten(1).float(),)


def test_a_batch_that_does_not_fit_is_run_in_halves() -> None:
    pixels = np.arange(7 * 12, dtype=np.uint8).reshape(7, 2, 2, 3)
    (found,) = TorchEngine(Hungry(), CPU)(pixels)  # type: ignore[arg-type]
    np.testing.assert_array_equal(found, 2.0 * pixels.reshape(7, -1))


def test_where_half_precision_overflows_full_precision_takes_over(monkeypatch: pytest.MonkeyPatch) -> None:
    class Large(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(3, 2)
            torch.nn.init.constant_(self.layer.weight, 500.0)

        def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, ...]:
            return (self.layer(pixels.float().mean((1, 2))).float(),)

    monkeypatch.setattr(module, "precision_on", lambda device: torch.float16)
    (found,) = TorchEngine(Large(), CPU)(np.full((2, 4, 4, 3), 200, np.uint8))  # type: ignore[arg-type]
    np.testing.assert_allclose(found, 300_000, rtol=1e-3)


def test_batches_are_sized_to_the_memory_that_is_free(
    mobilenet_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TLK_ENGINE", "torch")
    plenty = embedder(mobilenet_folder, tmp_path).batch_size

    class Little:
        available = 400 * 2**20

    monkeypatch.setattr(module.psutil, "virtual_memory", Little)
    little = embedder(mobilenet_folder, tmp_path).batch_size
    assert plenty == 32
    assert 1 <= little < 16
