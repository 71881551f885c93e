"""Defaults that the competition fixed."""

CANDIDATES = 20
PICKS = 2
FOLDS = 5
TOPK = 4
DEFAULT_RECIPE = "best"
DEFAULT_WITHOUT_WEIGHTS = "best-no-weights"
IMAGE_WIDTH = 200
IMAGE_HEIGHT = 245
GRADIENT_MAPS = (12, 24, 24)  # maps, rows, columns
