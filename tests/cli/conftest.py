"""What several tests of the command line share."""

import pytest


@pytest.fixture
def recipe_of_members() -> str:
    """A recipe that trains two small members and blends them."""
    return """
name = "pair"
summary = "s"
source = "s"
matching = true
members = [
    { recipe = "thumbnail" },
    { recipe = "descriptors", name = "hogs", settings = ["training.epochs=3", "model.components=32"] },
]
"""
