"""The front end as a whole: colours that can be read, templates that compile, files that are there,
nothing inline.

It reads templates, style sheets and scripts as text; it knows no view and opens no page.
"""

import hashlib
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.template.backends.django import Template
from django.template.loader import get_template
from django.test import override_settings

from webmail.web.truth import LOOKS

STATIC = settings.BASE_DIR / "static"
TEMPLATES_DIR = settings.BASE_DIR / "templates"
TEMPLATES = sorted(
    path.relative_to(TEMPLATES_DIR).as_posix() for path in TEMPLATES_DIR.rglob("*.html")
)
SCRIPTS = sorted((STATIC / "js").rglob("*.js"))

Declarations = dict[str, str]


def parse_rules(css: str) -> dict[tuple[str, ...], Declarations]:
    """Declarations of each block, under the selectors and at-rules around it."""
    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    rules: dict[tuple[str, ...], Declarations] = {}
    path: list[str] = []
    for text, mark in re.findall(r"([^{};]*)([{};])", css):
        words = " ".join(text.split())
        if mark == "{":
            path.append(words)
            continue
        if ":" in words:
            name, _, value = words.partition(":")
            rules.setdefault(tuple(path), {})[name.strip()] = value.strip()
        if mark == "}":
            path.pop()
    return rules


RULES = parse_rules((STATIC / "css" / "tokens.css").read_text(encoding="utf-8"))
LIGHT = RULES[":root",]
DARK = RULES['[data-theme="dark"]',]
CONTRAST = RULES['[data-theme="contrast"]',]
SYSTEM_DARK = RULES["@media (prefers-color-scheme: dark)", ":root:not([data-theme])"]
SYSTEM_CONTRAST = RULES["@media (prefers-contrast: more)", ":root:not([data-theme])"]
SYSTEM_BOTH = RULES[
    "@media (prefers-contrast: more) and (prefers-color-scheme: dark)", ":root:not([data-theme])"
]
THEMES: dict[str, Declarations] = {
    "light": LIGHT,
    "dark": {**LIGHT, **DARK},
    "contrast": {**LIGHT, **CONTRAST},
    "dark contrast": {**LIGHT, **DARK, **CONTRAST, **SYSTEM_BOTH},
}


def resolve_colour(theme: Declarations, name: str) -> str:
    value = theme[f"--{name}"]
    while value.startswith("var("):
        value = theme[value.removeprefix("var(").removesuffix(")")]
    digits = value.removeprefix("#")
    return digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.1."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast_ratio(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def contrast_pairs() -> list[tuple[str, str, float]]:
    """Every text on every ground it may stand on (4.5:1), every telling graphic (3:1)."""
    grounds = ["bg", "bg-list", "surface", "surface-2", "sunken", "hover"]
    texts = ["text", "text-2", "text-3"]
    texts += [f"{tone}-text" for tone in ("brand", "accent", "ok", "danger", "info", "patient")]
    pairs = [(text, ground, 4.5) for text in texts for ground in grounds]
    pairs += [("on-brand", "brand", 4.5), ("on-brand", "brand-hover", 4.5)]
    pairs += [("on-accent", "accent-fill", 4.5), ("on-danger", "danger-fill", 4.5)]
    pairs += [("on-hero", "hero", 4.5), ("on-hero-2", "hero", 4.5)]
    for tone in ("brand", "accent", "ok", "danger", "info", "patient"):
        for wash in (f"{tone}-wash", f"{tone}-wash-2"):
            if f"--{wash}" in LIGHT:
                pairs += [(text, wash, 4.5) for text in ("text", "text-2", f"{tone}-text")]
    for wash in ("brand-wash", "accent-wash", "danger-wash-2"):
        pairs += [(text, wash, 4.5) for text in ("text-3", "accent-text", "brand-text")]
    graphics = ["line-field", "accent", "ok", "danger", "info", "patient", "focus"]
    return pairs + [(graphic, ground, 3.0) for graphic in graphics for ground in grounds[:4]]


@pytest.mark.parametrize("name", THEMES)
def test_every_pair_of_colours_can_be_told_apart(name):
    theme = THEMES[name]
    low = [
        (front, ground, round(ratio, 2))
        for front, ground, needed in contrast_pairs()
        if (ratio := contrast_ratio(resolve_colour(theme, front), resolve_colour(theme, ground)))
        < needed
    ]
    assert low == []


def test_choice_and_system_give_the_same_dark_theme():
    assert DARK == SYSTEM_DARK


def test_choice_and_system_give_the_same_contrast_theme():
    assert CONTRAST == SYSTEM_CONTRAST


