"""Pictures as tensors and as files: resize, composite, read, save. Knows nothing of nodes or models."""
