"""Size, names and manners of every module: small enough to read, named for what it does."""

import ast
import re

import pytest

from tests.architecture.sources import ROOT, product_files, tree_of

WALL_OF_A_MODULE = 400
# Forty lines is the rule of review; past sixty nobody may argue.
WALL_OF_A_FUNCTION = 60
FORBIDDEN_NAMES = {
    "utils",
    "helpers",
    "common",
    "misc",
    "core",
    "manager",
    "base",
    "util",
    "helper",
}
# Texts of the demonstration's letters: words, not code.
LETTERS = ("mssante", "demo", "letters")
_MACHINE_PATHS = re.compile(
    r"(?<![\w.])/(?:home|root|Users|work|opt|srv|usr/local|tmp)/[\w.-]+|[A-Z]:\\\\"
)


def is_letter(path):
    return path.parts[: len(LETTERS)] == LETTERS


def functions_of(tree):
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [node for node in ast.walk(tree) if isinstance(node, kinds)]


def test_no_module_is_longer_than_the_wall():
    lengths = {
        str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in product_files()
        if not is_letter(path)
    }
    assert not {path: n for path, n in lengths.items() if n > WALL_OF_A_MODULE}


def test_no_function_is_longer_than_the_wall():
    long_ones = [
        f"{path}:{node.lineno} {node.name} ({node.end_lineno - node.lineno + 1} lines)"
        for path in product_files()
        for node in functions_of(tree_of(path))
        if node.end_lineno - node.lineno + 1 > WALL_OF_A_FUNCTION
    ]
    assert not long_ones


def test_nine_functions_in_ten_are_short():
    sizes = sorted(
        node.end_lineno - node.lineno + 1
        for path in product_files()
        for node in functions_of(tree_of(path))
    )
    assert sizes[len(sizes) * 9 // 10] <= 36


def test_every_module_says_what_it_is():
    silent = [
        str(path)
        for path in product_files()
        if tree_of(path).body and not ast.get_docstring(tree_of(path))
    ]
    assert not silent


def test_no_module_has_a_name_that_says_nothing():
    allowed = {"mssante/settings/base.py"}
    nameless = [
        str(path)
        for path in product_files()
        if str(path) not in allowed and FORBIDDEN_NAMES & {path.stem, *path.parts[:-1]}
    ]
    assert not nameless


def test_product_prints_nothing():
    """Commands write to their own stream; the demonstration talks to the person who started it."""
    talkers = [
        f"{path}:{node.lineno}"
        for path in product_files()
        if path.parts[:2] != ("mssante", "demo")
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"print", "breakpoint", "pprint"}
    ]
    assert not talkers


def test_no_blind_except_without_a_reason():
    """Whoever must survive anything says so beside it."""
    blind = []
    for path in product_files():
        lines = (ROOT / path).read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree_of(path)):
            if not isinstance(node, ast.ExceptHandler) or not is_blind(node):
                continue
            raises = any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
            if not raises and "(" not in lines[node.lineno - 1].partition("noqa")[2]:
                blind.append(f"{path}:{node.lineno}")
    assert not blind


def is_blind(handler):
    return handler.type is None or (
        isinstance(handler.type, ast.Name) and handler.type.id in {"Exception", "BaseException"}
    )


@pytest.mark.parametrize(
    "folder", ["mssante", "webmail", "accounts", "directory", "templates", "static"]
)
def test_no_path_of_a_machine_is_written_down(folder):
    found = []
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix not in {".py", ".html", ".js", ".css", ".po"} or "vendor" in path.parts:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if _MACHINE_PATHS.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:80]}")
    assert not found


def test_nothing_is_left_to_do():
    """No mark of unfinished work in the product."""
    marks = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError\(\)|^\s*\.\.\.\s*$")
    found = [
        f"{path}:{number}"
        for path in product_files()
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1)
        if marks.search(line)
    ]
    assert not found