def test_style_sheets_only_use_colours_by_name():
    colour = re.compile(r"(?<!&)#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch)a?\(", re.IGNORECASE)
    found = [
        path.name
        for path in sorted((STATIC / "css").rglob("*.css"))
        if path.name != "tokens.css" and colour.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_style_sheets_only_use_tokens_that_exist():
    known = set(LIGHT)
    unknown = {
        (path.name, name)
        for path in sorted((STATIC / "css").rglob("*.css"))
        for name in re.findall(r"var\((--[\w-]+)", path.read_text(encoding="utf-8"))
        if name not in known
    }
    assert unknown == set()


@pytest.mark.parametrize("name", TEMPLATES)
def test_template_compiles(name):
    assert isinstance(get_template(name), Template)


@pytest.mark.parametrize("name", TEMPLATES)
def test_template_names_files_that_exist(name):
    source = (TEMPLATES_DIR / name).read_text(encoding="utf-8")
    included = re.findall(r"{% (?:include|extends) \"([^\"]+)\"", source)
    assert all(isinstance(get_template(one), Template) for one in included)
    static = re.findall(r"{% static ['\"]([^'\"]+)['\"]", source)
    assert [one for one in static if finders.find(one) is None] == []


@pytest.mark.parametrize("name", TEMPLATES)
def test_template_holds_nothing_inline(name):
    source = (TEMPLATES_DIR / name).read_text(encoding="utf-8")
    assert re.findall(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|hx-vals=.js:", source) == []
    scripts = re.findall(r"<script\b([^>]*)>(.*?)</script>", source, flags=re.DOTALL)
    assert [body for attributes, body in scripts if "src=" not in attributes or body.strip()] == []


def test_every_icon_asked_for_is_in_the_sprite():
    sprite = (STATIC / "img" / "icons.svg").read_text(encoding="utf-8")
    known = set(re.findall(r'<symbol id="([\w-]+)"', sprite))
    asked = {track for _, track in LOOKS.values()}
    for name in TEMPLATES:
        source = (TEMPLATES_DIR / name).read_text(encoding="utf-8")
        asked |= set(re.findall(r'_icon\.html" with name="([\w-]+)"', source))
        asked |= set(re.findall(r'\bicon="([\w-]+)"', source))
    assert asked - known == set()


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_script_stays_small(script):
    assert len(script.read_text(encoding="utf-8").splitlines()) <= 150


@pytest.mark.parametrize(
    "script", sorted((STATIC / "js" / "elements").glob("*.js")), ids=lambda path: path.name
)
def test_element_file_is_named_like_its_element_and_loaded(script):
    source = script.read_text(encoding="utf-8")
    assert re.findall(r'customElements\.define\("([\w-]+)"', source) == [script.stem]
    loaded = (STATIC / "js" / "app.js").read_text(encoding="utf-8")
    assert f'import "./elements/{script.name}";' in loaded


def test_every_style_sheet_is_taken_in_by_the_first():
    css = STATIC / "css"
    taken = set(
        re.findall(r'@import "([^"]+)" layer', (css / "app.css").read_text(encoding="utf-8"))
    )
    present = {path.relative_to(css).as_posix() for path in css.rglob("*.css")}
    assert taken == present - {"app.css"}


def test_vendored_files_are_the_ones_recorded():
    vendor = STATIC / "vendor"
    recorded = dict(
        re.findall(
            r"^\| `([^`]+)` .*`([0-9a-f]{64})` \|$",
            (vendor / "VENDORED.md").read_text(),
            re.MULTILINE,
        )
    )
    present = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.iterdir()
        if path.name != "VENDORED.md"
    }
    assert present == recorded


def test_static_files_get_hashed_names_all_the_way_down(tmp_path: Path):
    storages = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "mssante.staticfiles.HashedStaticFilesStorage"},
    }
    with override_settings(STATIC_ROOT=tmp_path, STORAGES=storages):
        call_command("collectstatic", interactive=False, verbosity=0)
    hashed = re.compile(r"\.[0-9a-f]{12}\.(?:css|js)$")
    (app_js,) = (tmp_path / "js").glob("app.????????????.js")
    imported = re.findall(r'import\s*"([^"]+)"', app_js.read_text(encoding="utf-8"))
    (app_css,) = (tmp_path / "css").glob("app.????????????.css")
    imported += re.findall(r'@import url\("([^"]+)"\)', app_css.read_text(encoding="utf-8"))
    assert len(imported) > 20
    assert [name for name in imported if not hashed.search(name)] == []


def test_french_is_complete():
    source = (settings.BASE_DIR / "mssante/locale/fr/LC_MESSAGES/django.po").read_text(
        encoding="utf-8"
    )
    entries = [entry for entry in source.split("\n\n")[1:] if "\nmsgid" in f"\n{entry}"]
    empty = re.compile(r'^msgstr(?:\[\d\])? ""\n(?!")', re.MULTILINE)
    assert [entry for entry in entries if "#, fuzzy" in entry or empty.search(f"{entry}\n")] == []
    assert len(entries) > 200
