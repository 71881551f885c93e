"""What a user would otherwise write: timm in eager mode, PIL, a DataLoader with two workers.

Run as a module, in a process of its own.
"""

import sys
from pathlib import Path
from typing import Any


def network_and_pictures(names: Path, backbone: str) -> tuple[Any, Any]:
    """Return a timm network and a data set of the images that the text file `names` lists, as the network takes them.

    A picture is a dictionary of its `number` and its `pixels`, `(3, h, w)`.
    """
    from tlk import torchvision_schemas

    torchvision_schemas.declare()  # without it timm cannot be imported beside some builds of torchvision
    import timm
    from PIL import Image
    from timm.data import create_transform, resolve_data_config
    from torch.utils.data import Dataset

    model = timm.create_model(backbone, pretrained=True, num_classes=0).eval()
    transform = create_transform(**resolve_data_config(model.pretrained_cfg, model=model))

    class Pictures(Dataset[Any]):
        input_tensors_key, index_key = "pixels", "number"  # what open-metric-learning asks for

        def __init__(self) -> None:
            self.files = names.read_text(encoding="utf-8").splitlines()

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, number: int) -> Any:
            return {"number": number, "pixels": transform(Image.open(self.files[number]).convert("RGB"))}

    return model, Pictures()


def main(names: Path, backbone: str) -> None:
    """Embed the images that the text file `names` lists in batches of 32."""
    import torch

    model, pictures = network_and_pictures(names, backbone)
    vectors = []
    with torch.no_grad():
        for batch in torch.utils.data.DataLoader(pictures, batch_size=32, num_workers=2):
            vectors.append(model(batch["pixels"]))
    print(len(torch.cat(vectors)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
