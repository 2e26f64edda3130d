"""The parameters of MAIL and RCPT: taken, or answered as their standards say."""

import pytest

from webmail.inbound.esmtp import (
    LetterAsked,
    ReportAsked,
    read_letter_asked,
    read_report_asked,
)
from webmail.inbound.gate import Reply


@pytest.mark.parametrize(
    ("params", "asked"),
    [
        ({}, LetterAsked()),
        ({"SIZE": "12", "BODY": "8bitmime"}, LetterAsked(12)),
        ({"RET": "full", "ENVID": "QQ314159"}, LetterAsked(0, "QQ314159")),
        ({"RET": "HDRS", "ENVID": "a+2Bb"}, LetterAsked(0, "a+b")),
        ({"ENVID": "a" * 100}, LetterAsked(0, "a" * 100)),
    ],
)
def test_letter_asks(params, asked):
    assert read_letter_asked(params) == asked


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"AUTH": "<>"}, 555),
        ({"BODY": "BINARYMIME"}, 555),
        ({"SIZE": "x"}, 501),
        ({"SIZE": "²"}, 501),
        ({"SIZE": "-1"}, 501),
        ({"RET": "ALL"}, 501),
        ({"RET": ""}, 501),
        ({"ENVID": ""}, 501),
        ({"ENVID": "a=b"}, 501),
        ({"ENVID": "a" * 101}, 501),
    ],
)
def test_letter_asks_for_what_is_not_offered_or_malformed(params, code):
    answer = read_letter_asked(params)
    assert isinstance(answer, Reply)
    assert (answer.code, answer.enhanced) == (code, "5.5.4")


@pytest.mark.parametrize(
    ("params", "asked"),
    [
        ({}, ReportAsked()),
        ({"NOTIFY": "never"}, ReportAsked(("NEVER",))),
        (
            {"NOTIFY": "SUCCESS,FAILURE", "ORCPT": "rfc822;a+2Bb@c.example"},
            ReportAsked(("SUCCESS", "FAILURE"), "rfc822;a+b@c.example"),
        ),
    ],
)
def test_recipient_asks(params, asked):
    assert read_report_asked(params) == asked


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"X": ""}, 555),
        ({"NOTIFY": ""}, 501),
        ({"NOTIFY": "NEVER,SUCCESS"}, 501),
        ({"ORCPT": ""}, 501),
        ({"ORCPT": "a@b.example"}, 501),
    ],
)
def test_recipient_asks_for_what_is_not_offered_or_malformed(params, code):
    answer = read_report_asked(params)
    assert isinstance(answer, Reply)
    assert (answer.code, answer.enhanced) == (code, "5.5.4")
