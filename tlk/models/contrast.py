"""Local contrast, as one more channel: edges count the same in a pale photograph and in a dark one.

Source: Jarrett, Kavukcuoglu, Ranzato and LeCun, *What is the Best Multi-Stage Architecture for Object Recognition?*,
2009.
"""

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

_LEAST = 0.003  # added to the variance, so that flat regions stay flat; pixels have a variance of about 1


def with_contrast(pixels: Tensor, window: int) -> Tensor:
    """Return `(b, c + 1, h, w)`: standardised pixels and their grey, less the mean, over the deviation, of a window.

    `pixels` are `(b, c, h, w)` floats from 0 to 1; `window` is the odd side of the neighbourhood.
    """
    standardised = (pixels - 0.5) / 0.25
    grey = standardised.mean(dim=1, keepdim=True)
    difference = grey - _mean(grey, window)
    return torch.cat([standardised, difference / (_mean(difference**2, window) + _LEAST).sqrt()], dim=1)


def _mean(maps: Tensor, window: int) -> Tensor:
    return avg_pool2d(maps, window, stride=1, padding=window // 2, count_include_pad=False)
