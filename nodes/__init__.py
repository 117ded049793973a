"""Built-in nodes: thin declarations over parts of the engine, one file per subject, never listed."""
