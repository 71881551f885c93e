"""Training: a head beside a bare loop of the same steps, and how long a network on pixels waits for its data."""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from torch.nn import functional

from tlk.metrics import expected_top_k
from tlk.models.base import Given
from tlk.recipe import load_recipe
from tlk.recipe_schema import Recipe
from tlk.scoring.similarity import count_beating
from tlk.training.accelerator import make_accelerator
from tlk.training.examples import Examples
from tlk.training.inputs import EmbeddingInputs
from tlk.training.loop import Listener
from tlk.training.train import Trainer
from tlk.workflows.bench.measure import Row, run_program, seconds_of

_EPOCHS, _PAIRS, _LEARNED, _WIDTH = 12, 1200, 1020, 6000


def epoch(data: Path) -> list[Row]:
    """Return the comparisons; the network is trained on the competition in the folder `data`."""
    return [head(), _network(data)]


def head() -> Row:
    """Return how long training a head takes, beside the same steps written down flat."""
    left, right = _sides()
    images = torch.cat([left, right])
    numbers = np.arange(_PAIRS)
    examples = Examples(EmbeddingInputs(images), numbers, numbers + _PAIRS, numbers)
    recipe = load_recipe("adapter", [f"training.epochs={_EPOCHS}", f"training.patience={_EPOCHS}"])
    assert isinstance(recipe, Recipe)  # noqa: S101  # of this name

    def ours() -> None:
        accelerator = make_accelerator(torch.device("cpu"), "fp32")
        given = Given((_WIDTH // 2, _WIDTH // 2))
        Trainer(recipe, given, accelerator, np.empty(0, np.int64), 0).train(examples, 0, None, Listener())

    turns = [(seconds_of(ours), seconds_of(lambda: _bare(left, right))) for _ in range(6)][1:]  # the first warms up
    seconds, bare = np.median(np.array(turns), axis=0)
    return Row(
        "epoch", f"a head, {_EPOCHS} epochs of {_LEARNED:,} pairs", seconds, "a bare loop of the same steps", bare
    )


def _network(data: Path) -> Row:
    """Return what two epochs of a network on pixels take, and what share of it they wait for their data."""
    settings = ["training.epochs=2", "training.patience=2", "split=60/20/20"]
    words = [word for setting in settings for word in ("--set", setting)]
    with tempfile.TemporaryDirectory() as folder:
        where = ["--data", str(data.resolve()), "--runs", folder, "--folds", str(Path(folder) / "folds.csv")]
        program = [sys.executable, "-m", "tlk"]
        run_program([*program, "folds", *where[:2], "--out", where[5]], {"TLK_CACHE": str(Path(folder) / "cache")})
        run_program([*program, "train", "from-scratch", *where, *words], {"TLK_CACHE": str(Path(folder) / "cache")})
        seconds = json.loads((Path(folder) / "from-scratch" / "manifest.json").read_text())["seconds"]
    share = seconds["waiting for data"] / seconds["training"]
    return Row(
        "epoch", "from-scratch, two epochs on pixels", seconds["training"], note=f"{share:.1%} of it waiting for data"
    )


def _sides() -> tuple[torch.Tensor, torch.Tensor]:
    """Return `(n, 2, d)` embeddings of the left and of the right images."""
    random = np.random.default_rng(0)
    cause, mixing = random.normal(size=(_PAIRS, 1, 300)), random.normal(size=(300, _WIDTH))
    shape = (_PAIRS, 2, 300)
    left, right = (torch.from_numpy((cause + random.normal(size=shape)) @ mixing).float() for _ in range(2))
    return left, right


def _bare(whole_left: torch.Tensor, whole_right: torch.Tensor) -> None:
    """The same statistics, the same steps, the same inner score, written down flat."""
    learned, inner = slice(0, _LEARNED), slice(_LEARNED, _PAIRS)
    both = torch.cat([whole_left[learned], whole_right[learned]])
    mean = both.mean((0, 1))

    def scaled(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([functional.normalize(part, dim=-1) for part in (x - mean).split(_WIDTH // 2, -1)], -1)

    flat = scaled(both).mean(1).numpy()
    pca = PCA(768, svd_solver="randomized", iterated_power=2, random_state=0).fit(flat)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(768, 768)))[0]
    axes = torch.from_numpy((pca.components_.T @ turn).astype(np.float32)) * 27
    left, right = (scaled(side) @ axes for side in (whole_left, whole_right))
    weight = torch.nn.Parameter(torch.eye(768))
    optimiser = torch.optim.AdamW([weight], lr=1e-3, weight_decay=0.0)
    for _ in range(_EPOCHS):
        for pairs in torch.randperm(_LEARNED).chunk(4):
            turns = torch.randint(2, (2, len(pairs)))
            anchors = functional.normalize(functional.dropout(left[pairs, turns[0]], 0.2) @ weight.T, dim=1)
            positives = functional.normalize(functional.dropout(right[pairs, turns[1]], 0.2) @ weight.T, dim=1)
            logits, own = anchors @ positives.T / 0.07, torch.arange(len(pairs))
            loss = (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            heads = (functional.normalize(s[inner] @ weight.T, dim=-1).mean(1) for s in (left, right))
            queries, gallery = (functional.normalize(side, dim=-1).numpy() for side in heads)
        expected_top_k(count_beating(queries, gallery), _PAIRS - _LEARNED - 1, 20, 2).mean()
