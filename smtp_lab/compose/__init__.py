"""What a mail says: Jinja2 templates and DataFrames become one EmailMessage."""

from smtp_lab.compose.dkim import DkimKey
from smtp_lab.compose.lessons import digest, handout
from smtp_lab.compose.merge import render_each
from smtp_lab.compose.message import render, templates
from smtp_lab.compose.template import Template

__all__ = ("DkimKey", "Template", "digest", "handout", "render", "render_each", "templates")
