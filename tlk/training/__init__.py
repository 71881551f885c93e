"""The loop, and heads trained with it."""
