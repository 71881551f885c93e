"""One miner of hard negatives a file; miners see embeddings and groups, never models."""
