"""The command line, and the composition root: the only place where the objects of the engine are put together.

    latentloom run FILE      run a workflow           latentloom check FILE...   validate, run nothing
    latentloom nodes [NAME]  node types               latentloom models          model files that can be named
    latentloom doctor        what this machine has    latentloom manifest|stubs  generated files (for contributors)

Exit codes: 0 done, 1 a node failed, 2 invalid input, 130 interrupted. Loads no torch; only `run` and `doctor` do.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module

from .errors import LatentloomError, UserError

__all__ = ["main"]

FAILED, INVALID, INTERRUPTED = 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code. Raises SystemExit only for --help, --version and unknown options."""
    args = _parser().parse_args(argv)
    try:
        command = import_module(f".commands.{args.command}", __package__)
        code: int = command.main(args)
    except LatentloomError as error:
        _report(error, getattr(args, "json", False))
        return INVALID if isinstance(error, UserError) else FAILED
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stdout = None  # type: ignore[assignment]  # so that the interpreter does not flush into the closed pipe
        return 0
    return code


def _report(error: LatentloomError, as_json: bool) -> None:
    if as_json:
        status = "invalid" if isinstance(error, UserError) else "failed"
        print(json.dumps({"status": status, "errors": [error.as_dict()]}))
    print(error, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="latentloom", description="Generate, steer and train with graphs of typed nodes.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"latentloom {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands)
    _add_queries(commands)
    for name, text in (
        ("manifest", "write nodes/manifest.json from the node files"),
        ("stubs", "write the builder's type stubs and docs/nodes.md"),
    ):
        command = commands.add_parser(name, help=f"{text} (for contributors)", allow_abbrev=False)
        command.add_argument("--check", action="store_true", help="write nothing; exit 1 when stale")
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser("run", help="run a workflow", allow_abbrev=False)
    run.add_argument("file", metavar="FILE", help="workflow in API format (JSON)")
    run.add_argument(
        "--set",
        metavar="NODE.INPUT=VALUE",
        action="append",
        default=[],
        dest="assignments",
        help="change an input; NODE is an id, else a unique title, else a unique class; may be repeated",
    )
    run.add_argument("--out", metavar="DIR", help="write pictures here instead of the data folder's output")
    run.add_argument("--json", action="store_true", help="print the result as one JSON object")
    run.add_argument("--smoke", action="store_true", help="shrink the run by FILE's .smoke.json")
    run.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps, ...; picked when left out")
    run.add_argument("--cache", metavar="off|ram|disk[:SIZE]", help="what to remember, and how much; ram by default")
    run.add_argument(
        "--allow-pickle",
        action="store_true",
        default=None,
        help="let a restricted reader open weights that are pickles (.ckpt, .pt); refused otherwise",
    )
    _add_folders(run)


def _add_queries(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser("check", help="validate workflows without running them", allow_abbrev=False)
    check.add_argument("files", metavar="FILE", nargs="+", help="workflow in API format (JSON)")
    nodes = commands.add_parser("nodes", help="list node types, or show one", allow_abbrev=False)
    nodes.add_argument("name", metavar="NAME", nargs="?", help="a node's id, or part of its id or title")
    models = commands.add_parser("models", help="list the model files that a workflow can name", allow_abbrev=False)
    doctor = commands.add_parser("doctor", help="show versions, device, folders, and what is amiss", allow_abbrev=False)
    doctor.add_argument("--device", metavar="NAME", help="the device to try")
    for command in (check, nodes, models, doctor):
        command.add_argument("--json", action="store_true", help="print JSON")
        _add_folders(command)


def _add_folders(command: argparse.ArgumentParser) -> None:
    command.add_argument("--data-dir", metavar="DIR", help="the data folder; else $LATENTLOOM_HOME, else ~/latentloom")
    command.add_argument(
        "--extra-model-paths", metavar="FILE", action="append", help="more model folders, in ComfyUI's yaml format"
    )
    command.add_argument(
        "--nodes", metavar="DIR", action="append", help="a folder of node packs, beside the data folder's nodes"
    )


def _version() -> str:
    from .. import __version__

    return __version__


if __name__ == "__main__":
    raise SystemExit(main())
