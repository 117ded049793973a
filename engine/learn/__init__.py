"""Training: data, optimizers, averages, loops and checkpoints for the networks of `engine/models`.

Knows nothing of nodes or graphs: a node hands in plain values and callbacks. May import models, diffusion,
memory and `engine/shapes`.
"""
