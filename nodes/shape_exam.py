"""Examine a model by held-out captions of shape scenes. The work is done by `engine.learn.evaluate`."""

from __future__ import annotations

import json
from typing import Annotated, NamedTuple

from ..engine.learn.evaluate import SampleSettings, examine, sheet
from ..engine.node.context import Context
from ..engine.node.declare import node
from ..engine.node.widget import Int
from ..engine.values import Clip, Image, Model, Vae
from .sampling import Cfg, SamplerName, SchedulerName, Steps
from .train_watch import as_image

COLUMNS, SHOWN = 8, 24


class Marks(NamedTuple):
    """What the examination gave."""

    report: str
    sheet: Image
    accuracy: float


@node("LoomEvaluateShapes", title="Evaluate Shapes", category="evaluation", aliases=("examine", "score", "geneval"))
def evaluate_shapes(
    *,
    model: Model,
    clip: Clip,
    vae: Vae,
    captions: Annotated[int, Int(1, 10_000)] = 100,
    seeds: Annotated[int, Int(1, 100)] = 2,
    first_seed: Annotated[int, Int(0, 10**9)] = 1,
    steps: Steps = 20,
    cfg: Cfg = 3.5,
    sampler_name: SamplerName = "euler",
    scheduler: SchedulerName = "normal",
    size: Annotated[int, Int(16, 512, step=8)] = 64,
    context: Context,
) -> Marks:
    """Examine a model: draw captions it never saw and let the judge compare each picture with its caption.

    model: draws.
    clip: reads the captions.
    vae: turns latents into pictures.
    captions: of each kind: one object, two objects, a relation of two. A tenth names a pair of colour and shape
        that training never shows.
    seeds: noise seeds; all captions are drawn once with each.
    first_seed: the first of them.
    steps: of the sampler.
    cfg: how strictly the captions are followed.
    sampler_name: the method that takes the steps.
    scheduler: how the noise is spread over the steps.
    size: side of the pictures in pixels.
    report: shares that pass by the soft and by the strict judge, for each kind of caption, as JSON.
    sheet: some of the pictures.
    accuracy: share of all pictures that pass by the soft judge.
    """
    settings = SampleSettings(sampler_name, scheduler, steps, cfg, size)
    exam = examine(
        model,
        clip,
        vae,
        settings,
        each=captions,
        noise_seeds=range(first_seed, first_seed + seeds),
        on_batch=lambda done, total: context.progress(done, total),
        on_step=lambda _: context.check(),
    )
    shown = exam.pictures[:: max(1, len(exam.pictures) // SHOWN)][:SHOWN]
    report = json.dumps(exam.as_dict(), indent=2)
    return Marks(report, as_image(sheet(shown, min(COLUMNS, len(shown)))), exam.soft.accuracy)
