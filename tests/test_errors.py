"""Every error is a sentence, keeps its fields and survives a pickle."""

from __future__ import annotations

import errno
import pickle
from types import SimpleNamespace

import pytest

from smtp_lab.errors import (
    ArchiveError,
    ConfigFileError,
    DeliveryError,
    InputError,
    PortInUseError,
    Problem,
    SinkError,
    SmtpLabError,
    UnknownNameError,
)

PORT = Problem("connection.port", "0 is not between 1 and 65535", "give 587")
NAME = Problem("name", "is missing", "fill it in")


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (Problem("name", "is missing", "fill it in"), "name: is missing; fill it in."),
        (Problem("name", "is missing"), "name: is missing."),
        (Problem("", "is not TOML", "mend it"), "is not TOML; mend it."),
        (Problem("", "is odd"), "is odd."),
        (
            Problem("hots", "is not a known field", "did you mean 'host'?"),
            "hots: is not a known field; did you mean 'host'?",
        ),
    ],
)
def test_a_problem_is_one_sentence(problem, sentence):
    """Field, problem and fix make one sentence with one mark at its end."""
    assert str(problem) == sentence


def test_several_problems_are_several_sentences():
    """The message of an error names every problem, in order."""
    assert str(InputError(PORT, NAME)) == f"{PORT} {NAME}"


def test_by_field_gives_each_sentence_without_the_field():
    """A form can show each sentence beside its own field."""
    assert InputError(PORT, NAME).by_field == {
        "connection.port": "0 is not between 1 and 65535; give 587.",
        "name": "is missing; fill it in.",
    }


def test_by_field_loses_no_second_problem_of_a_field():
    """Two problems of one field are both in the text for that field."""
    error = InputError(Problem("to", "'x' has no @"), NAME, Problem("to", "'y' has no @"))
    assert error.by_field == {
        "to": "'x' has no @. 'y' has no @.",
        "name": "is missing; fill it in.",
    }


def test_of_builds_the_error_of_one_field():
    """InputError.of makes an error of the class it is called on, with one problem."""
    error = UnknownNameError.of("profile", "'x' is not known", "save it")
    assert type(error) is UnknownNameError
    assert error.problems == (Problem("profile", "'x' is not known", "save it"),)


@pytest.mark.parametrize(
    ("line", "start"), [(7, "book.toml, line 7: name: "), (None, "book.toml: name: ")]
)
def test_a_file_error_says_where(line, start):
    """A ConfigFileError begins with the file and, where one is to blame, the line."""
    error = ConfigFileError("book.toml", line, iter([NAME]))
    assert str(error).startswith(start)
    assert (error.path, error.line, error.problems) == ("book.toml", line, (NAME,))


def test_an_unknown_name_is_a_key_error_without_quotes():
    """UnknownNameError is caught as KeyError, and its message is not shown as a repr."""
    with pytest.raises(KeyError) as caught:
        raise UnknownNameError.of("profile", "'x' is not known", "save it")
    assert str(caught.value) == "profile: 'x' is not known; save it."


def test_a_taken_port_is_an_os_error_with_its_number():
    """PortInUseError is an OSError whose errno says what an OSError's errno says."""
    with pytest.raises(OSError, match="already in use") as caught:
        raise PortInUseError("127.0.0.1", 8025, "choose another port")
    assert str(caught.value) == "Port 8025 on 127.0.0.1 is already in use; choose another port."
    assert caught.value.errno == errno.EADDRINUSE
    assert (caught.value.host, caught.value.port) == ("127.0.0.1", 8025)


def test_a_delivery_error_says_what_its_delivery_says():
    """The message of a DeliveryError is the sentence of the delivery it carries."""
    delivery = SimpleNamespace(sentence="The server refused the recipient.")
    error = DeliveryError(delivery)
    assert str(error) == "The server refused the recipient."
    assert error.delivery is delivery


@pytest.mark.parametrize(
    "error",
    [
        InputError(PORT, NAME),
        InputError.of("to", "names nobody"),
        ConfigFileError("book.toml", 7, [PORT, NAME]),
        ConfigFileError("book.toml", None, [NAME]),
        UnknownNameError.of("profile", "'x' is not known"),
        PortInUseError("::1", 25, "choose another"),
        SinkError("it is stopped"),
        ArchiveError("it is full"),
        DeliveryError(SimpleNamespace(sentence="No.")),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_pickle_round_trip_changes_nothing(error):
    """Each error comes out of a pickle as it went in: a child process can send it."""
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)
    assert isinstance(back, SmtpLabError)


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (InputError, ValueError),
        (ConfigFileError, ValueError),
        (UnknownNameError, KeyError),
        (PortInUseError, OSError),
    ],
)
def test_each_error_is_what_a_script_would_catch(kind, builtin):
    """The tree has one root, and its errors are also the built-in ones people know."""
    assert issubclass(kind, builtin)
    assert issubclass(kind, SmtpLabError)
