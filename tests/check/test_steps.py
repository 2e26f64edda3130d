"""The checkers are checked: what fails is seen, named and counted."""

import sys

import pytest
from babel.messages.catalog import Catalog

from tests.check.lint import find_untranslated
from tests.check.steps import Step, StepFailedError, command, has_failed, run_step, run_steps
from tests.check.suite import Tally, run_tests


def complain():
    raise StepFailedError("one wall is crooked")


def test_failing_step_is_named_with_its_complaint(capsys):
    results = run_steps([Step("walls", complain), Step("roof", lambda: None)])
    lines = capsys.readouterr().out.splitlines()
    assert has_failed(results)
    assert "one wall is crooked" in lines
    assert [line.split()[0] for line in lines if line.endswith("walls")] == ["FAILED"]
    assert [line.split()[0] for line in lines if line.endswith("roof")] == ["ok"]


def test_steps_that_pass_are_no_failure():
    assert not has_failed([run_step(Step("roof", lambda: None))])


def test_command_that_fails_hands_on_its_words():
    with pytest.raises(StepFailedError, match="no such wall"):
        command(sys.executable, "-c", "raise SystemExit('no such wall')")


def test_command_that_fails_without_a_word_is_a_failure_still():
    with pytest.raises(StepFailedError, match="ended with 3"):
        command(sys.executable, "-c", "raise SystemExit(3)")


def test_sentence_without_french_or_with_a_guess_is_found():
    catalogue = Catalog(locale="fr")
    catalogue.add("Send", "Envoyer")
    catalogue.add("Answer", "")
    catalogue.add("Inbox", "Boîte", flags=["fuzzy"])
    catalogue.add(("%(n)s letter", "%(n)s letters"), ("%(n)s lettre", ""))
    assert find_untranslated(catalogue) == ["'Answer'", "fuzzy: 'Inbox'", "'%(n)s letter'"]


@pytest.mark.parametrize(
    ("body", "complaint", "tally"),
    [
        ("pass", None, Tally(passed=1)),
        ("assert 0", "pytest ended with 1", Tally(failed=1)),
        ("import pytest; pytest.skip('no Redis')", "1 tests were skipped", Tally(skipped=1)),
    ],
)
def test_only_a_run_in_which_all_tests_ran_and_passed_is_good(tmp_path, body, complaint, tally):
    (tmp_path / "test_it.py").write_text(f"def test_it():\n    {body}\n", encoding="utf-8")
    found = Tally()

    def run():
        words = ["-c", "/dev/null", "-p", "no:cacheprovider", "-p", "no:django", str(tmp_path)]
        run_tests(words, found, {})

    if complaint is None:
        run()
    else:
        with pytest.raises(StepFailedError, match=complaint):
            run()
    assert found == tally
