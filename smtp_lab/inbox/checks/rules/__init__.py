"""The rules, a file for each or for a few that belong together; found by being in this folder."""
