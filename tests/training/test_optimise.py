"""One step: the same gradient in however many parts, bounded, and finer parts where memory asks for them."""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tlk.errors import UserError
from tlk.losses.contrastive import Contrastive
from tlk.losses.info_nce import InfoNCE
from tlk.losses.registry import ContrastiveParameters, InfoNCEParameters, TripletParameters
from tlk.losses.triplet import Triplet
from tlk.models.base import Model
from tlk.training.examples import Batch
from tlk.training.optimise import Stepper, compiled
from tlk.training.steps import Embeddings

Loss = Callable[..., Tensor]


class Small(Model):
    """Two layers; `room` is how many inputs fit into memory."""

    def __init__(self, room: int = 10_000, message: str = "CUDA out of memory. Tried to allocate 2.00 GiB") -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.layers = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4))
        self.room, self.message = room, message

    def forward(self, inputs: Tensor) -> Tensor:
        if len(inputs) > self.room:
            raise torch.OutOfMemoryError(self.message)
        outputs: Tensor = self.layers(inputs)
        return outputs


@pytest.fixture
def batch() -> Batch:
    return Batch(*torch.randn(3, 12, 6, generator=torch.Generator().manual_seed(1)), torch.arange(12))


@pytest.fixture
def stepper(accelerator: Accelerator) -> Callable[..., Stepper]:
    def make(
        model: Model,
        loss: Loss | None = None,
        in_batch: bool = False,
        parts: int = 1,
        clip: float | None = None,
        notes: list[str] | None = None,
        rate: float = 0.5,
        by: Callable[[Any], Any] = lambda prepared: prepared,
    ) -> Stepper:
        step = Embeddings(model)
        optimiser = torch.optim.SGD(step.parameters(), rate)
        prepared, optimiser = accelerator.prepare(step, optimiser)
        note = (notes if notes is not None else []).append
        chosen = loss or Triplet(TripletParameters())
        return Stepper(by(prepared), chosen, in_batch, optimiser, accelerator, parts, clip, note)

    return make


def gradient(model: Model) -> Tensor:
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def weights(model: Model) -> Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


