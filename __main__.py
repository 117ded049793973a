"""`python -m latentloom`: the command line, as the console script `latentloom` runs it."""

from .engine.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
