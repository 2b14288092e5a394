"""Mail merge: a message for each row, or a list of what is wrong and nothing sent."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import smtp_lab as lab
from smtp_lab.errors import InputError

HELLO = lab.Template(
    "<p>Dear {{ name }}, order {{ row['Order no'] }}</p>"
    "{% if note is defined %}<p>{{ note }}</p>{% endif %}{{ table }}{{ shared | default('') }}",
    subject="Order {{ row['Order no'] }} for {{ name }}",
)
TABLE = pd.DataFrame({"a": [1, 2]})
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def people(count=3, **columns):
    base = {
        "email": [f"u{n}@example.com" for n in range(count)],
        "name": [f'U{n} "x", <b>' for n in range(count)],
        "Order no": range(100, 100 + count),
        "note": [f"note {n}" if n % 2 else None for n in range(count)],
    }
    return pd.DataFrame(base | columns)


def each(frame=None, **options):
    frame = people() if frame is None else frame
    return lab.render_each(HELLO, frame, **({"to": "email", "table": TABLE} | options))


def problems(make):
    with pytest.raises(InputError) as caught:
        make()
    return [str(problem) for problem in caught.value.problems]


class TestRows:
    """What a row becomes."""

    def test_a_message_a_row(self):
        """Columns are variables, odd names are in row, and a missing value is not there."""
        messages = each(name="name")
        assert [m["Subject"] for m in messages] == [
            f'Order {100 + n} for U{n} "x", <b>' for n in range(3)
        ]
        (first,) = messages[0]["To"].addresses
        assert (first.display_name, first.addr_spec) == ('U0 "x", <b>', "u0@example.com")
        texts = [m.get_body(("plain",)).get_content() for m in messages]
        assert ["note" in text for text in texts] == [False, True, False]
        assert all("Dear U" in text and "\n1\n2\n" in text for text in texts)

    def test_a_list_of_dicts_is_a_table(self):
        """Records of a database do as well."""
        rows = people(2).to_dict("records")
        assert [m["To"] for m in each(rows)] == ["u0@example.com", "u1@example.com"]

    @pytest.mark.parametrize(
        ("attachments", "names"),
        [
            ({"all.csv": TABLE}, [["all.csv"]] * 2),
            (
                {"order {Order no}.csv": lambda row: pd.DataFrame([row])},
                [["order 100.csv"], ["order 101.csv"]],
            ),
            (lambda row: {f"{row['name'][:2]}.txt": "x"}, [["U0.txt"], ["U1.txt"]]),
            (lambda row: None, [[], []]),
            ([Path(__file__)], [["test_merge.py"]] * 2),
            ("path", [["one.txt"], []]),
            ("paths", [["one.txt", "two.txt"], ["two.txt"]]),
            ("contents", [["a.csv"], ["b.bin"]]),
        ],
        ids=[
            "for all",
            "names from the row",
            "function",
            "none",
            "paths for all",
            "path",
            "paths",
            "contents",
        ],
    )
    def test_attachments_of_a_row(self, tmp_path, attachments, names):
        """Paths in a column, contents by name, or a function."""
        one, two = tmp_path / "one.txt", tmp_path / "two.txt"
        one.write_text("1")
        two.write_text("2")
        frame = people(
            2,
            path=[str(one), None],
            paths=[[one, str(two)], [two]],
            contents=[{"a.csv": TABLE}, {"b.bin": b"x"}],
        )
        messages = each(frame, attachments=attachments)
        assert [[p.get_filename() for p in m.iter_attachments()] for m in messages] == names

    def test_a_figure_is_drawn_once_for_all(self):
        """A thousand mails with one chart draw one chart."""

        class Figure:
            drawn = 0

            def savefig(self, file, **_):
                self.drawn += 1
                file.write(PNG)

        figure = Figure()
        template = lab.Template("{{ chart | picture('c') }}", subject="s")
        messages = lab.render_each(template, people(5), to="email", chart=figure)
        assert len(messages) == 5
        assert figure.drawn == 1

    def test_the_way_out_is_each_reader_s_own(self):
        """A function of the row gives the link."""
        messages = each(unsubscribe=lambda row: f"https://example.com/out?u={row['email'][:2]}")
        assert messages[1]["List-Unsubscribe"] == "<https://example.com/out?u=u1>"


class TestTexts:
    """A subject, headers and a way out that are given are filled from each row."""

    def test_they_say_what_the_row_says(self):
        """With the filters and the names a template has, and nothing escaped."""
        messages = each(
            subject="{{ row['Order no'] | number }} for {{ name }} <{{ to[0] }}>",
            headers={"X-Note": "{{ note | default('none') }}, {{ language }}", "X-All": "same"},
            unsubscribe=["https://example.com/out?u={{ email | urlencode }}", "u@example.com"],
            language="de",
        )
        assert [m["Subject"] for m in messages][:2] == [
            '100 for U0 "x", <b> <u0@example.com>',
            '101 for U1 "x", <b> <u1@example.com>',
        ]
        assert [m["X-Note"] for m in messages] == ["none, de", "note 1, de", "none, de"]
        assert {m["X-All"] for m in messages} == {"same"}
        assert messages[1]["List-Unsubscribe"] == (
            "<https://example.com/out?u=u1%40example.com>, <mailto:u@example.com?subject=unsubscribe>"
        )

    def test_a_subject_of_one_mail_is_what_it_is(self):
        """`render` writes for one reader: what is given there is no template."""
        message = lab.render(lab.Template("x"), to="a@example.com", subject="{{ name }}", name="n")
        assert message["Subject"] == "{{ name }}"

    def test_a_given_header_wins_whatever_its_case(self):
        """One of the template with the same name is left out."""
        template = lab.Template("x", subject="s", headers={"X-For": "all"})
        (message,) = lab.render_each(
            template, people(1), to="email", headers={"x-for": "{{ name }}"}
        )
        assert message.get_all("X-For") == ['U0 "x", <b>']

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"subject": "{{ nobody }}"}, "frame: the table has no column 'nobody', which subject needs; give nobody=… for all."),
            ({"headers": {"X-A": "{{ nobody }}"}}, "frame: the table has no column 'nobody', which headers['X-A'] needs; give nobody=… for all."),
            ({"unsubscribe": "https://example.com/{{ nobody }}"}, "frame: the table has no column 'nobody', which unsubscribe needs; give nobody=… for all."),
            ({"subject": "{{ note }}"}, "rows[0].note: is empty; fill it, or give the variable a default."),
            ({"subject": "{% if %}"}, "subject: is no template (Expected an expression, got 'end of statement block'); mend that line; braces that are no template stand in {% raw %}."),
            ({"subject": "{% include 'none.html' %}"}, "subject: there is no file 'none.html'; check the name."),
            ({"subject": "{{ name.nobody }}"}, "rows[0].subject: 'str object' has no attribute 'nobody'; look at the data it was given."),
            ({"subject": "{{ name | number }}"}, "rows[0].subject: cannot be filled ("),
            ({"subject": "{{ name }}", "frame": people(2, name=["ok", "a\nb"])}, "rows[1].subject: holds a line break or another control character; take it out."),
            ({"subject": "{{ name }}", "frame": people(2, name=["ok", "=?utf-8?q?x?="])}, "rows[1].subject: holds an encoded word"),
            ({"headers": {"X-A": "{{ name }}"}, "frame": people(2, name=["ok", "a\r\nBcc: x"])}, "rows[1].headers['X-A']: holds a line break"),
            ({"headers": {"X-A": "{{ 'x' * 10**9 }}"}}, "rows[0].headers['X-A']: it makes a value longer than 1,000,000"),
            ({"unsubscribe": "https://example.com/{{ name }}"}, "rows[0].unsubscribe: "),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )  # fmt: skip
    def test_what_is_wrong_with_them_is_told(self, changes, words):
        """What can be seen without a message comes first; the rest is told by its row."""
        assert problems(lambda: each(**changes))[0].startswith(words)


class TestChecks:
    """Everything is looked at before the first is sent."""

    def test_columns_that_are_missing(self):
        """Each is told, with what there is."""
        found = problems(
            lambda: lab.render_each(HELLO, people()[["email"]], to="mail", name="who", key="id")
        )
        assert found == [
            "to: the table has no column 'mail'; it has email.",
            "name: the table has no column 'who'; it has email.",
            "key: the table has no column 'id'; it has email.",
            "frame: the table has no column 'name', which template template needs; give name=… for all.",
            "frame: the table has no column 'table', which template template needs; give table=… for all.",
        ]

    def test_rows_that_cannot_be_sent(self):
        """Bad, empty and repeated addresses, and empty values, all in one error by row."""
        frame = people(6)
        frame["email"] = [
            "a@example.com",
            "A@EXAMPLE.COM",
            "nope",
            None,
            "b@example.com, c@example.com",
            "d@example.com",
        ]
        frame.loc[5, "name"] = "  "
        found = problems(lambda: each(frame))
        assert [line.partition(";")[0] for line in found] == [
            "rows[2].email: 'nope' has no @",
            "rows[3].email: is empty",
            found[2].partition(";")[0],
            "rows[5].name: is empty",
            "rows[1].email: A@EXAMPLE.COM is in row 0 already",
        ]
        assert found[2].startswith(
            "rows[4].email: 'b@example.com, c@example.com' is not an address"
        )

    def test_a_repeated_address_can_be_allowed(self):
        """Two orders of one customer are two mails."""
        assert len(each(people(2, email=["a@example.com"] * 2), duplicates=True)) == 2

    def test_many_problems_are_counted(self):
        """An error stays readable."""
        found = problems(lambda: each(people(500, email=["x"] * 500)))
        assert len(found) == 21
        assert found[-1] == "rows: there are 480 problems more; mend these first."

    def test_policy_is_asked(self, tmp_path):
        """An address the book does not allow is told by its row."""
        book = lab.ProfileBook.open(tmp_path / "b.toml")
        book.policy = lab.Policy(approved_domains=("example.org",))
        found = problems(lambda: each(people(1), book=book))
        assert found[0].startswith("rows[0].email: policy does not allow u0@example.com")

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"name": "name", "frame": people(2, name=["ok", "a\nb"])}, "rows[1].name: holds a line break"),
            ({"name": "name", "frame": people(2, name=["ok", "=?utf-8?q?x?="])}, "rows[1].to: holds an encoded word"),
            ({"key": "name", "frame": people(2, name=["x", "x"])}, "rows[1].name: x is in row 0 already"),
            ({"attachments": "nothing"}, "rows[0].attachments: there is no column 'nothing'"),
            ({"attachments": {"a.txt": Path("/nowhere/a.txt")}}, "rows[0].attachments['a.txt']: "),
            ({"attachments": lambda row: 3}, "rows[0].attachments: is a int"),
            ({"frame": people(0)}, "frame: has no rows"),
            ({"frame": "x"}, "frame: is a str"),
            ({"frame": [1]}, "frame: is a list"),
            ({"frame": pd.DataFrame([[1, 2]], columns=["a", "a"])}, "frame: has two columns of one name"),
            ({"name": None, "note": "x"}, "data: 'note' is a column, too"),
            ({"frame": people(2, note=["x", "\0"])}, "rows[1].template template/body.html: would hold a NUL"),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )  # fmt: skip
    def test_what_else_is_wrong_is_told_by_its_row(self, changes, words):
        """No message is made when one cannot be."""
        assert words in problems(lambda: each(**changes))[0]


class TestSending:
    """With send_many: outcomes, a journal, and nothing twice."""

    def test_it_is_sent_and_resumed(self, sink, tmp_path):
        """Rendered anew after rows were added, taken out and put in another order, each goes once."""
        profile, journal = sink.profile(), tmp_path / "mail.journal"
        frame = people(5)
        sent = lab.send_many(each(frame), profile, journal=journal)
        assert sent.ok
        assert len(sent.to_frame()) == 5
        more = pd.concat([frame.iloc[[4, 0]], people(7).iloc[5:]])
        assert lab.send_many(each(more), profile, journal=journal).ok
        assert sorted(captured.rcpt_to[0] for captured in sink.inbox) == [
            f"u{n}@example.com" for n in range(7)
        ]

    def test_what_says_something_else_is_another_message(self, sink, tmp_path):
        """Without a key, new content is sent."""
        profile, journal = sink.profile(), tmp_path / "mail.journal"
        for shared in ("one", "two", "one"):
            lab.send_many(each(people(1), shared=shared), profile, journal=journal)
        assert len(sink.inbox) == 2

    def test_with_a_key_a_row_is_the_same_whatever_it_says(self, sink, tmp_path):
        """A mended template reaches only those who did not get the first one."""
        profile, journal = sink.profile(), tmp_path / "mail.journal"
        for count, shared in ((2, "typo"), (3, "mended")):
            lab.send_many(
                each(people(count), key="Order no", shared=shared), profile, journal=journal
            )
        texts = [captured.text for captured in sink.inbox]
        assert ["typo" in text for text in texts] == [True, True, False]

    def test_prepared_and_signed_messages_are_known_again(self, sink, tmp_path):
        """Pictures, files, calendar entries and what is made anew each time play no part."""
        profile, journal = sink.profile(), tmp_path / "mail.journal"
        from datetime import UTC, datetime

        template = lab.Template.open("invitation")
        at = {
            "title": "T",
            "start": datetime(2026, 1, 2, tzinfo=UTC),
            "end": datetime(2026, 1, 3, tzinfo=UTC),
        }
        for _ in range(2):
            messages = lab.render_each(
                template, people(2)[["email"]], to="email", profile=profile,
                attachments={"a.xlsx": TABLE, "p.png": PNG}, **at,
            )  # fmt: skip
            lab.send_many([lab.prepare(m, profile) for m in messages], profile, journal=journal)
        assert len(sink.inbox) == 2

    def test_two_mailings_in_one_journal_do_not_meet(self, sink, tmp_path):
        """The template's name is part of the key."""
        profile, journal = sink.profile(), tmp_path / "mail.journal"
        for name in ("one", "two"):
            template = lab.Template("x {{ row.email }}", subject="s", name=name)
            messages = lab.render_each(template, people(1), to="email", key="Order no")
            lab.send_many(messages, profile, journal=journal)
        assert len(sink.inbox) == 2
