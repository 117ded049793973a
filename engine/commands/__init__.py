"""The sub-commands of `latentloom`, one file each; imported by `engine.cli` only when asked for."""
