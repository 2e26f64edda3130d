"""``python -m mssante.demo run|reset``: the demonstration as a person starts it. It knows folders
and processes, no mail.
"""

import argparse
import shutil
import sys
from pathlib import Path

from mssante.demo.operators import DEFAULT_PORT_BASE
from mssante.demo.supervisor import DemoError, run

DEMO_DIR = Path(__file__).resolve().parents[2] / "var" / "demo"
_FIRST_BASE, _LAST_BASE = 1024, 65000


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m mssante.demo")
    parser.add_argument("command", choices=("run", "reset"))
    parser.add_argument("--port-base", type=int, default=DEFAULT_PORT_BASE)
    parser.add_argument(
        "--with-parent", action="store_true", help="stop when the process that started it is gone"
    )
    parser.add_argument(
        "--folder", type=Path, default=DEMO_DIR, help="where everything is kept, below var/"
    )
    options = parser.parse_args()
    folder = options.folder.resolve()
    if not _FIRST_BASE <= options.port_base <= _LAST_BASE:
        parser.error(f"the port base must lie between {_FIRST_BASE} and {_LAST_BASE}")
    try:
        if options.command == "reset":
            reset(folder)
        else:
            run(folder, options.port_base, with_parent=options.with_parent)
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    return 0


def reset(folder: Path) -> None:
    """Throw the demonstration's data away. Refused while it runs."""
    from mssante.demo.processes import hold_lock  # noqa: PLC0415  (Only needed here.)

    if not folder.exists():
        print("Nothing to clear.")
        return
    with hold_lock(folder):
        shutil.rmtree(folder)
    print("The demonstration's data is cleared; the next `make run` starts anew.")


if __name__ == "__main__":
    sys.exit(main())
