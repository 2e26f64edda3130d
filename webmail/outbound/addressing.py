"""Who a letter goes to: what was typed, read as addresses and checked one by one. Text in, people
and problems out.

It asks ``routing``; it keeps nothing and words nothing.
"""

from dataclasses import dataclass

from django.conf import settings

from webmail.mime.addresses import AddressError, normalise_address, parse_address_list
from webmail.mime.types import Address
from webmail.models import RecipientKind
from webmail.outbound.drafts import DraftText
from webmail.outbound.routing import check_recipient


@dataclass(frozen=True, slots=True)
class Addressee:
    person: Address
    kind: RecipientKind


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a letter cannot leave as it is: a slug, the field it stands in, and the piece of text
    meant.
    """

    reason: str
    field: str
    piece: str = ""


@dataclass(frozen=True, slots=True)
class Addressing:
    addressees: tuple[Addressee, ...]
    problems: tuple[Problem, ...]


def read_addressees(text: DraftText) -> Addressing:
    """Every recipient once, in the first place it is named, with everything that stands against
    sending to it.
    """
    addressees: dict[str, Addressee] = {}
    problems: list[Problem] = []
    for field, kind, typed in (
        ("to", RecipientKind.TO, text.to),
        ("cc", RecipientKind.CC, text.cc),
    ):
        try:
            people = parse_address_list(typed)
        except AddressError as error:
            problems.append(Problem("malformed_address", field, error.text))
            continue
        for person in people:
            refusal = check_recipient(person.address)
            if refusal is not None:
                problems.append(Problem(refusal, field, person.address))
            addressees.setdefault(normalise_address(person.address), Addressee(person, kind))
    if not addressees and not problems:
        problems.append(Problem("no_recipient", "to"))
    if len(addressees) > settings.RECIPIENTS_PER_MESSAGE:
        problems.append(Problem("too_many_recipients", "to"))
    return Addressing(tuple(addressees.values()), tuple(problems))
