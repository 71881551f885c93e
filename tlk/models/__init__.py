"""One head a file."""
