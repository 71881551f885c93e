"""timm networks: loaded, and known by their stages. Embeddings are made with them, models are built on them."""
