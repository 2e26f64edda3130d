"""Letters inside the practice, and those it exchanges with the town's laboratory."""

from mssante.demo.letters.letter import Letter

PRACTICE_LETTERS = (
    Letter(
        "visite-1",
        "tilleuls",
        ("petit",),
        11,
        "08:50",
        subject="Visites de jeudi",
        text="""
        Bonjour docteur,

        Quatre visites jeudi : M. ROUSSEL à 9:00, Mme GARREAU à 9:45, puis les deux résidents des
        Glycines. L'EHPAD demande si vous pouvez passer avant midi.
        """,
    ),
    Letter(
        "visite-2",
        "petit",
        ("tilleuls",),
        11,
        "12:20",
        answers="visite-1",
        text="""
        Oui pour les Glycines à 11:15. Prévenez aussi l'infirmière libérale de M. ROUSSEL, il y a
        une prise de sang à faire.
        """,
        outcome="read",
    ),
    Letter(
        "vaccins",
        "tilleuls",
        ("petit",),
        2,
        "17:32",
        subject="Vaccins contre la grippe : il en reste quatorze",
        text="""
        Bonjour docteur,

        Il reste quatorze doses au réfrigérateur, dont six à utiliser avant la fin du mois. J'ai la
        liste des patients de plus de 65 ans non vaccinés : puis-je les appeler ?
        """,
        unread_by=("petit",),
    ),
    Letter(
        "haddad-analyse",
        "petit",
        ("bioval",),
        19,
        "10:35",
        subject="Complément d'analyse",
        text="""
        Bonjour,

        Pouvez-vous ajouter un rapport albumine sur créatinine urinaire au bilan de M. HADDAD
        prélevé ce matin ? L'ordonnance de renouvellement le prévoyait et j'ai oublié de le cocher.

        Merci,
        """,
        outcome="accepted",
    ),
    Letter(
        "haddad-analyse-2",
        "bioval",
        ("petit",),
        19,
        "14:03",
        answers="haddad-analyse",
        text="""
        Bonjour docteur,

        L'analyse est ajoutée. Le rapport est à 2,1 mg/mmol (inférieur à 3). Le compte rendu complet
        suivra avec le reste du bilan.
        """,
    ),
    Letter(
        "preleveur",
        "vidal",
        ("petit",),
        16,
        "09:12",
        subject="Nouveau préleveur à domicile",
        text="""
        Cher confrère,

        À partir du mois prochain, un préleveur passe dans votre secteur les lundis et jeudis entre
        7:00 et 9:00. Vos patients peuvent appeler le laboratoire la veille avant 17:00.

        Bien confraternellement,
        """,
        archived_by=("petit",),
    ),
    Letter(
        "prelevement-tilleuls",
        "bioval",
        ("tilleuls",),
        4,
        "10:30",
        subject="Ordonnance manquante",
        text="""
        Bonjour,

        M. BERTIN s'est présenté ce matin sans ordonnance pour son INR. Le tube est prélevé ;
        pouvez-vous nous envoyer l'ordonnance dans la journée ?
        """,
    ),
    Letter(
        "prelevement-tilleuls-2",
        "tilleuls",
        ("bioval",),
        4,
        "11:08",
        answers="prelevement-tilleuls",
        text="""
        Bonjour,

        Le docteur Petit la signe à midi, vous la recevez aussitôt après.
        """,
        outcome="accepted",
    ),
    Letter(
        "thyroide",
        "petit",
        ("kessler",),
        5,
        "19:05",
        subject="Interprétation d'une TSH sous amiodarone",
        text="""
        Chère consœur,

        Une TSH à 6,8 mUI/l avec une T4 libre normale chez un patient sous amiodarone depuis quatre
        mois : faut-il la recontrôler ou avancer l'avis d'endocrinologie ?

        Bien confraternellement,
        """,
    ),
    Letter(
        "thyroide-2",
        "kessler",
        ("petit",),
        4,
        "08:32",
        answers="thyroide",
        text="""
        Cher confrère,

        Une élévation modérée est fréquente les six premiers mois. Je recontrôlerais TSH et T4 libre
        dans six semaines, avec les anticorps anti-TPO. Avis si la TSH dépasse 10 ou si des
        symptômes apparaissent.

        Bien à vous,
        """,
        unread_by=("petit",),
    ),
)
