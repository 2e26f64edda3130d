"""One door per danger: each dangerous name, and the only files that may import or call it."""

import ast
from dataclasses import dataclass
from fnmatch import fnmatch

import pytest

from tests.architecture.sources import product_files, tree_of


@dataclass(frozen=True, slots=True)
class Door:
    """``names`` are dotted; whoever imports or names one of them, or anything below it, is seen.

    With ``called`` the bare name is harmless (a type, an error); calling it is not.
    """

    danger: str
    names: tuple[str, ...]
    homes: tuple[str, ...] = ()
    called: bool = False


DOORS = (
    Door("the card and the HSM", ("pkcs11",), ("accounts/pkcs11.py",)),
    Door(
        "a TLS context",
        (
            "ssl.SSLContext",
            "ssl.create_default_context",
            "ssl._create_unverified_context",
            "ssl._create_stdlib_context",
            "ssl.wrap_socket",
        ),
        ("directory/trust/tls.py",),
        called=True,
    ),
    Door(
        "certificates",
        ("cryptography.x509", "cryptography.hazmat.primitives.asymmetric"),
        (
            "directory/trust/certificates.py",
            "directory/trust/anchors.py",
            "directory/trust/revocation.py",
            "mssante/demo/*",
        ),
    ),
    Door(
        "symmetric encryption",
        (
            "cryptography.hazmat.primitives.ciphers",
            "cryptography.hazmat.primitives.kdf",
            "cryptography.fernet",
        ),
        ("accounts/keyring.py",),
    ),
    Door("speaking SMTP", ("smtplib",), ("webmail/outbound/smtp.py",)),
    Door("listening to SMTP", ("aiosmtpd", "smtpd"), ("webmail/inbound/engine.py",)),
    Door("mail outside the trust space", ("django.core.mail",)),
    Door("cleaning HTML", ("bleach",), ("webmail/mime/sanitize.py",)),
    Door(
        "vouching for markup",
        ("django.utils.safestring.mark_safe", "django.utils.safestring.SafeString"),
        ("webmail/templatetags/*",),
        called=True,
    ),
    Door(
        "asking the web",
        ("requests", "urllib.request", "urllib3", "httpx", "http.client", "aiohttp"),
        ("mssante/demo/supervisor.py",),
    ),
    Door(
        "parsing XML",
        ("lxml", "xml.etree", "xml.dom", "xml.sax.make_parser", "xml.sax.parse", "defusedxml"),
        ("directory/trust/xml.py",),
    ),
    Door(
        "XML signatures",
        ("signxml",),
        ("directory/trust/signed_list.py", "mssante/demo/published_list.py"),
    ),
    Door(
        "the environment",
        ("os.environ", "os.getenv", "os.putenv"),
        ("mssante/env.py", "mssante/wsgi.py", "manage.py"),
    ),
    Door("other programs", ("subprocess", "os.system", "os.popen", "pty"), ("mssante/demo/*",)),
    Door("code from data", ("pickle", "marshal", "shelve", "dill", "code", "runpy")),
    Door("code from text", ("eval", "exec", "compile", "__import__"), called=True),
    Door(
        "SQL of our own",
        ("django.db.models.expressions.RawSQL", "django.db.models.RawSQL"),
    ),
    Door("pages without CSRF", ("django.views.decorators.csrf",)),
)


def find_uses(tree):
    """(dotted name, line, is a call) of everything a module imports, names or calls."""
    aliases, uses = {}, []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                uses.append((item.name, node.lineno, False))
                first = item.name.partition(".")[0]
                aliases[item.asname or first] = item.name if item.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for item in node.names:
                uses.append((f"{node.module}.{item.name}", node.lineno, False))
                aliases[item.asname or item.name] = f"{node.module}.{item.name}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            uses.append((_dotted(node.func, aliases), node.lineno, True))
            uses += _by_import_module(node, aliases)
        elif isinstance(node, ast.Attribute):
            uses.append((_dotted(node, aliases), node.lineno, False))
    return [use for use in uses if use[0]]


