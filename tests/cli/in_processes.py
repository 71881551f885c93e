"""Run by test_processes under torchrun: what each process computes, the first one writes to the .npz file named.

The steps and trainings are those of the package; nothing here knows how many processes there are.
"""

import sys
from collections.abc import Iterator

import numpy as np
import torch
from accelerate import Accelerator
from torch import Tensor, nn

from tlk.losses.registry import LOSSES
from tlk.models.adaptation import Adaptation
from tlk.models.base import Given, Model
from tlk.models.convnet import ConvNet
from tlk.models.registry import AdaptationParameters, ConvNetParameters
from tlk.processes import leave
from tlk.recipe_schema import TrainingParameters
from tlk.registry import parameters_of
from tlk.training.accelerator import make_accelerator
from tlk.training.embed import embed_images
from tlk.training.examples import Batch, Examples, Share, draw_batches
from tlk.training.inputs import EmbeddingInputs
from tlk.training.loop import Job, fit
from tlk.training.negatives import RandomNegatives
from tlk.training.optimise import Stepper
from tlk.training.steps import STEPS, Classes
from tlk.training.validate import Scores, validate

PAIRS, WIDTH = 24, 6


class Small(Model):
    """Two layers, no batch norm: what one image gives hangs on no other."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(WIDTH, 16), nn.Tanh(), nn.Linear(16, 4))

    def forward(self, inputs: Tensor) -> Tensor:
        outputs: Tensor = self.layers(inputs)
        return outputs


class Pixels(EmbeddingInputs):
    """Small pictures instead of embeddings."""

    def drawn(self, images: np.ndarray, seeds: np.ndarray) -> Tensor:
        return self.vectors[torch.from_numpy(images), 0].unflatten(1, (1, 8, 8))

    def whole(self, images: np.ndarray) -> Tensor:
        return self.vectors[torch.from_numpy(images)].unflatten(2, (1, 8, 8))


def examples_of(inputs: EmbeddingInputs, pairs: int) -> Examples:
    return Examples(inputs, np.arange(pairs), np.arange(pairs, 2 * pairs), np.arange(pairs))


def share_of(accelerator: Accelerator) -> Share:
    return Share(accelerator.process_index, accelerator.num_processes)


def first_step(name: str, parts: int, with_negatives: bool, accelerator: Accelerator) -> dict[str, np.ndarray]:
    """Return the loss of the first batch and its gradient."""
    torch.manual_seed(0)
    vectors = torch.randn(2 * PAIRS, 2, WIDTH)
    entry = LOSSES[name]
    model = Adaptation(AdaptationParameters(hidden=8), Given((WIDTH,))) if entry.takes == "verdicts" else Small()
    loss_class, parameters = parameters_of({"name": name}, LOSSES)
    step = Classes(model, torch.arange(PAIRS), 4) if entry.takes == "classes" else STEPS[entry.takes](model)
    optimiser = torch.optim.SGD(step.parameters(), 1.0)
    prepared, optimiser = accelerator.prepare(step, optimiser)
    stepper = Stepper(prepared, loss_class(parameters), entry.in_batch, optimiser, accelerator, parts, None, print)
    examples = examples_of(EmbeddingInputs(vectors), PAIRS)
    negatives = RandomNegatives(examples, 0) if with_negatives else None
    (batch,) = draw_batches(examples, PAIRS, negatives, 0, 0, share_of(accelerator))
    value = accelerator.reduce(stepper(batch), "mean")
    gradient = torch.cat([p.grad.flatten() for p in step.parameters() if p.grad is not None])
    accelerator.free_memory()
    return {"loss": value.numpy(), "gradient": gradient.numpy()}


def whole_training(accelerator: Accelerator) -> dict[str, np.ndarray]:
    """Return what two epochs leave of a network with batch norm: each process's weights, scores and embeddings."""
    torch.manual_seed(0)
    pixels = torch.randint(256, (96, 1, 64), dtype=torch.uint8)
    examples = examples_of(Pixels(pixels), 48)
    model = ConvNet(
        ConvNetParameters(filters=(4,), kernels=(3,), dense=(4,), batch_norm=True), Given(side=8, channels=1)
    )
    loss_class, parameters = parameters_of({"name": "info_nce"}, LOSSES)
    loss, step, seen = loss_class(parameters), STEPS["embeddings"](model), list[Scores]()

    def batches(epoch: int) -> Iterator[Batch]:
        return draw_batches(examples, 16, None, 0, epoch, share_of(accelerator))

    def scores() -> Scores:
        seen.append(validate(step, loss, examples, examples, 16, False, 0, accelerator))
        # Where processes do not agree, one of them would stop early and the other wait for it in vain.
        return seen[-1]

    settings = TrainingParameters(epochs=2, batch_size=16, watch="loss", learning_rate=0.01)
    history = fit(Job(step, loss, True, batches, 3, scores, settings, 0), accelerator)
    flat = torch.cat([value.flatten().float() for value in model.state_dict().values()])
    own = torch.tensor([[row.inner_loss, row.inner_top_2] for row in history], dtype=torch.float64)
    embedded = embed_images(model, examples.inputs, np.arange(96), accelerator)
    alone = model.embed(examples.inputs.whole(np.arange(96))).detach()
    return {
        "weights": accelerator.gather(flat[None]).numpy(),
        "scores": accelerator.gather(own[None]).numpy(),
        "difference": (embedded - alone).abs().max().numpy(),
    }


def main() -> None:
    accelerator = make_accelerator(torch.device("cpu"), "fp32")
    found: dict[str, np.ndarray] = {"processes": np.array(accelerator.num_processes)}
    for name, entry in LOSSES.items():
        if entry.takes == "images":
            continue
        kinds = {"none": [False], "optional": [False, True], "needed": [True]}[entry.negatives]
        for with_negatives in kinds:
            for parts in (1, 2) if not entry.in_batch else (1,):
                values = first_step(name, parts, with_negatives, accelerator)
                found |= {f"{name}-{parts}-{with_negatives}/{key}": value for key, value in values.items()}
    found |= {f"training/{key}": value for key, value in whole_training(accelerator).items()}
    if accelerator.is_main_process:
        np.savez(sys.argv[1], **found)
    accelerator.wait_for_everyone()
    accelerator.end_training()
    leave(0)


if __name__ == "__main__":
    main()
