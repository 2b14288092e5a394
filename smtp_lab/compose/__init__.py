"""What a mail says: Jinja2 templates and DataFrames become one EmailMessage."""

from smtp_lab.compose.render import render, templates

__all__ = ("render", "templates")
