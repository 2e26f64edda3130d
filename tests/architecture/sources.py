"""The product's own source files, parsed once: what architecture tests look at."""

import ast
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("mssante", "webmail", "accounts", "directory")


def product_files():
    """Every Python file of the product, as paths relative to the project; migrations aside."""
    found = [
        path.relative_to(ROOT)
        for app in APPS
        for path in sorted((ROOT / app).rglob("*.py"))
        if "migrations" not in path.parts
    ]
    return [*found, Path("manage.py")]


@lru_cache(maxsize=512)
def tree_of(path):
    return ast.parse((ROOT / path).read_text(encoding="utf-8"), filename=str(path))
