"""Everything that reads the code without running it: format, types, contracts, templates, scripts,
spelling, migrations, French. It changes no file of the checkout.
"""

import shutil
import tempfile
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po

from tests.check.steps import BIN, ROOT, Result, Step, StepFailedError, command, run_steps

DJANGO = "5.2"
APPS = ("accounts", "directory", "mssante", "webmail")
SETTINGS = {"DJANGO_SETTINGS_MODULE": "mssante.settings.test"}
CATALOGUE = Path("mssante/locale/fr/LC_MESSAGES/django.po")
BIOME = ROOT / "node_modules" / ".bin" / "biome"
_MOST_NAMED = 50


def lint() -> list[Result]:
    """Run every check; the slowest starts first."""
    return run_steps(
        [
            Step("types (mypy)", lambda: command(BIN / "mypy", ".")),
            Step("French is complete", check_french),
            Step("migrations are complete", check_migrations),
            Step(
                "format (ruff)", lambda: command(BIN / "ruff", "format", "--check", "--quiet", ".")
            ),
            Step("rules (ruff)", lambda: command(BIN / "ruff", "check", "--quiet", ".")),
            Step("import contracts", lambda: command(BIN / "lint-imports")),
            Step("templates, format (djade)", check_template_format),
            Step("templates, rules (djlint)", check_template_rules),
            Step("Django idioms (django-upgrade)", check_idioms),
            Step("scripts and style sheets (biome)", check_front),
            Step("spelling (codespell)", lambda: command(BIN / "codespell")),
        ]
    )


def check_migrations() -> None:
    command(
        BIN / "python", "manage.py", "makemigrations", "--check", "--dry-run", environment=SETTINGS
    )


def check_template_format() -> None:
    paths = sorted((ROOT / "templates").rglob("*.html"))
    command(BIN / "djade", "--check", "--target-version", DJANGO, *paths)


def check_template_rules() -> None:
    command(BIN / "djlint", "--lint", "--quiet", "templates")


def check_idioms() -> None:
    paths = [path for app in (*APPS, "tests") for path in sorted((ROOT / app).rglob("*.py"))]
    command(BIN / "django-upgrade", "--check", "--target-version", DJANGO, *paths)


def check_front() -> None:
    if not BIOME.exists():
        raise StepFailedError("biome is missing: run npm ci (Debian packages nodejs and npm).")
    command(BIOME, "check", "static")


def check_french() -> None:
    """Extract every sentence anew, in a copy, and demand a French one for each."""
    if shutil.which("xgettext") is None:
        raise StepFailedError("xgettext is missing: install the Debian package gettext.")
    with tempfile.TemporaryDirectory(prefix="messages-") as folder:
        copy = Path(folder)
        for name in (*APPS, "templates", "static"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "manage.py", copy)
        options = ("--locale", "fr", "--no-obsolete", "--no-wrap", "--no-location")
        command(
            BIN / "python", "manage.py", "makemessages", *options, cwd=copy, environment=SETTINGS
        )
        with (copy / CATALOGUE).open("rb") as file:
            catalogue = read_po(file, locale="fr", abort_invalid=True)
    missing = find_untranslated(catalogue)
    if missing:
        named = [f"  {sentence}" for sentence in missing[:_MOST_NAMED]]
        more = len(missing) - len(named)
        tail = [f"  and {more} more"] if more else []
        heading = f"{len(missing)} sentences have no French (run make messages, then translate):"
        raise StepFailedError("\n".join([heading, *named, *tail]))


def find_untranslated(catalogue: Catalog) -> list[str]:
    """The message ids without a French sentence, or with one that is only a guess (fuzzy)."""
    found = []
    for message in catalogue:
        ids = message.id if isinstance(message.id, (tuple, list)) else (message.id,)
        if not ids[0]:
            continue  # The header.
        strings = message.string if isinstance(message.string, (tuple, list)) else (message.string,)
        if message.fuzzy or not all(strings):
            found.append(f"{'fuzzy: ' if message.fuzzy else ''}{ids[0]!r}")
    return found
