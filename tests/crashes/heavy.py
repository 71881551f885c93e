"""What commands load, loaded once by the fork server: most of the time that a short command takes."""

import gc
from importlib import import_module

from tlk import torchvision_schemas

torchvision_schemas.declare()
for name in (
    "accelerate",
    "albumentations",
    "safetensors.torch",
    "skimage.feature",
    "sklearn.decomposition",
    "timm",
    "tlk.cli.main",
    "tlk.embeddings.descriptors",
    "tlk.workflows.embed",
    "tlk.workflows.predict",
    "tlk.workflows.report",
    "tlk.workflows.train",
    "torch._dynamo",
    "torch.onnx",
):
    import_module(name)
gc.freeze()  # nor is it looked through for garbage again
