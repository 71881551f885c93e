"""Files, tables, images, folds and lists."""
