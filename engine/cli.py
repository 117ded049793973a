"""The command line, and the composition root: the only place where the objects of the engine are put together.

    latentloom run FILE      run a workflow           latentloom check FILE...   validate, run nothing
    latentloom nodes [NAME]  node types               latentloom models          model files that can be named
    latentloom doctor        what this machine has    latentloom manifest|stubs  generated files (for contributors)
    latentloom verify PNG    run its graph again      latentloom serve           the HTTP API
    latentloom convert A B   UI file, API or Python
    latentloom bundle        a workflow as one file

Exit codes: 0 done, 1 a node failed, 2 invalid input, 130 interrupted. Loads no torch; `run`, `verify`, `doctor` do.
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
    parser = _parser()
    args, unknown = parser.parse_known_args(argv)
    if unknown and args.command != "run":  # which has a workflow's own flags beside its own
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    args.flags = unknown
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
    _add_serve(commands)
    _add_bundle(commands)
    _add_queries(commands)
    _add_convert(commands)
    for name, text in (
        ("manifest", "write nodes/manifest.json from the node files"),
        ("stubs", "write the builder's type stubs and docs/nodes.md"),
    ):
        command = commands.add_parser(name, help=f"{text} (for contributors)", allow_abbrev=False)
        command.add_argument("--check", action="store_true", help="write nothing; exit 1 when stale")
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser("run", help="run a workflow", allow_abbrev=False, add_help=False)
    run.add_argument("-h", "--help", action=_RunHelp, help="show this; after FILE also the workflow's own flags")
    run.add_argument("file", metavar="FILE", help="workflow in either format, or a picture that carries one")
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
    _add_budget(run)
    run.add_argument(
        "--allow-pickle",
        action="store_true",
        default=None,
        help="let a restricted reader open weights that are pickles (.ckpt, .pt); refused otherwise",
    )
    _add_server(run, "let a running server do the work, and fetch the files")
    _add_folders(run)
    run.epilog = "Inputs that the workflow marks are flags too: --NAME VALUE."
    run.set_defaults(own_flags=[flag for action in run._actions for flag in action.option_strings])


class _RunHelp(argparse.Action):
    """`--help` of `run`: after FILE it waits until the workflow has been read, whose flags belong to it."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help=help)

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, values: object, option: str | None = None
    ) -> None:
        if namespace.file is None:
            parser.print_help()
            parser.exit()
        namespace.help = parser.format_help()


def _add_bundle(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bundle = commands.add_parser("bundle", help="pack a workflow with what it needs, or unpack", allow_abbrev=False)
    bundle.add_argument("source", metavar="FILE", help="the workflow; with --open the bundle")
    bundle.add_argument("target", metavar="OUT", help="the zip to write; with --open the folder to make")
    bundle.add_argument("--open", action="store_true", help="unpack the bundle FILE into the new folder OUT")
    bundle.add_argument("--with-models", action="store_true", help="put the model files in too, not only their hashes")
    bundle.add_argument("--json", action="store_true", help="print JSON")
    _add_folders(bundle)


def _add_server(command: argparse.ArgumentParser, text: str) -> None:
    command.add_argument("--server", metavar="URL", help=text)
    command.add_argument("--token", metavar="TOKEN", help="what the server asks for; may stand in the URL too")


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = commands.add_parser("serve", help="serve the HTTP API and websockets", allow_abbrev=False)
    serve.add_argument("--host", "--listen", metavar="ADDRESS", default="127.0.0.1", help="0.0.0.0 for all addresses")
    serve.add_argument("--port", metavar="N", type=int, default=8188, help="8188 by default; 0 picks a free one")
    serve.add_argument(
        "--workers", metavar="auto|N|DEVICES", default="auto",
        help="auto: one for each accelerator, or for --device; or how many; or one for each of cuda:0,cuda:1",
    )  # fmt: skip
    serve.add_argument(
        "--token", metavar="TOKEN", nargs="?", const="", help="ask everybody for a token; made when left out"
    )
    serve.add_argument("--no-token", action="store_true", help="ask nobody; refused unless on a loopback address")
    serve.add_argument("--allow-host", metavar="NAME", action="append", help="a further name the server is reached by")
    serve.add_argument(
        "--preview-method", metavar="auto|latent2rgb|taesd|none", choices=("auto", "latent2rgb", "taesd", "none"),
        help="what shows unfinished pictures; all but none send them also to clients that never said they know them",
    )  # fmt: skip
    serve.add_argument("--paused", action="store_true", help="start with the queue paused")
    serve.add_argument(
        "--drain-seconds", metavar="S", type=float, default=25.0, help="how long running jobs may take after a stop"
    )
    serve.add_argument("--verbose", action="store_true", help="log more to standard error")
    serve.add_argument("--out", metavar="DIR", help="write pictures here instead of the data folder's output")
    serve.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps, ...; picked when left out")
    serve.add_argument("--cache", metavar="off|ram|disk[:SIZE]", help="what to remember, and how much; disk by default")
    _add_budget(serve)
    serve.add_argument(
        "--allow-pickle", action="store_true", default=None, help="let a restricted reader open pickled weights"
    )
    _add_folders(serve)


def _add_queries(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser("check", help="validate workflows without running them", allow_abbrev=False)
    check.add_argument("files", metavar="FILE", nargs="+", help="workflow in either format, or a picture of one")
    nodes = commands.add_parser("nodes", help="list node types, or show one", allow_abbrev=False)
    nodes.add_argument("name", metavar="NAME", nargs="?", help="a node's id, or part of its id or title")
    models = commands.add_parser("models", help="list the model files that a workflow can name", allow_abbrev=False)
    models.add_argument(
        "--remember", metavar="FOLDER/WANTED=NAME", action="append", default=[],
        help="from now on NAME stands in where workflows name WANTED and it is not here",
    )  # fmt: skip
    models.add_argument("--forget", metavar="FOLDER/WANTED", action="append", default=[], help="undo --remember")
    doctor = commands.add_parser("doctor", help="show versions, device, folders, and what is amiss", allow_abbrev=False)
    doctor.add_argument("--device", metavar="NAME", help="the device to try")
    _add_server(doctor, "examine a running server instead of this machine")
    verify = commands.add_parser("verify", help="run a picture's graph again and compare", allow_abbrev=False)
    verify.add_argument("file", metavar="PNG", help="a picture saved with its graph")
    verify.add_argument("--keep", metavar="FILE", help="keep the new picture here")
    verify.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1, mps, ...; picked when left out")
    verify.add_argument(
        "--allow-pickle", action="store_true", default=None, help="let a restricted reader open pickled weights"
    )
    _add_server(verify, "run it on a server instead of in this process")
    for command in (check, nodes, models, doctor, verify):
        command.add_argument("--json", action="store_true", help="print JSON")
        _add_folders(command)


def _add_convert(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    convert = commands.add_parser(
        "convert", help="turn a workflow into another form, or take it out of a picture", allow_abbrev=False
    )
    convert.add_argument("source", metavar="A", help="workflow (JSON, .py), or a picture, video, ... with one inside")
    convert.add_argument("target", metavar="B", help="file to write, - for standard output")
    convert.add_argument(
        "--to", choices=("ui", "api", "python"), metavar="ui|api|python",
        help="else B says it: .json is the editor's file, .api.json the API format, .py Python",
    )  # fmt: skip
    convert.add_argument("--json", action="store_true", help="print what was done, and what did not map, as JSON")
    _add_folders(convert)


def _add_budget(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--vram-budget", metavar="SIZE", help="device memory that weights may take, such as 6G; by default what is free"
    )


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
