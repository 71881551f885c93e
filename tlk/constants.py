"""Defaults that the competition fixed."""

CANDIDATES = 20
PICKS = 2
FOLDS = 5
IMAGE_WIDTH = 200
IMAGE_HEIGHT = 245
