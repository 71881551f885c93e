"""Speed and memory beside what a user would otherwise write: ratios in one run."""
