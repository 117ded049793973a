"""Declaring nodes: signatures, sockets, widgets, specs, the registry and how node modules are found. No torch."""

from .context import Context, Files, SilentContext
from .declare import node
from .discover import discover
from .registry import PackFailure, Registry
from .socket import ANY, FileFacets, Hidden, Socket, SubGraph, accepts
from .spec import MISSING, InputSpec, NodeSpec, OutputSpec, Repeat
from .widget import Bool, Choice, File, Float, Int, Seed, Slider, Text, Widget

__all__ = [
    "ANY",
    "MISSING",
    "Bool",
    "Choice",
    "Context",
    "File",
    "FileFacets",
    "Files",
    "Float",
    "Hidden",
    "InputSpec",
    "Int",
    "NodeSpec",
    "OutputSpec",
    "PackFailure",
    "Registry",
    "Repeat",
    "Seed",
    "SilentContext",
    "Slider",
    "Socket",
    "SubGraph",
    "Text",
    "Widget",
    "accepts",
    "discover",
    "node",
]
