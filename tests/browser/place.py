"""A panel in a notebook, and what a person finds in it."""

from __future__ import annotations

from jupyter import Notebook
from playwright.sync_api import Locator


class Place:
    """The output of a cell.

    Args:
        notebook: Which has run.
        cell: The index of the code cell.
    """

    def __init__(self, notebook: Notebook, cell: int) -> None:
        self.notebook, self.page = notebook, notebook.page
        self.place = notebook.output(cell)

    def button(self, name: str) -> Locator:
        """The button called exactly *name* that can be seen."""
        return self.place.get_by_role("button", name=name, exact=True).locator("visible=true")

    def answer(self, name: str) -> Locator:
        """The button called exactly *name* of the question that is asked, not of the row above it."""
        return self.place.locator(".smtp-lab-answers").get_by_role("button", name=name, exact=True)

    def field(self, name: str) -> Locator:
        """The field called exactly *name* that can be seen."""
        field = self.page.locator("input:visible, select:visible, textarea:visible")
        return self.place.get_by_label(name, exact=True).and_(field)

    def said(self, text: str) -> Locator:
        """What can be seen and says *text*."""
        return self.place.get_by_text(text).locator("visible=true").first

    def tab_to(self, wanted: Locator, *, back: bool = False, most: int = 40) -> None:
        """Press Tab until *wanted* has the focus, *most* times at the most."""
        for _ in range(most):
            if wanted.evaluate("node => node === document.activeElement"):
                return
            self.page.keyboard.press("Shift+Tab" if back else "Tab")
        raise AssertionError("it cannot be reached by Tab")
