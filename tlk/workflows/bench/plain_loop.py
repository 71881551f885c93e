"""What a user would otherwise write: timm in eager mode, PIL, a DataLoader with two workers.

Run as a module, in a process of its own, it prints the seconds that it took from the first import on.
"""

import sys
import time
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()


def main(names: Path, backbone: str) -> None:
    """Embed the images that the text file `names` lists in batches of 32; print their number and the seconds."""
    from tlk import torchvision_schemas

    torchvision_schemas.declare()  # without it timm cannot be imported beside some builds of torchvision
    import timm
    import torch
    from PIL import Image
    from timm.data import create_transform, resolve_data_config

    model = timm.create_model(backbone, pretrained=True, num_classes=0).eval()
    transform = create_transform(**resolve_data_config(model.pretrained_cfg, model=model))

    class Pictures(torch.utils.data.Dataset[Any]):
        def __init__(self) -> None:
            self.files = names.read_text(encoding="utf-8").splitlines()

        def __len__(self) -> int:
            return len(self.files)

        def __getitem__(self, number: int) -> Any:
            return transform(Image.open(self.files[number]).convert("RGB"))

    pictures = Pictures()
    vectors = []
    with torch.no_grad():
        for batch in torch.utils.data.DataLoader(pictures, batch_size=32, num_workers=2):
            vectors.append(model(batch))
    count = len(torch.cat(vectors))
    print(count, time.perf_counter() - STARTED)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
