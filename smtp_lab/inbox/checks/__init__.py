"""What is wrong with a captured message: rules that look, and a table of what they found.

Each rule is a function in a file of `smtp_lab.inbox.checks.rules`; adding one is adding a file.
"""

from smtp_lab.inbox.checks.options import Options
from smtp_lab.inbox.checks.rule import Hit, Rule, all_rules
from smtp_lab.inbox.checks.run import check_many

__all__ = ("Hit", "Options", "Rule", "all_rules", "check_many")
