"""What a habit is: keys, whose hands press them, what they do, and a test that presses them on the workbench.

Habits are entered into tables, so that the list of tests reads like the table of the design. Knows no particular habit.
"""

from typing import NamedTuple

SHARED = {"1", "2", "3", "4", "5", "6"}  # nodes of the workbench


class Habit(NamedTuple):
    hands: str
    keys: str
    does: str
    check: object

    @property
    def preset(self):
        return "blender" if self.hands == "Blender preset" else "comfy"

    @property
    def name(self):
        return f"{self.hands}: {self.keys} = {self.does}"


class Table(list):
    """Habits in the order in which they were entered."""

    def habit(self, hands, keys, does):
        """Enter the test that follows."""

        def enter(check):
            self.append(Habit(hands, keys, does, check))
            return check

        return enter

    def panel(self, hands, keys, does, name):
        """Enter keys that open a panel, and close it when they are pressed again."""

        @self.habit(hands, keys, does)
        def _(bench, keys):
            bench.press(keys)
            opened = bench.page.locator(f'[data-panel="{name}"]')
            opened.wait_for()
            if keys != "Shift+h":  # what goes to the history does not go away from it
                bench.press(keys)
                opened.wait_for(state="detached")


def native(keys):
    """Return the keys as the driver names them: what a hand presses on an American keyboard."""
    by_hand = {"Alt++": "Alt+Shift+Equal", "?": "Shift+Slash"}
    if keys in by_hand:
        return by_hand[keys]
    parts = [part.lower() if len(part) == 1 else part for part in keys.split("+")]
    return "+".join("Control" if part == "Ctrl" else part for part in parts)
