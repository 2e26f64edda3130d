"""Letters not finished yet; one is prepared by the secretary for the doctor to send."""

from mssante.demo.letters import documents
from mssante.demo.letters.letter import DraftLetter

DRAFTS = (
    DraftLetter(
        box="martin",
        writer="camille.martin",
        to=("petit",),
        clock="1:05",
        subject="Re: Essoufflement depuis trois jours, avis rapide",
        answers="dyspnee-tessier",
        text="""
        Cher confrère,

        Le tracé montre bien une fibrillation atriale. Vous pouvez commencer l'anticoagulation ce
        soir, apixaban 5 mg matin et soir, après avoir vérifié la créatinine. Je le vois
        """,
    ),
    DraftLetter(
        box="martin",
        writer="samia.benali",
        to=("lemoine",),
        clock="22:40",
        subject="Re: Scanner coronaire : compte rendu",
        answers="coroscanner",
        papers=(documents.STRESS_TEST,),
        text="""
        Chère consœur,

        Merci pour ce compte rendu. L'épreuve d'effort de M. PERRIN est négative, je vous la joins
        pour votre dossier. Nous en restons au traitement médical.

        Bien confraternellement,

        | Dr Camille Martin
        """,
    ),
    DraftLetter(
        box="petit",
        writer="hugo.petit",
        to=("martin", "fontaine"),
        clock="3:30",
        subject="Nouvelles de M. R. après un mois",
        text="""
        Chère consœur, chère Léa,

        Un mois après sa sortie, M. ROUSSEL marche à nouveau jusqu'au marché. Poids 71 kg, tension
        116/68. Le prochain ionogramme est prévu
        """,
    ),
)
