"""Everything that proves the product by running it, stage after stage, and one verdict at the end.

It knows which tests run on what; what they prove is theirs. A missing program is an error with the
name of its Debian package, and a skipped test is a failure: neither proves anything.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from tests.check.deployment import check_deployment
from tests.check.lint import lint
from tests.check.services import (
    MissingComponentError,
    PrivatePostgres,
    PrivateRedis,
    ServerError,
    find_postgres,
    private_postgres,
    private_redis,
)
from tests.check.steps import (
    BIN,
    ROOT,
    Result,
    Step,
    StepFailedError,
    command,
    has_failed,
    run_step,
    say,
)

PROGRAMS = {
    "chromium": "chromium",
    "faketime": "faketime",
    "git": "git",
    "npm": "npm",
    "postfix": "postfix",
    "redis-server": "redis-server",
    "strace": "strace",
    "xgettext": "gettext",
}
SYSTEM_PATH = f"{os.defpath}:/usr/local/sbin:/usr/sbin:/sbin"
COVERAGE_FLOOR = 90
MEASURED = {"COVERAGE_FILE": str(ROOT / "var" / "coverage")}
# What a stranger's bytes, a key or a permission pass through: every line and every branch.
COVERED_WHOLLY = (
    "accounts/keyring.py",
    "directory/trust/*",
    "webmail/inbound/gate.py",
    "webmail/mailbox/access.py",
    "webmail/mime/*",
    "webmail/tracking.py",
)
COUNTS = ("passed", "failed", "errors", "skipped")


@dataclass(slots=True)
class Tally:
    """How many tests ended how, over all stages."""

    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0

    def __str__(self) -> str:
        said = [f"{getattr(self, name)} {name}" for name in COUNTS if getattr(self, name)]
        return ", ".join(said) or "no tests ran"


def prove_everything() -> bool:
    """Run every stage, also after one that failed; the verdict of all."""
    start = time.monotonic()
    tally = Tally()
    say("== code is read")
    results = lint()
    try:
        check_programs()
        with private_postgres() as postgres, private_redis() as redis:
            for step in _stages(postgres, redis, tally):
                say("", f"== {step.name}")
                result = run_step(step)
                results.append(result)
                if result.complaint:
                    say(result.complaint)
    except (MissingComponentError, ServerError) as error:
        results.append(Result("what the tests need", 0.0, str(error)))
        say(str(error))
    # A check that failed is no failed test, and must not read as a success.
    tally.errors += sum(bool(result.complaint) for result in results)
    seconds = time.monotonic() - start
    say("", "== summary", *(result.line for result in results))
    # In pytest's own words: what counts tests in a log finds them.
    say(f"==== {tally} in {seconds:.2f}s ====")
    return not has_failed(results)


def check_programs() -> None:
    """Raises ``MissingComponentError`` for the first program that is not installed."""
    find_postgres()
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None and shutil.which(program, path=SYSTEM_PATH) is None:
            raise MissingComponentError(
                f"{program} is missing: install the Debian package {package}."
            )


def _stages(postgres: PrivatePostgres, redis: PrivateRedis, tally: Tally) -> list[Step]:
    def tests(*words: str, **environment: str) -> Callable[[], None]:
        return lambda: run_tests(words, tally, environment)

    # The conversations with peers nobody here wrote are a stage of their own, but for the one with
    # Celery's workers: it is told once for each kind of bell and of database.
    servers = {"TEST_DATABASE_URL": postgres.url("mssante"), "TEST_BROKER_URL": redis.url()}
    not_elsewhere = "not browser and not bench and not fault"
    return [
        Step(
            "production settings: keys, tables, static files, deployment check",
            lambda: check_deployment(postgres.url("postgres"), redis.url(1)),
        ),
        Step("tests on SQLite and files", tests("-n", "2", *_coverage(), **MEASURED)),
        Step("no line untested where it matters most", check_coverage),
        Step(
            "mail on PostgreSQL and Redis",
            tests("-n", "2", "tests/webmail", "tests/flows", **servers),
        ),
        Step(
            "workers on PostgreSQL and Redis",
            tests("-m", not_elsewhere, "tests/peers/test_services.py", **servers),
        ),
        Step("peers nobody here wrote", tests("-m", "peer", "-n", "2")),
        # Side by side: most of the time they wait for something to heal.
        Step(
            "faults under a whole site",
            tests("-m", "fault", "-n", "2", "--dist", "loadfile", "tests/faults"),
        ),
        Step("stories in Chromium", tests("-m", "browser", "tests/browser")),
    ]


def _coverage() -> tuple[str, ...]:
    return ("--cov", "--cov-report=term:skip-covered", f"--cov-fail-under={COVERAGE_FLOOR}")


def check_coverage() -> None:
    """Raises ``StepFailedError`` with the lines that no test on SQLite ran."""
    include = ",".join(COVERED_WHOLLY)
    words = ("report", f"--include={include}", "--fail-under=100", "--skip-covered", "-m")
    command(BIN / "coverage", *words, environment=MEASURED)


def run_tests(words: Sequence[str], tally: Tally, environment: dict[str, str]) -> None:
    """One run of pytest, seen as it goes. Raises ``StepFailedError`` for any failure or skip, and
    when no test ran.
    """
    with _report() as report:
        done = subprocess.run(
            [BIN / "pytest", "-q", f"--junitxml={report}", *words],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            check=False,
        )
        skipped = _count(report, tally)
    if done.returncode:
        raise StepFailedError(f"pytest ended with {done.returncode}.")
    if skipped:
        raise StepFailedError(f"{skipped} tests were skipped: they prove nothing.")


@contextlib.contextmanager
def _report() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="report-") as folder:
        yield Path(folder) / "report.xml"


def _count(report: Path, tally: Tally) -> int:
    """Add the report's figures; returns how many were skipped. No report: pytest did not start."""
    if not report.exists():
        return 0
    suite = etree.parse(report).getroot().find("testsuite")
    if suite is None:
        return 0
    total, failed, errors, skipped = (
        int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")
    )
    tally.passed += total - failed - errors - skipped
    tally.failed += failed
    tally.errors += errors
    tally.skipped += skipped
    return skipped
