"""The same pictures through the same network by open-metric-learning's inference, where it is installed.

Run as a module, in a process of its own.
"""

import sys
from pathlib import Path

from tlk.workflows.bench.plain_loop import network_and_pictures


def main(names: Path, backbone: str) -> None:
    """Embed the images that the text file `names` lists in batches of 32."""
    model, pictures = network_and_pictures(names, backbone)
    from oml.inference import inference

    print(len(inference(model, pictures, batch_size=32, num_workers=2)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