LOSSES: list[Loss] = [Triplet(TripletParameters()), Contrastive(ContrastiveParameters(margin=5.0))]


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("parts", [2, 3, 5, 12, 40])
def test_parts_give_the_gradient_of_the_whole(
    stepper: Callable[..., Stepper], batch: Batch, loss: Loss, parts: int
) -> None:
    whole, cut, start = Small(), Small(), weights(Small())
    value = stepper(whole, loss)(batch)
    in_parts = stepper(cut, loss, parts=parts)(batch)
    torch.testing.assert_close(in_parts, value)
    torch.testing.assert_close(gradient(cut), gradient(whole), atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(weights(cut), weights(whole), atol=1e-6, rtol=1e-4)
    assert not torch.allclose(weights(whole), start, atol=1e-3)


def test_the_value_and_the_gradient_are_those_of_the_loss(stepper: Callable[..., Stepper], batch: Batch) -> None:
    model, plain, loss = Small(), Small(), Triplet(TripletParameters())
    assert batch.negatives is not None
    expected = loss(plain(batch.anchors), plain(batch.positives), plain(batch.negatives))
    expected.backward()
    torch.testing.assert_close(stepper(model)(batch), expected.detach())
    torch.testing.assert_close(gradient(model), gradient(plain), atol=1e-6, rtol=1e-4)


def test_a_second_step_starts_from_no_gradient(stepper: Callable[..., Stepper], batch: Batch) -> None:
    model = Small()
    steps = stepper(model, rate=0.0)
    steps(batch)
    first = gradient(model).clone()
    steps(batch)
    assert torch.equal(gradient(model), first)


def test_an_in_batch_loss_in_parts_compares_within_each(stepper: Callable[..., Stepper], batch: Batch) -> None:
    loss, model = InfoNCE(InfoNCEParameters()), Small()
    with torch.no_grad():
        expected = sum(loss(model(p.anchors), model(p.positives), model(p.negatives)) / 3 for p in batch.parts(3))
    value = stepper(model, loss, in_batch=True, parts=3)(batch)
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("clip", [1e-3, 0.05])
def test_clipping_bounds_the_norm_and_keeps_the_direction(
    stepper: Callable[..., Stepper], batch: Batch, clip: float
) -> None:
    free, bound = Small(), Small()
    start = weights(free).clone()
    stepper(free)(batch)
    stepper(bound, clip=clip, parts=3)(batch)
    assert gradient(free).norm() > clip
    torch.testing.assert_close(gradient(bound).norm(), torch.tensor(clip), rtol=1e-3, atol=0.0)
    assert torch.cosine_similarity(gradient(bound), gradient(free), dim=0) > 0.9999
    torch.testing.assert_close((weights(bound) - start).norm(), torch.tensor(0.5 * clip), rtol=1e-2, atol=0.0)


def test_a_small_gradient_is_not_clipped(stepper: Callable[..., Stepper], batch: Batch) -> None:
    free, bound = Small(), Small()
    stepper(free)(batch)
    stepper(bound, clip=1e3)(batch)
    assert torch.equal(weights(free), weights(bound))


MESSAGES = (
    "CUDA out of memory. Tried to allocate 2.00 GiB",
    "[enforce fail at alloc_cpu.cpp:124] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 9",
    "MPS backend out of memory (MPS allocated: 9 GB)",
)


@pytest.mark.parametrize("message", MESSAGES)
def test_out_of_memory_leads_to_finer_parts_and_the_same_step(
    stepper: Callable[..., Stepper], batch: Batch, message: str
) -> None:
    roomy, cramped, notes = Small(), Small(room=3 * 3, message=message), list[str]()  # three pairs of three images
    whole, steps = stepper(roomy), stepper(cramped, notes=notes)
    for _ in range(3):
        torch.testing.assert_close(steps(batch), whole(batch), atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(weights(cramped), weights(roomy), atol=1e-6, rtol=1e-4)
    assert steps.parts == 4  # found once: 1, 2, 4
    assert notes == [f"out of memory: each batch is now computed in {parts} parts" for parts in (2, 4)]


def test_out_of_memory_in_a_later_part_leaves_nothing_behind(stepper: Callable[..., Stepper], batch: Batch) -> None:
    class Failing(Small):
        passes = 0

        def forward(self, inputs: Tensor) -> Tensor:
            self.passes += 1
            if self.passes == 2:
                raise torch.OutOfMemoryError(self.message)
            return super().forward(inputs)

    whole, disturbed = Small(), Failing()
    stepper(whole)(batch)
    stepper(disturbed, parts=2)(batch)  # the first part's gradient was there already
    torch.testing.assert_close(weights(disturbed), weights(whole), atol=1e-6, rtol=1e-4)


def test_it_is_said_that_parts_narrow_an_in_batch_loss(stepper: Callable[..., Stepper], batch: Batch) -> None:
    notes: list[str] = []
    stepper(Small(room=20), InfoNCE(InfoNCEParameters()), in_batch=True, notes=notes)(batch)
    assert notes == ["out of memory: each batch is now computed in 2 parts; each part compares its own pairs alone"]


def test_a_single_pair_that_does_not_fit_is_said(stepper: Callable[..., Stepper], batch: Batch) -> None:
    with pytest.raises(UserError, match="out of memory with a single pair"):
        stepper(Small(room=2))(batch)


def test_other_faults_are_not_taken_for_memory(stepper: Callable[..., Stepper], batch: Batch) -> None:
    class Broken(Small):
        def forward(self, inputs: Tensor) -> Tensor:
            raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    notes: list[str] = []
    with pytest.raises(RuntimeError, match="cannot be multiplied"):
        stepper(Broken(), notes=notes)(batch)
    assert notes == []


def compile_with(backend: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))


def test_compiled_steps_are_the_same_steps_and_no_size_compiles_twice(
    stepper: Callable[..., Stepper], batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs: list[Any] = []

    def backend(graph: Any, inputs: object) -> Any:
        graphs.append(graph)
        return graph.forward

    compile_with(backend, monkeypatch)
    plain, fast = Small(), Small()
    usual, quick = stepper(plain), stepper(fast, by=compiled)
    for size in (12, 11, 12, 9, 8, 7, 5):
        part = Batch(*(side[:size] for side in sides(batch)))
        torch.testing.assert_close(quick(part), usual(part))
    torch.testing.assert_close(weights(fast), weights(plain))
    assert list(fast.state_dict()) == list(plain.state_dict())
    assert len(graphs) == 2  # one for the first size, one for all others
    for _ in range(10):  # as many folds, of as many models
        stepper(Small(), by=compiled)(batch)
    assert len(graphs) == 12  # none was left to run uncompiled


def sides(batch: Batch) -> tuple[Tensor, ...]:
    assert batch.negatives is not None
    return batch.anchors, batch.positives, batch.negatives, batch.groups


def test_a_machine_that_cannot_compile_is_said(
    stepper: Callable[..., Stepper], batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backend(graph: object, inputs: object) -> None:
        raise RuntimeError("No working C++ compiler found\nin a long list of places")

    compile_with(backend, monkeypatch)
    steps = stepper(Small(), by=compiled)
    with pytest.raises(UserError) as raised:
        steps(batch)
    assert str(raised.value) == (
        "training.compile: the model cannot be compiled here: No working C++ compiler found\n"
        "set it to false, or install what is missing"
    )


def test_a_torch_that_cannot_compile_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(module: object) -> None:
        raise RuntimeError("torch.compile is not supported on Python 3.99+")

    monkeypatch.setattr(torch, "compile", refuse)
    with pytest.raises(UserError, match=r"training.compile: .*3.99\+\nset it to false"):
        compiled(Small())


def test_a_fault_of_the_model_is_not_laid_on_the_compiler(
    stepper: Callable[..., Stepper], batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_with(lambda graph, inputs: graph.forward, monkeypatch)
    with pytest.raises(RuntimeError, match="broken"):
        stepper(Small(), _broken, by=compiled)(batch)


def _broken(*outputs: Tensor) -> Tensor:
    raise RuntimeError("broken")


def test_memory_that_runs_out_in_a_compiled_step_leads_to_finer_parts(
    stepper: Callable[..., Stepper], batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    compile_with(lambda graph, inputs: graph.forward, monkeypatch)
    steps = stepper(Small(room=20), by=compiled)
    steps(batch)
    assert steps.parts == 2


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, while it imports its compiler
def test_torch_compiles_a_step(
    stepper: Callable[..., Stepper], batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    plain, fast = Small(), Small()
    usual, quick = stepper(plain), stepper(fast, by=compiled)
    for part in (batch, batch):
        torch.testing.assert_close(quick(part), usual(part), atol=1e-6, rtol=1e-4)
    torch.testing.assert_close(weights(fast), weights(plain), atol=1e-6, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_without_a_compiler_torch_says_what_is_missing(
    stepper: Callable[..., Stepper], batch: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from torch._inductor import config

    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    without = config.patch({"cpp.cxx": (None, str(tmp_path / "nothing"))})
    with without, pytest.raises(UserError, match=r"training.compile: .*C\+\+ compiler.*\nset it to false"):
        stepper(Small(), by=compiled)(batch)
