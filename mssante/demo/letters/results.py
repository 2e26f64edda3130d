"""Letters of and to the imaging centre and the town's laboratory, some HTML as their software
makes it.
"""

from mssante.demo.letters import documents
from mssante.demo.letters.letter import Letter, paragraphs
from mssante.demo.letters.pages import page_html, table_html

_POTASSIUM = paragraphs(
    """
    Le potassium de Mme LEROY, prélevée aujourd'hui, est à 6,1 mmol/l. Le résultat est contrôlé sur
    un second tube, sans hémolyse.

    Le secrétariat du cabinet et celui de la cardiologie ont été appelés. Le compte rendu est
    joint.
    """
)
_SCANNER = paragraphs(
    """
    Merci de m'avoir adressé M. PERRIN pour un scanner des artères coronaires. Examen de bonne
    qualité, fréquence cardiaque à 58/min.

    Athérome coronaire non obstructif, CAD-RADS 2. Pas d'anomalie pulmonaire sur le champ exploré.
    """
)
_DIABETES = paragraphs(
    """
    Voici le bilan trimestriel de M. HADDAD. L'HbA1c passe de 7,9 à 7,6 %.

    La microalbuminurie demandée en complément est normale.
    """
)
_MOVE = paragraphs(
    """
    Notre centre change de logiciel de rendez-vous en fin de mois. Du jeudi soir au samedi matin,
    seules les demandes urgentes seront traitées, par téléphone.

    Merci d'indiquer sur chaque demande l'allergie éventuelle au produit de contraste et la
    créatinine de moins de trois mois.
    """
)

_IMAGING = (
    Letter(
        "coroscanner",
        "lemoine",
        ("martin",),
        9,
        "17:02",
        cc=("petit",),
        subject="Scanner coronaire : compte rendu",
        papers=(documents.SCANNER,),
        text="Chère consœur,\n\n" + "\n\n".join(_SCANNER) + "\n\nBien confraternellement,",
        html=page_html(
            title="Scanner des artères coronaires",
            paragraphs=("Chère consœur,", *_SCANNER),
            table=table_html(documents.SCANNER_ROWS, marked="IVA proximale"),
            end="Dr Sarah Lemoine, radiologue, Imagerie du Parc",
        ),
    ),
    Letter(
        "irm-1",
        "martin",
        ("lemoine",),
        15,
        "18:20",
        subject="Demande d'IRM cardiaque",
        text="""
        Chère consœur,

        Pourriez-vous réaliser une IRM cardiaque chez M. MOREL, 34 ans, au décours d'une douleur
        thoracique fébrile avec troponine à 480 ng/l ? Coronaires normales, suspicion de myocardite.

        Pas de claustrophobie, pas de matériel implanté, créatinine normale.

        Bien confraternellement,
        """,
        outcome="accepted",
    ),
    Letter(
        "irm-2",
        "lemoine",
        ("martin",),
        14,
        "09:51",
        answers="irm-1",
        text="""
        Chère consœur,

        Volontiers. Je peux le prendre vendredi à 8:15. Le secrétariat l'appelle. Merci de lui
        demander d'apporter le bilan des urgences.

        Bien confraternellement,
        """,
    ),
    Letter(
        "irm-3",
        "lemoine",
        ("martin",),
        10,
        "16:33",
        answers="irm-2",
        text="""
        Chère consœur,

        L'IRM de M. MOREL montre un rehaussement tardif sous-épicardique latéral, avec œdème
        myocardique, et une FEVG à 58 %. L'aspect est celui d'une myocardite aiguë.

        Le compte rendu signé vous parviendra demain.

        Bien confraternellement,
        """,
    ),
    Letter(
        "logiciel-parc",
        "parc",
        ("cardio", "tilleuls"),
        5,
        "12:00",
        subject="Changement de logiciel : demandes urgentes par téléphone",
        text="Bonjour,\n\n" + "\n\n".join(_MOVE),
        html=page_html(
            title="Changement de logiciel de rendez-vous",
            paragraphs=("Bonjour,", *_MOVE),
            end="Imagerie du Parc",
        ),
    ),
    Letter(
        "creneau-parc",
        "parc",
        ("cardio",),
        0,
        "5:20",
        subject="Créneau libéré pour un coroscanner",
        text="""
        Bonjour,

        Un créneau se libère demain à 10:30 pour un coroscanner. Avez-vous un patient en attente ?
        Réponse souhaitée dans la journée.
        """,
        unread_by=("cardio",),
    ),
)

_LABORATORY = (
    Letter(
        "potassium",
        "bioval",
        ("petit", "martin"),
        0,
        "1:50",
        subject="Résultat critique : potassium",
        papers=(documents.POTASSIUM,),
        text="Bonjour,\n\n" + "\n\n".join(_POTASSIUM),
        html=page_html(
            title="Ionogramme sanguin",
            paragraphs=_POTASSIUM,
            table=table_html(documents.POTASSIUM_ROWS, marked="Potassium"),
            end="Validé par Dr Élise Vidal, biologiste médicale",
        ),
        unread_by=("petit", "martin"),
    ),
    Letter(
        "bilan-haddad",
        "bioval",
        ("petit",),
        18,
        "17:45",
        subject="Bilan de suivi du diabète",
        papers=(documents.DIABETES,),
        text="Bonjour docteur,\n\n" + "\n\n".join(_DIABETES),
        html=page_html(
            title="Bilan de suivi du diabète",
            paragraphs=_DIABETES,
            table=table_html(documents.DIABETES_ROWS, marked="HbA1c"),
            end="Validé par Dr Élise Vidal, biologiste médicale",
        ),
    ),
    Letter(
        "seuils-troponine",
        "martin",
        ("vidal",),
        13,
        "12:05",
        subject="Seuils de troponine : harmonisation",
        text="""
        Chère consœur,

        Nos patients font leurs bilans chez vous comme à l'hôpital, et nos seuils de troponine
        diffèrent. Pourriez-vous m'indiquer la trousse que vous utilisez et le 99e percentile
        retenu ? Dr Kessler propose une courte note commune aux deux laboratoires.

        Bien confraternellement,
        """,
        outcome="mailbox_full",
    ),
    Letter(
        "tsh-bertin",
        "bioval",
        ("martin",),
        1,
        "16:18",
        subject="Hormones thyroïdiennes de contrôle",
        text="""
        Bonjour docteur,

        Contrôle de M. BERTIN sous amiodarone : TSH à 5,9 mUI/l (0,4 à 4,0), T4 libre à 15 pmol/l
        (12 à 22). Résultat précédent il y a trois mois : TSH à 3,8.
        """,
        unread_by=("martin",),
    ),
)

RESULT_LETTERS = (*_IMAGING, *_LABORATORY)
