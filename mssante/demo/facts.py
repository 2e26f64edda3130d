"""What scripts and people need to know of the running demonstration: ``demo.json`` and where to
click. Values only.
"""

from pathlib import Path
from typing import Any

from mssante.demo.operators import OPERATORS, Operator
from mssante.demo.people import Person, people_of
from mssante.demo.pki import ToySpace


def demo_facts(folder: Path, space: ToySpace, port_base: int) -> dict[str, Any]:
    """The stable facts: absolute paths, addresses, logins. Keys are only ever added."""
    return {
        "operators": [_operator(folder, space, one, port_base) for one in OPERATORS],
        "whitelist": str(space.whitelist),
        "pki_dir": str(space.root),
        "stand_ins": {},
    }


def web_url(operator: Operator, port_base: int) -> str:
    return f"http://localhost:{operator.web_port(port_base)}"


def _operator(folder: Path, space: ToySpace, one: Operator, port_base: int) -> dict[str, Any]:
    url = web_url(one, port_base)
    keys = space.root / "operators" / one.key
    return {
        "name": one.name,
        "domain": one.domain,
        "url": f"{url}/",
        "login_url": f"{url}/compte/connexion/",
        "inbox_url": f"{url}/messages/",
        "compose_url": f"{url}/messages/ecrire/",
        "portal_url": f"{url}/patient/",
        "smtp": {"host": "127.0.0.1", "port": one.smtp_port(port_base)},
        "ca": str(folder / "pki" / "ca.pem"),
        "client_cert": str(keys / "cert.pem"),
        "client_key": str(keys / "key.pem"),
        "users": [_user(person, one) for person in people_of(one)],
    }


def _user(person: Person, operator: Operator) -> dict[str, Any]:
    return {
        "name": person.shown_name,
        "role": person.role,
        "login": person.login,
        "password": person.password,
        "mailbox": person.mailbox_address(operator) or None,
    }


def say_where(port_base: int) -> None:
    """Tell the person who typed ``make run`` where to click."""
    lines = ["", "The demonstration runs. Open one of these, log in, write to the other:", ""]
    for one in OPERATORS:
        lines.append(f"  {one.name}: {web_url(one, port_base)}/")
        for person in people_of(one):
            door = "   (at /patient/)" if person.role == "patient" else ""
            lines.append(f"    {person.login:<20} {person.password:<22} {person.role}{door}")
        lines.append("")
    doctors = [
        f"{person.login} at {web_url(one, port_base)}/"
        for one in OPERATORS
        for person in people_of(one)
        if person.role == "doctor"
    ]
    lines += [
        f"Start as {doctors[0]}; a letter to the other doctor arrives at {doctors[-1]}.",
        "Stop with Ctrl-C; the data is kept. `make reset` clears it.",
        "Facts for scripts: var/demo/demo.json",
        "",
    ]
    print("\n".join(lines), flush=True)
