"""The languages people read, and what is said below the panels in each of them."""

from smtp_lab.language.choice import LANGUAGES, language, use_language
from smtp_lab.language.sentences import told, told_problem

__all__ = ("LANGUAGES", "language", "told", "told_problem", "use_language")
