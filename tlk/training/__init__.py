"""The loop, and all that one model's training needs around it."""
