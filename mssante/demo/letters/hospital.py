"""Letters inside the hospital: the cardiologist, her nurse, the biologist, the secretary."""

from mssante.demo.letters import documents
from mssante.demo.letters.letter import Letter

_LABORATORY = (
    Letter(
        "peptide-1",
        "kessler",
        ("martin",),
        11,
        "10:25",
        subject="Résultat de contrôle : NT-proBNP",
        papers=(documents.NATRIURETIC,),
        text="""
        Chère consœur,

        Le NT-proBNP de contrôle de M. ROUSSEL est à 2 310 ng/l, contre 6 840 à l'entrée. Potassium
        à 4,6, créatinine à 124. Le détail est joint.

        Bien confraternellement,
        """,
    ),
    Letter(
        "peptide-2",
        "martin",
        ("kessler",),
        11,
        "12:10",
        answers="peptide-1",
        text="""
        Merci Nadia. L'évolution est bonne. Prochain contrôle dans un mois, avec la consultation.
        """,
        outcome="read",
    ),
    Letter(
        "troponine-1",
        "kessler",
        ("martin",),
        3,
        "07:58",
        subject="Troponine à la limite, patiente du lit 12",
        text="""
        Bonjour Camille,

        La troponine de 6 h est à 21 ng/l pour Mme GARREAU (seuil 14), contre 19 hier soir. La
        variation est inférieure à 20 % : plutôt une élévation chronique qu'un syndrome aigu, mais
        je préfère te le dire avant l'intervention.

        Je peux passer un troisième point à 9 h si tu le souhaites.
        """,
    ),
    Letter(
        "troponine-2",
        "martin",
        ("kessler",),
        3,
        "08:11",
        answers="troponine-1",
        text="""
        Oui pour 9 h, merci. L'ECG de ce matin n'a pas bougé et elle n'a pas de douleur. Sa
        fonction rénale explique sans doute le chiffre.
        """,
        outcome="read",
    ),
    Letter(
        "troponine-3",
        "kessler",
        ("martin",),
        3,
        "10:02",
        answers="troponine-2",
        text="""
        Troisième point à 20 ng/l : stable. Feu vert de mon côté.
        """,
    ),
    Letter(
        "horaires-labo",
        "kessler",
        ("cardio",),
        16,
        "15:20",
        cc=("fontaine", "martin"),
        subject="Automate de coagulation : maintenance jeudi",
        text="""
        Bonjour à tous,

        L'automate de coagulation est en maintenance jeudi de 13:00 à 15:30. Les INR et les
        anti-Xa urgents passeront sur l'appareil de secours ; comptez une heure de plus.

        Merci de grouper les demandes non urgentes le matin.
        """,
        archived_by=("martin",),
    ),
)

_WARD = (
    Letter(
        "protocole-1",
        "martin",
        ("fontaine",),
        20,
        "13:35",
        cc=("kessler",),
        subject="Protocole de télésurveillance : seuils d'alerte",
        text="""
        Bonjour Léa,

        Pour les nouveaux patients suivis à domicile, je propose ces seuils :

        - prise de 2 kg en trois jours, ou de 1 kg en un jour ;
        - fréquence au repos au-dessus de 100 ou au-dessous de 45 ;
        - tension systolique au-dessous de 95 avec des symptômes.

        Nadia, nous aurions besoin d'un ionogramme dans la journée après chaque alerte. Est-ce
        possible ?
        """,
    ),
    Letter(
        "protocole-2",
        "kessler",
        ("martin", "fontaine"),
        20,
        "16:02",
        answers="protocole-1",
        text="""
        C'est possible pour tout tube arrivé avant 15:00. Indiquez « télésurveillance » sur le bon
        et j'appelle si le potassium sort des normes.
        """,
        archived_by=("martin",),
    ),
    Letter(
        "protocole-3",
        "fontaine",
        ("martin",),
        19,
        "09:45",
        answers="protocole-1",
        text="""
        Bonjour docteur,

        Les seuils sont réglés pour les onze patients actuels. M. ROUSSEL sera le douzième à sa
        sortie. Je vous fais un point chaque semaine.
        """,
    ),
    Letter(
        "vendredi",
        "fontaine",
        ("martin",),
        5,
        "16:40",
        subject="Télésurveillance : point de la semaine",
        text="""
        Bonjour docteur,

        Douze patients suivis, trois alertes cette semaine :

        - M. ROUSSEL : poids stabilisé à 71,6 kg, rien de nouveau ;
        - Mme CHEVALIER : fréquence à 104 mardi, revenue à 82 le lendemain, elle avait oublié une
          prise de bisoprolol ;
        - M. BERTIN : balance en panne, remplacée jeudi.

        Bonne journée,
        """,
    ),
    Letter(
        "alerte-bertin",
        "fontaine",
        ("martin",),
        0,
        "4:50",
        subject="Alerte de fréquence à 44",
        text="""
        Bonjour docteur,

        M. BERTIN est à 44 de fréquence au repos depuis deux jours, tension 108/64. Au téléphone :
        fatigué, pas de malaise, pas de douleur. Il prend bisoprolol 5 mg et amiodarone.

        Voulez-vous que je l'adresse pour un ECG aujourd'hui ?
        """,
        unread_by=("martin",),
    ),
    Letter(
        "education",
        "martin",
        ("fontaine",),
        2,
        "12:55",
        subject="Atelier « vivre avec le sel » du mois prochain",
        text="""
        Bonjour Léa,

        Pouvez-vous garder deux places à l'atelier pour M. ROUSSEL et son épouse ? Le dernier
        épisode venait des plats préparés, ils sont demandeurs.

        Merci,
        """,
        outcome="read",
    ),
)

_SECRETARY = (
    Letter(
        "consultations-1",
        "cardio",
        ("martin",),
        6,
        "09:05",
        subject="Consultations de la semaine prochaine",
        text="""
        Bonjour docteur,

        Deux créneaux se libèrent mardi (10:20 et 11:00). J'ai cinq demandes en attente, dont une
        que le médecin traitant dit pressée : dyspnée chez une patiente de 58 ans.

        Laquelle faut-il passer d'abord ?
        """,
    ),
    Letter(
        "consultations-2",
        "martin",
        ("cardio",),
        6,
        "12:42",
        answers="consultations-1",
        text="""
        Bonjour Samia,

        La dyspnée mardi à 10:20 avec un ECG avant. À 11:00, Mme DIALLO si elle peut venir plus
        tôt. Les autres peuvent attendre trois semaines.
        """,
        outcome="read",
    ),
    Letter(
        "preoperatoire",
        "martin",
        ("cardio",),
        3,
        "10:20",
        subject="Accord préopératoire à transmettre",
        papers=(documents.ECG_GARREAU,),
        text="""
        Bonjour Samia,

        Merci de transmettre l'ECG de Mme GARREAU à l'anesthésie et d'écrire que l'intervention peut
        avoir lieu, bêtabloquant à poursuivre le matin même.
        """,
        outcome="read",
    ),
    Letter(
        "courriers",
        "cardio",
        ("martin",),
        1,
        "11:15",
        subject="Trois courriers à relire",
        text="""
        Bonjour docteur,

        Trois courriers de sortie sont tapés et attendent votre relecture dans le dossier. Celui de
        M. NGUYEN est déjà parti. J'ai préparé aussi un brouillon de réponse à l'Imagerie du Parc.

        Bonne journée,
        """,
        unread_by=("martin",),
    ),
)

HOSPITAL_LETTERS = (*_LABORATORY, *_WARD, *_SECRETARY)
