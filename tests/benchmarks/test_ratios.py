"""What the tool costs beside the least that could do the same work: ratios, measured in one run, printed.

`make bench` runs these; they are no part of `make test`, because a ratio of times needs a quiet machine.
"""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA

from tlk.embeddings.store import VectorStore
from tlk.embeddings.views import View
from tlk.metrics import expected_top_k
from tlk.models.base import Given
from tlk.recipe import load_recipe
from tlk.scoring.similarity import count_beating
from tlk.training.accelerator import make_accelerator
from tlk.training.examples import Examples
from tlk.training.inputs import EmbeddingInputs
from tlk.training.loop import Listener
from tlk.training.train import Trainer

EPOCHS = 12
HELLO = "import typer\napp = typer.Typer()\n@app.command()\ndef hello() -> None:\n    print('hello')\napp()\n"


def compare(what: str, ours: Callable[[], object], bare: Callable[[], object], rounds: int = 5) -> float:
    """Print and return the median over rounds of our time over the bare one's, taken in turn."""
    ratios = []
    for turn in range(rounds + 1):
        times = []
        for work in (ours, bare):
            started = time.perf_counter()
            work()
            times.append(time.perf_counter() - started)
        if turn:  # the first round warms up
            ratios.append(times[0] / times[1])
    ratio = float(np.median(ratios))
    print(f"\n{what}: {ratio:.2f}× (from {min(ratios):.2f} to {max(ratios):.2f} over {rounds} rounds)")
    return ratio


def draw_sides(pairs: int = 1200, width: int = 6000) -> tuple[torch.Tensor, torch.Tensor]:
    """Return `(n, 2, d)` embeddings of the left and of the right images."""
    random = np.random.default_rng(0)
    cause = random.normal(size=(pairs, 1, 300))
    mixing = random.normal(size=(300, width))
    left, right = (torch.from_numpy((cause + random.normal(size=(pairs, 2, 300))) @ mixing).float() for _ in range(2))
    return left, right


def test_training_beside_a_bare_loop() -> None:
    recipe = load_recipe("adapter", [f"training.epochs={EPOCHS}", f"training.patience={EPOCHS}"])
    whole_left, whole_right = draw_sides()
    sizes = (whole_left.shape[2] // 2,) * 2

    def bare() -> None:
        """The same statistics, the same steps, the same inner score, written down flat."""
        learned, inner = slice(0, 1020), slice(1020, 1200)
        both = torch.cat([whole_left[learned], whole_right[learned]])
        mean = both.mean((0, 1))

        def scaled(x: torch.Tensor) -> torch.Tensor:
            parts = (x - mean).split(sizes, -1)
            return torch.cat([torch.nn.functional.normalize(part, dim=-1) for part in parts], -1)

        flat = scaled(both).mean(1).numpy()
        pca = PCA(768, svd_solver="randomized", iterated_power=2, random_state=0).fit(flat)
        turn = np.linalg.qr(np.random.default_rng(0).normal(size=(768, 768)))[0]
        axes = torch.from_numpy((pca.components_.T @ turn).astype(np.float32)) * 27
        left, right = (scaled(side) @ axes for side in (whole_left, whole_right))
        weight = torch.nn.Parameter(torch.eye(768))
        optimiser = torch.optim.AdamW([weight], lr=1e-3, weight_decay=0.0)
        normalise, dropout = torch.nn.functional.normalize, torch.nn.functional.dropout
        for _ in range(EPOCHS):
            for pairs in torch.randperm(1020).chunk(4):
                turns = torch.randint(2, (2, len(pairs)))
                queries = normalise(dropout(left[pairs, turns[0]], 0.2) @ weight.T, dim=1)
                positives = normalise(dropout(right[pairs, turns[1]], 0.2) @ weight.T, dim=1)
                logits, own = queries @ positives.T / 0.07, torch.arange(len(pairs))
                cross_entropy = torch.nn.functional.cross_entropy
                loss = (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
            with torch.no_grad():
                sides = [
                    normalise(normalise(s[inner] @ weight.T, dim=-1).mean(1), dim=-1).numpy() for s in (left, right)
                ]
            expected_top_k(count_beating(*sides), 179, 20, 2).mean()

    examples = Examples(
        EmbeddingInputs(torch.cat([whole_left, whole_right])), np.arange(1200), np.arange(1200, 2400), np.arange(1200)
    )

    def ours() -> None:
        accelerator = make_accelerator(torch.device("cpu"), "fp32")
        trainer = Trainer(recipe, Given(sizes), accelerator, np.empty(0, np.int64))
        trainer.train(examples, 0, None, Listener())

    assert compare("training a head, beside a bare loop", ours, bare) < 1.5


def test_help_beside_a_bare_typer_program(tmp_path: Path) -> None:
    hello = tmp_path / "hello.py"
    hello.write_text(HELLO)

    def start(*arguments: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, *arguments], check=True, capture_output=True)

    ours = start("-m", "tlk", "--help")
    assert compare("tlk --help, beside a Typer hello-world", ours, start(str(hello)), rounds=15) < 2.0


def test_reading_the_store_beside_numpy(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(20_000, 512)).astype(np.float16)
    keys = np.array([random.bytes(16) for _ in range(len(vectors))], "S16")
    view = View("view", (("made", "here"),))
    for part in np.array_split(np.arange(len(keys)), 20):
        VectorStore(tmp_path / "store").append(view, keys[part], vectors[part])
    np.save(tmp_path / "plain.npy", vectors)

    def ours() -> None:
        read = VectorStore(tmp_path / "store").read(view, keys)
        assert read is not None
        assert np.array_equal(read, vectors)

    def bare() -> None:
        assert np.array_equal(np.load(tmp_path / "plain.npy"), vectors)

    # Every row is found by its content key and checked by its checksum; a plain file promises neither.
    compare("reading 20,000 vectors from the store, beside one plain .npy", ours, bare)
