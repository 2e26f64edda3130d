"""Single questions, results and appointments between the hospital and the practice."""

from mssante.demo.letters import documents
from mssante.demo.letters.letter import Letter

_QUESTIONS = (
    Letter(
        "echo-nguyen",
        "martin",
        ("petit",),
        6,
        "18:26",
        subject="Compte rendu d'échocardiographie",
        papers=(documents.ECHO, documents.ECHO_VIEW),
        text="""
        Cher confrère,

        Vous trouverez l'échographie de M. NGUYEN. Le rétrécissement aortique reste peu serré
        (1,6 cm², gradient moyen 15 mmHg) et la fonction est conservée.

        Je le reverrai dans un an. Rappelez-lui de signaler tout essoufflement inhabituel ou
        malaise à l'effort. Détartrage et soins dentaires réguliers.

        Bien confraternellement,
        """,
    ),
    Letter(
        "echo-nguyen-2",
        "petit",
        ("martin",),
        5,
        "08:40",
        answers="echo-nguyen",
        text="""
        Merci beaucoup. Il vient renouveler son traitement mardi, je lui en parle.
        """,
        archived_by=("martin",),
    ),
    Letter(
        "dyspnee-tessier",
        "petit",
        ("martin",),
        0,
        "1:25",
        subject="Essoufflement depuis trois jours, avis rapide",
        papers=(documents.ECG_TESSIER,),
        text="""
        Chère consœur,

        Je viens de voir M. TESSIER, essoufflé depuis trois jours pour un étage. Pouls irrégulier
        à 98, tension 132/78, saturation 96 %, pas d'œdème, auscultation claire. L'ECG joint me
        semble montrer une fibrillation atriale, non connue jusqu'ici.

        Pas d'antécédent d'AVC, hypertendu, plus de 70 ans. Je commence l'anticoagulation ce soir ?
        Pouvez-vous le voir cette semaine ?

        Je reste joignable au cabinet ou sur mon portable.

        Bien confraternellement,
        """,
        unread_by=("martin",),
    ),
    Letter(
        "carence-1",
        "kessler",
        ("petit",),
        10,
        "11:36",
        cc=("martin",),
        subject="Résultat à signaler : carence martiale",
        papers=(documents.IRON,),
        text="""
        Cher confrère,

        Le bilan de Mme CHEVALIER, prélevé hier à l'hôpital de jour, montre une anémie microcytaire
        à 10,4 g/dl avec une ferritine à 9 µg/l. Chez une patiente sous anticoagulant, un
        saignement digestif est à rechercher.

        Le sérum est conservé cinq jours si vous souhaitez ajouter une analyse.

        Bien confraternellement,
        """,
    ),
    Letter(
        "carence-2",
        "petit",
        ("kessler",),
        10,
        "15:50",
        answers="carence-1",
        text="""
        Chère consœur,

        Merci de me l'avoir signalé. Pouvez-vous ajouter vitamine B12, folates et CRP sur le
        sérum ? Je demande une consultation de gastro-entérologie.
        """,
    ),
    Letter(
        "carence-3",
        "kessler",
        ("petit",),
        9,
        "16:20",
        answers="carence-2",
        text="""
        Cher confrère,

        C'est fait : vitamine B12 à 310 pmol/l, folates à 14 nmol/l, CRP inférieure à 3 mg/l. La
        carence est donc isolée.

        Bien à vous,
        """,
    ),
)

_APPOINTMENTS = (
    Letter(
        "rendez-vous-1",
        "tilleuls",
        ("cardio",),
        15,
        "09:30",
        subject="Demande de rendez-vous en cardiologie",
        text="""
        Bonjour,

        Le docteur Petit souhaite un rendez-vous avec le docteur Martin pour Mme DIALLO,
        hypertension mal équilibrée sous deux traitements. Elle préfère un lundi ou un mardi, en
        fin de matinée.

        Merci de me dire quels documents elle doit apporter.
        """,
    ),
    Letter(
        "rendez-vous-2",
        "cardio",
        ("tilleuls",),
        14,
        "10:12",
        answers="rendez-vous-1",
        text="""
        Bonjour Inès,

        J'ai une place lundi dans trois semaines à 11:20. Qu'elle vienne avec son ordonnance, sa
        carte Vitale, le dernier bilan sanguin et un relevé de tension sur trois jours.

        Pouvez-vous confirmer avant jeudi ?
        """,
    ),
    Letter(
        "rendez-vous-3",
        "tilleuls",
        ("cardio",),
        13,
        "14:25",
        answers="rendez-vous-2",
        text="""
        C'est confirmé pour lundi à 11:20, la patiente est prévenue. Merci.
        """,
        archived_by=("cardio",),
    ),
    Letter(
        "convocation-1",
        "cardio",
        ("tilleuls",),
        7,
        "11:40",
        subject="Convocation épreuve d'effort, M. P.",
        text="""
        Bonjour,

        L'épreuve d'effort de M. PERRIN a lieu ce jeudi à 14:00, niveau 2, accueil de cardiologie.
        Repas léger, tenue de sport, pas de café ni de tabac dans les trois heures qui précèdent.

        Je n'arrive pas à le joindre : avez-vous un autre numéro ?
        """,
    ),
    Letter(
        "convocation-2",
        "tilleuls",
        ("cardio",),
        7,
        "15:05",
        answers="convocation-1",
        text="""
        Bonjour Samia,

        Il a changé de téléphone. Je l'ai appelé moi-même, il sera là à 13:45.
        """,
    ),
    Letter(
        "place-tessier",
        "tilleuls",
        ("cardio",),
        0,
        "1:10",
        subject="Place cette semaine pour un patient du docteur Petit",
        text="""
        Bonjour Samia,

        Le docteur Petit vient d'écrire au docteur Martin pour M. TESSIER. Il faudrait une place
        cette semaine, le patient est disponible à toute heure et peut venir à jeun.

        Appelez-moi dès que vous avez un horaire.
        """,
        unread_by=("cardio",),
    ),
)

REQUEST_LETTERS = (*_QUESTIONS, *_APPOINTMENTS)
