"""The arguments of MAIL, RCPT and BDAT: a path between angle brackets, then parameters; a size.

Text in, values out; what they mean and whether they are allowed is settled elsewhere.
"""

import re
from typing import Final

# Two parts at their longest and the at sign (RFC 5321 §4.5.3.1), which is also what a column holds.
_LONGEST: Final = 320
_PATH: Final = re.compile(
    r"(?P<verb>FROM|TO):\s*<(?P<path>[^<>\s]*)>(?P<params>.*)\Z", re.IGNORECASE | re.DOTALL
)
_CHUNK_ARGUMENT: Final = re.compile(r"(?P<size>[0-9]{1,10})(?P<last> +LAST)?", re.IGNORECASE)


def parse_chunk(arg: str | None) -> tuple[int | None, bool]:
    """``size [LAST]`` (RFC 3030 §2) → bytes and whether they are the last; no size when it is not
    of that form.
    """
    match = _CHUNK_ARGUMENT.fullmatch((arg or "").strip())
    return (int(match["size"]), match["last"] is not None) if match else (None, False)


def parse_path(arg: str | None, verb: str) -> tuple[str, dict[str, str]] | None:
    """``FROM:<path> KEY=value …`` → path and parameters; ``None`` when it is not of that form.

    A path is empty (the null sender) or printable ASCII with an at sign.
    """
    match = _PATH.match(arg or "")
    if match is None or match["verb"].upper() != verb or len(match["path"]) > _LONGEST:
        return None
    path = match["path"]
    if path and ("@" not in path or not path.isascii() or not path.isprintable()):
        return None
    params = {}
    for item in match["params"].split():
        key, _, value = item.partition("=")
        if key.upper() in params:
            return None  # RFC 3461 §4: no parameter is given twice.
        params[key.upper()] = value
    return path, params
