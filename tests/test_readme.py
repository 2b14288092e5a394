"""The README says what is true: its Python runs as written."""

from __future__ import annotations

import doctest
import re
import tomllib
from pathlib import Path

import matplotlib.figure
import pandas as pd
import pytest
from click.testing import CliRunner

import smtp_lab as lab
from smtp_lab.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_five_lines_run_as_written():
    """The first example sends, lists and shows a mail."""
    lines = [line for line in BLOCKS[0].splitlines() if line]
    assert len(lines) == 5
    names: dict[str, object] = {}
    exec("\n".join(lines), names)
    sink = names["sink"]
    try:
        assert sink.inbox.to_frame()["rcpt_to"].tolist()[-1] == ["you@example.com"]
        assert "<iframe sandbox" in sink.inbox[-1]._repr_html_()
    finally:
        sink.stop()


def test_the_diagnosis_says_what_the_readme_prints():
    """The printed explanation is the real one."""
    block = next(block for block in BLOCKS if block.startswith(">>>"))
    example = doctest.DocTestParser().get_doctest(block, {"lab": lab}, "README", "README.md", 0)
    assert doctest.DocTestRunner().run(example).failed == 0


def test_the_profile_and_the_report_run_as_written(sink):
    """The profile is saved by name, and the report goes out through it."""
    report, profile = (
        next(b for b in BLOCKS if start in b) for start in ("lab.render(", "lab.Profile(")
    )
    figure = matplotlib.figure.Figure()
    figure.subplots().plot([1, 2])
    names: dict[str, object] = {"lab": lab, "frame": pd.DataFrame({"a": [1, 2]}), "figure": figure}
    exec(profile, names)
    book = lab.ProfileBook.open()
    assert book["team"] == names["profile"]
    book.save(sink.profile("team"))  # the same name, but a server that is there
    exec(report, names)
    assert sink.inbox[-1].subject == "Sales"
    assert {file.name for file in sink.inbox[-1].attachments} == {"picture1.png", "sales.xlsx"}
    # From notebook to inbox: nothing to be mended, and nothing to be warned of.
    found = sink.inbox[-1].check()
    assert set(found["severity"]) <= {"note"}, found


def test_many_messages_run_as_written(sink, tmp_path, monkeypatch):
    """A list of messages goes out through a saved profile, and again nothing is sent twice."""
    monkeypatch.chdir(tmp_path)
    lab.ProfileBook.open().save(sink.profile("team"))
    names: dict[str, object] = {"lab": lab}
    names["messages"] = [
        lab.render("report", to="boss@example.com", title=f"Sales {n}", summary="All up.")
        for n in range(5)
    ]
    block = next(block for block in BLOCKS if "lab.send_many(" in block)
    for _ in range(2):
        exec(block, names)
        assert names["sent"].ok
        assert len(sink.inbox) == 5


def test_the_search_runs_as_written(sink):
    """The lines on searching, waiting and drawing do what they say."""
    message = lab.render(
        "report", to="bob@example.org", title="report 7", summary="Your code is 482913."
    )
    lab.send(message, profile=sink.profile(sender="Ann <ann@example.com>"))
    block = next(block for block in BLOCKS if "wait_for(" in block)
    found, waited, drawn = [line.partition("#")[0] for line in block.splitlines()]
    assert len(eval(found, {"sink": sink})) == 1
    assert eval(waited, {"sink": sink})[0].code == "482913"
    assert len(eval(drawn, {"sink": sink}).patches) == 1


def test_a_snapshot_is_made_and_held_as_written(sink, tmp_path, monkeypatch):
    """The line on snapshots asks for what its comment says: update=True, the first time."""
    monkeypatch.chdir(tmp_path)
    lab.send_test(sink.profile(), to="you@example.com")
    line = next(x for block in BLOCKS for x in block.splitlines() if ".snapshot(" in x)
    code, _, comment = line.partition("#")
    assert comment.strip().endswith("the first time with update=True")
    with pytest.raises(lab.InputError, match=r"order\.txt"):
        exec(code, {"sink": sink})
    exec(code.replace('")', '", update=True)'), {"sink": sink})
    exec(code, {"sink": sink})
    assert (tmp_path / "order.txt").read_text(encoding="utf-8")


def test_what_the_readme_counts_is_counted():
    """Known failures and mail services are as many as it says."""
    said = re.search(r"among (\d+)\s+known failures", " ".join(README.split()))[1]
    known = ROOT / "smtp_lab" / "facts" / "failures.toml"
    assert int(said) == len(tomllib.loads(known.read_text(encoding="utf-8"))["error"])
    said = re.search(r"(\d+) mail services are known", " ".join(README.split()))[1]
    assert int(said) == len(lab.providers())


def test_every_extra_is_named():
    """The README says what each extra of the project is for, and names no other."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = README.partition("such an extra is meant")[2].partition("## Five lines")[0]
    named = re.findall(r"(?:: |· )`(\w+)`", " ".join(listed.split()))
    assert sorted(named) == sorted(project["optional-dependencies"])


def test_every_page_of_the_docs_is_on_the_map():
    """No page is only found by whoever looks into the folder."""
    linked = set(re.findall(r"\]\(docs/([a-z]+\.md)\)", README.partition("## The map")[2]))
    assert linked == {path.name for path in (ROOT / "docs").glob("*.md")}


@pytest.mark.parametrize("path", re.findall(r"\]\((?!https?:)([^)]+)\)", README))
def test_every_link_leads_somewhere(path):
    """A file or folder the README links is there."""
    assert (ROOT / path).exists()


def test_every_command_the_readme_lists_is_there():
    """The commands of the README are those of the program, all of them."""
    listed = set(re.findall(r"^smtp-lab ([a-z-]+) ", README, re.MULTILINE))
    assert listed == set(main.commands)
    assert CliRunner().invoke(main, ["--help"]).exit_code == 0
