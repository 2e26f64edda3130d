"""Typed readers of the environment: a value of its type, or a refusal that names the variable."""

from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from mssante.env import (
    child_environment,
    env_bool,
    env_int,
    env_list,
    env_path,
    env_routes,
    env_secret,
    env_str,
)

NAME = "MSS_TEST_VALUE"


@pytest.fixture
def put(monkeypatch):
    for name in (NAME, f"{NAME}_FILE"):
        monkeypatch.delenv(name, raising=False)
    return lambda value, suffix="": monkeypatch.setenv(NAME + suffix, str(value))


@pytest.mark.parametrize("read", [env_str, env_path, env_secret])
def test_value_that_must_be_set_is_demanded_by_its_name(put, read):
    with pytest.raises(ImproperlyConfigured, match=NAME):
        read(NAME)


def test_defaults_hold_when_nothing_is_set(put):
    assert env_str(NAME, "x") == "x"
    assert env_bool(NAME, default=True) is True
    assert env_int(NAME, 7) == 7
    assert env_list(NAME, ["a"]) == ["a"]
    assert env_list(NAME) == []
    assert env_path(NAME, Path("/x")) == Path("/x")
    assert env_routes(NAME) == {}


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("Yes", True), ("off", False), ("FALSE", False)]
)
def test_truth_is_read_in_any_case(put, text, value):
    put(text)
    assert env_bool(NAME, default=not value) is value


@pytest.mark.parametrize("text", ["", "oui", "2", "tru", " 1"])
def test_doubtful_truth_is_refused_and_not_guessed(put, text):
    put(text)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env_bool(NAME, default=True)


@pytest.mark.parametrize(("text", "value"), [("25", 25), ("-1", -1), ("0", 0)])
def test_whole_number_is_read(put, text, value):
    put(text)
    assert env_int(NAME, 7) == value


@pytest.mark.parametrize("text", ["", "25 Mo", "1.5", "0x10"])
def test_what_is_no_whole_number_is_refused(put, text):
    put(text)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env_int(NAME, 7)


def test_list_is_trimmed_and_its_holes_dropped(put):
    put(" a.example , ,b.example,")
    assert env_list(NAME) == ["a.example", "b.example"]


def test_callers_default_list_is_not_shared(put):
    default = ["a"]
    env_list(NAME, default).append("b")
    assert default == ["a"]


def test_routes_are_read_with_names_and_addresses(put):
    put("A.example=localhost:8426, b.example=[::1]:25")
    assert env_routes(NAME) == {"a.example": ("localhost", 8426), "b.example": ("::1", 25)}


@pytest.mark.parametrize(
    "text", ["a.example", "a.example=host", "=host:25", "a=:25", "a=host:x", "a=host:"]
)
def test_malformed_route_is_refused(put, text):
    put(text)
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env_routes(NAME)


def test_secret_is_read_from_the_variable_or_from_the_file_it_names(put, tmp_path):
    put("du texte")
    assert env_secret(NAME) == "du texte"
    (tmp_path / "secret").write_text("du fichier\n", encoding="utf-8")
    put(tmp_path / "secret", "_FILE")
    assert env_secret(NAME) == "du fichier"


def test_unreadable_secret_file_is_refused_even_beside_a_value(put, tmp_path):
    put("du texte")
    put(tmp_path / "absent", "_FILE")
    with pytest.raises(ImproperlyConfigured, match=f"{NAME}_FILE"):
        env_secret(NAME)


@pytest.mark.parametrize("content", ["", "\n"])
def test_empty_secret_is_no_secret(put, tmp_path, content):
    put("")
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env_secret(NAME)
    (tmp_path / "secret").write_text(content, encoding="utf-8")
    put(tmp_path / "secret", "_FILE")
    with pytest.raises(ImproperlyConfigured, match=NAME):
        env_secret(NAME)


def test_refusal_does_not_tell_the_value(put):
    put("PLANTED")
    for read in (
        lambda: env_bool(NAME, default=True),
        lambda: env_int(NAME, 1),
        lambda: env_routes(NAME),
    ):
        with pytest.raises(ImproperlyConfigured) as caught:
            read()
        assert "PLANTED" not in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_child_gets_our_environment_and_more(put):
    put("a")
    child = child_environment({"MSS_TEST_OTHER": "b"})
    assert (child[NAME], child["MSS_TEST_OTHER"]) == ("a", "b")
    assert "PATH" in child