def _dotted(node, aliases):
    if isinstance(node, ast.Name):
        return aliases.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        above = _dotted(node.value, aliases)
        return f"{above}.{node.attr}" if above else ""
    return ""


def _by_import_module(node, aliases):
    """``import_module("pickle")`` is an import too."""
    first = node.args[0] if node.args else None
    if (
        _dotted(node.func, aliases) == "importlib.import_module"
        and isinstance(first, ast.Constant)
        and isinstance(first.value, str)
    ):
        return [(first.value, node.lineno, False)]
    return []


def find_violations(path, tree):
    found = set()
    for name, line, is_call in find_uses(tree):
        for door in DOORS:
            if any(fnmatch(path, home) for home in door.homes) or (door.called and not is_call):
                continue
            for danger in door.names:
                if name == danger or (not door.called and name.startswith(f"{danger}.")):
                    found.add(f"{path}:{line}: {name} ({door.danger})")
    return sorted(found)


def test_every_danger_stays_behind_its_door():
    found = [line for path in product_files() for line in find_violations(str(path), tree_of(path))]
    assert not found, "\n".join(found)


def test_every_home_is_still_there():
    """A home that moved would leave its door open for nobody. The card comes later."""
    paths = [str(path) for path in product_files()]
    homes = {home for door in DOORS for home in door.homes} - {"accounts/pkcs11.py"}
    assert not {home for home in homes if not any(fnmatch(path, home) for path in paths)}


@pytest.mark.parametrize(
    "source",
    [
        "import smtplib",
        "import smtplib as postman",
        "from smtplib import SMTP",
        "import ssl\ncontext = ssl.create_default_context()",
        "import ssl as s\ncontext = s.SSLContext(s.PROTOCOL_TLS_CLIENT)",
        "from ssl import SSLContext\ncontext = SSLContext()",
        "from cryptography import x509",
        "from cryptography.x509 import load_pem_x509_certificate",
        "from cryptography.hazmat.primitives.ciphers.aead import AESGCM",
        "from cryptography.hazmat.primitives import ciphers",
        "from cryptography.fernet import Fernet",
        "from django.core.mail import send_mail",
        "from django.core import mail",
        "import bleach",
        "from django.utils.safestring import mark_safe\nx = mark_safe('<b>')",
        "from django.utils import safestring\nx = safestring.mark_safe('<b>')",
        "import urllib.request",
        "from urllib import request",
        "import urllib\nurllib.request.urlopen('http://x')",
        "import requests",
        "def f():\n    import httpx",
        "from lxml import etree",
        "import xml.etree.ElementTree as ET",
        "import os\nkey = os.environ['KEY']",
        "from os import environ",
        "import os\nos.getenv('KEY')",
        "import subprocess",
        "import os\nos.system('ls')",
        "import pickle",
        "import importlib\nimportlib.import_module('pickle')",
        "from importlib import import_module\nimport_module('marshal')",
        "eval('1')",
        "exec('x = 1')",
        "__import__('os')",
        "from django.views.decorators.csrf import csrf_exempt",
    ],
)
def test_planted_violation_is_caught(source):
    assert find_violations("webmail/web/planted.py", ast.parse(source))


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("webmail/outbound/smtp.py", "import smtplib"),
        ("webmail/outbound/smtp.py", "import ssl\ndef f(c: ssl.SSLContext): ...\n"),
        (
            "webmail/web/page.py",
            "from django.utils.html import format_html\nformat_html('<b></b>')",
        ),
        ("webmail/web/page.py", "from urllib.parse import quote"),
        ("webmail/web/page.py", "import re\nre.compile('x')"),
        (
            "webmail/web/page.py",
            "from django.utils.safestring import SafeString\ndef f() -> SafeString: ...",
        ),
        ("mssante/demo/processes.py", "import subprocess\nsubprocess.run(['ls'])"),
    ],
)
def test_lawful_use_is_left_alone(path, source):
    assert find_violations(path, ast.parse(source)) == []


def test_home_of_one_door_opens_no_other():
    """A per-file exception of a linter would lift every ban in that file at once."""
    assert find_violations("webmail/outbound/smtp.py", ast.parse("import pickle, bleach"))
