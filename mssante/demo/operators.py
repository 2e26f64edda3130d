"""The two operators of the demonstration, as plain values: names, domains, ports. It knows no
process and no table.
"""

from dataclasses import dataclass

DEFAULT_PORT_BASE = 8400


@dataclass(frozen=True, slots=True)
class Operator:
    key: str
    name: str
    domain: str
    host: str  # The certificate's CN and the EHLO name.
    organisation: str
    structure_id: str  # Struct_IdNat: 1 + FINESS or 3 + SIRET, fictional.
    department: str
    web_offset: int
    smtp_offset: int

    def web_port(self, port_base: int) -> int:
        return port_base + self.web_offset

    def smtp_port(self, port_base: int) -> int:
        return port_base + self.smtp_offset


HOSPITAL = Operator(
    key="hopital",
    name="CH de Valbrune",
    domain="ch-valbrune.mssante.example",
    host="mss.ch-valbrune.example",
    organisation="CENTRE HOSPITALIER DE VALBRUNE",
    structure_id="1990000001",
    department="Ain (01)",
    web_offset=0,
    smtp_offset=25,
)
PRACTICE = Operator(
    key="cabinet",
    name="Cabinet des Tilleuls",
    domain="cabinet-tilleuls.mssante.example",
    host="mss.cabinet-tilleuls.example",
    organisation="CABINET MEDICAL DES TILLEULS",
    structure_id="399000000000018",
    department="Rhône (69)",
    web_offset=1,
    smtp_offset=26,
)
OPERATORS = (HOSPITAL, PRACTICE)
BY_KEY = {operator.key: operator for operator in OPERATORS}


@dataclass(frozen=True, slots=True)
class SilentOperator:
    """Listed in the trust space, wrote in the past, and is not reachable: letters to it wait, as
    they would in life.
    """

    domain: str
    dn: str
    description: str


SILENT_OPERATORS = (
    SilentOperator(
        "imagerie-du-parc.mssante.example",
        "CN=mss.imagerie-du-parc.example,OU=399000000000034,O=IMAGERIE DU PARC,ST=Ain (01),C=FR",
        "Messagerie du centre d'imagerie du Parc",
    ),
    SilentOperator(
        "labo-bioval.mssante.example",
        "CN=mss.labo-bioval.example,OU=399000000000042,O=LABORATOIRE BIOVAL,ST=Rhône (69),C=FR",
        "Messagerie du laboratoire Bioval",
    ),
)
SILENT_OFFSET = 39  # Nobody listens there.
