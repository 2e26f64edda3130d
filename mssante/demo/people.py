"""The people of the demonstration, their boxes and their rights, as plain values; all are invented.

It knows names and addresses; it knows no table, so that scripts can read it without Django.
"""

from dataclasses import dataclass
from typing import Literal

from mssante.demo.operators import HOSPITAL, OPERATORS, PRACTICE, SILENT_OPERATORS, Operator
from webmail.mime.types import Address

Role = Literal["doctor", "nurse", "secretary", "biologist", "patient", "admin"]
BoxRight = Literal["read", "file", "prepare", "send"]


@dataclass(frozen=True, slots=True)
class Box:
    """A mailbox. ``key`` is what the letters call it."""

    key: str
    kind: Literal["PER", "ORG", "CAB"]
    local_part: str
    name: str

    def address(self, operator: Operator) -> str:
        return f"{self.local_part}@{operator.domain}"


@dataclass(frozen=True, slots=True)
class BoxAccess:
    """What a person may do in a box that is not their own."""

    box: str
    rights: tuple[BoxRight, ...]


@dataclass(frozen=True, slots=True)
class Person:
    login: str
    password: str
    role: Role
    first_name: str
    last_name: str
    title: str = ""
    profession: str = ""
    national_id: str = ""  # 8 and eleven digits; the 999 after the 8 says that it is invented.
    boxes: tuple[Box, ...] = ()
    accesses: tuple[BoxAccess, ...] = ()

    @property
    def shown_name(self) -> str:
        return " ".join(part for part in (self.title, self.first_name, self.last_name) if part)

    def mailbox_address(self, operator: Operator) -> str:
        """Their own box, else the shared box they send from, else nothing."""
        if self.boxes:
            return self.boxes[0].address(operator)
        shared = {box.key: box for box in SHARED_BOXES[operator.key]}
        for access in self.accesses:
            if "send" in access.rights and access.box in shared:
                return shared[access.box].address(operator)
        return ""


SHARED_BOXES: dict[str, tuple[Box, ...]] = {
    HOSPITAL.key: (Box("cardio", "ORG", "secretariat.cardiologie", "Secrétariat de cardiologie"),),
    PRACTICE.key: (Box("tilleuls", "CAB", "secretariat", "Cabinet des Tilleuls"),),
}

_HOSPITAL_PEOPLE = (
    Person(
        login="camille.martin",
        password="demo-camille-2026",  # noqa: S106  (Printed for whoever starts the demonstration.)
        role="doctor",
        title="Dr",
        first_name="Camille",
        last_name="Martin",
        profession="Cardiologue",
        national_id="899900000011",
        boxes=(Box("martin", "PER", "camille.martin", "Dr Camille Martin"),),
    ),
    Person(
        login="lea.fontaine",
        password="demo-lea-2026",  # noqa: S106
        role="nurse",
        first_name="Léa",
        last_name="Fontaine",
        profession="Infirmière",
        national_id="899900000029",
        boxes=(Box("fontaine", "PER", "lea.fontaine", "Léa Fontaine"),),
    ),
    Person(
        login="samia.benali",
        password="demo-samia-2026",  # noqa: S106
        role="secretary",
        first_name="Samia",
        last_name="Benali",
        profession="Secrétaire médicale",
        accesses=(
            BoxAccess("martin", ("read", "file", "prepare")),
            BoxAccess("cardio", ("read", "file", "prepare", "send")),
        ),
    ),
    Person(
        login="nadia.kessler",
        password="demo-nadia-2026",  # noqa: S106
        role="biologist",
        title="Dr",
        first_name="Nadia",
        last_name="Kessler",
        profession="Biologiste médicale",
        national_id="899900000037",
        boxes=(Box("kessler", "PER", "nadia.kessler", "Dr Nadia Kessler"),),
    ),
    Person(
        login="monique.leroy",
        password="demo-monique-2026",  # noqa: S106
        role="patient",
        title="Mme",
        first_name="Monique",
        last_name="Leroy",
    ),
    Person(
        login="paul.garnier",
        password="demo-paul-2026",  # noqa: S106
        role="admin",
        first_name="Paul",
        last_name="Garnier",
        profession="Administrateur de la messagerie",
    ),
)
_PRACTICE_PEOPLE = (
    Person(
        login="hugo.petit",
        password="demo-hugo-2026",  # noqa: S106
        role="doctor",
        title="Dr",
        first_name="Hugo",
        last_name="Petit",
        profession="Médecin généraliste",
        national_id="899900000045",
        boxes=(Box("petit", "PER", "hugo.petit", "Dr Hugo Petit"),),
    ),
    Person(
        login="ines.roy",
        password="demo-ines-2026",  # noqa: S106
        role="secretary",
        first_name="Inès",
        last_name="Roy",
        profession="Secrétaire médicale",
        accesses=(
            BoxAccess("petit", ("read", "file", "prepare")),
            BoxAccess("tilleuls", ("read", "file", "prepare", "send")),
        ),
    ),
    Person(
        login="karim.haddad",
        password="demo-karim-2026",  # noqa: S106
        role="patient",
        title="M.",
        first_name="Karim",
        last_name="Haddad",
    ),
    Person(
        login="julie.arnaud",
        password="demo-julie-2026",  # noqa: S106
        role="admin",
        first_name="Julie",
        last_name="Arnaud",
        profession="Administratrice de la messagerie",
    ),
)
_PEOPLE = {HOSPITAL.key: _HOSPITAL_PEOPLE, PRACTICE.key: _PRACTICE_PEOPLE}

_IMAGING, _LABORATORY = (silent.domain for silent in SILENT_OPERATORS)
# Correspondents at operators that only wrote in the past; the letters call them by these keys.
_ABSENT = {
    "lemoine": Address("Dr Sarah Lemoine", f"sarah.lemoine@{_IMAGING}"),
    "parc": Address("Imagerie du Parc", f"secretariat@{_IMAGING}"),
    "bioval": Address("Laboratoire Bioval", f"resultats@{_LABORATORY}"),
    "vidal": Address("Dr Élise Vidal", f"elise.vidal@{_LABORATORY}"),
}


def people_of(operator: Operator) -> tuple[Person, ...]:
    return _PEOPLE[operator.key]


def boxes_of(operator: Operator) -> tuple[Box, ...]:
    """Every box of the operator: its people's own, then the shared ones."""
    own = tuple(box for person in people_of(operator) for box in person.boxes)
    return (*own, *SHARED_BOXES[operator.key])


def address_book() -> dict[str, Address]:
    """Who each key of the letters stands for, at every operator."""
    boxes = {
        box.key: Address(box.name, box.address(operator))
        for operator in OPERATORS
        for box in boxes_of(operator)
    }
    return boxes | _ABSENT
