"""Places in a graph of rewards where the trainer puts the picture and the prompt that it wants judged."""

from __future__ import annotations

from ..engine.errors import UserError
from ..engine.node.declare import node
from ..engine.values import Image


def _nobody(title: str) -> UserError:
    fix = "Lead it into the reward input of a trainer."
    return UserError("R020", title, "to stand inside a reward", "a run without a trainer", fix)


@node("LoomRewardImage", title="Reward Image", category="training/reward", lane="cpu", placeholder=True)
def loom_reward_image() -> Image:
    """Stand for the pictures that a trainer wants judged."""
    raise _nobody("Reward Image")


@node("LoomRewardPrompt", title="Reward Prompt", category="training/reward", lane="cpu", placeholder=True)
def loom_reward_prompt() -> str:
    """Stand for the prompts of the pictures that a trainer wants judged."""
    raise _nobody("Reward Prompt")
