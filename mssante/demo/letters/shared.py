"""Letters between the hospital and the practice: each lies in its author's Sent and in the other's
Inbox, under one Message-ID.
"""

from mssante.demo.letters import documents
from mssante.demo.letters.letter import Letter

_PALPITATIONS = (
    Letter(
        "palpitations-1",
        "petit",
        ("martin",),
        22,
        "09:14",
        subject="Demande d'avis : palpitations d'effort",
        text="""
        Chère consœur,

        Pourriez-vous recevoir Mme LEROY, que je suis pour une hypertension artérielle ? Elle
        décrit depuis deux mois des palpitations à l'effort, parfois dans les escaliers, sans
        malaise ni douleur thoracique.

        L'examen est normal, la tension à 142/86, l'ECG de repos sans particularité. Elle prend
        périndopril 5 mg. Pas d'antécédent familial de mort subite, TSH normale le mois dernier.

        Je m'en remets à vous pour la suite : un Holter me paraît utile.

        Bien confraternellement,
        """,
    ),
    Letter(
        "palpitations-2",
        "martin",
        ("petit",),
        21,
        "17:40",
        answers="palpitations-1",
        text="""
        Cher confrère,

        Merci de m'adresser Mme LEROY. Je lui propose un Holter de 24 heures la semaine prochaine,
        puis une consultation avec échographie. Le secrétariat l'appelle demain.

        D'ici là, pas de changement de traitement. Si les palpitations s'accompagnent d'un malaise
        ou surviennent au repos, envoyez-la aux urgences sans attendre.

        Bien à vous,
        """,
        outcome="read",
    ),
    Letter(
        "palpitations-3",
        "martin",
        ("petit",),
        9,
        "18:12",
        answers="palpitations-2",
        papers=(documents.HOLTER,),
        text="""
        Cher confrère,

        Voici le Holter de Mme LEROY : pas d'arythmie soutenue, un peu plus de mille
        extrasystoles ventriculaires monomorphes, sans salve. L'échographie est normale, FEVG à
        60 %.

        Je propose :

        - bisoprolol 1,25 mg le matin, à augmenter selon la tolérance ;
        - un ionogramme avec magnésium ;
        - une épreuve d'effort ici dans six semaines.

        Pourriez-vous la revoir entre-temps pour la tension et la fréquence ?

        Bien confraternellement,
        """,
        outcome="read",
    ),
    Letter(
        "palpitations-4",
        "petit",
        ("martin",),
        0,
        "2:35",
        answers="palpitations-3",
        papers=(documents.LEROY_VISIT, documents.HOME_PRESSURE),
        text="""
        Chère consœur,

        J'ai revu Mme LEROY ce matin. Elle va mieux depuis qu'elle a arrêté le café. Tension à
        138/84, fréquence à 72. Je joins mon compte rendu et son relevé à domicile.

        Le ionogramme est parti au laboratoire, je vous transmets le résultat dès réception.

        Bien à vous,
        """,
        unread_by=("martin",),
    ),
)

_HEART_FAILURE = (
    Letter(
        "sortie-roussel",
        "martin",
        ("petit",),
        18,
        "16:05",
        cc=("fontaine",),
        subject="Sortie d'hospitalisation et adaptation du traitement",
        papers=(documents.DISCHARGE, documents.PRESCRIPTION),
        text="""
        Cher confrère,

        Votre patient M. ROUSSEL sort ce jour après dix jours d'hospitalisation pour une
        décompensation cardiaque. Vous trouverez le compte rendu et l'ordonnance ci-joints.

        Points d'attention :

        - poids de sortie 71,4 kg, à reprendre comme poids de référence ;
        - sacubitril-valsartan commencé à faible dose, l'énalapril est arrêté ;
        - ionogramme et créatinine dans une semaine, puis dans un mois ;
        - télésurveillance par Léa Fontaine, en copie.

        Si le poids monte de plus de 2 kg en trois jours, doublez le furosémide du matin et
        appelez-moi au poste 4120.

        Bien confraternellement,
        """,
    ),
    Letter(
        "sortie-roussel-2",
        "petit",
        ("martin",),
        17,
        "08:22",
        cc=("fontaine",),
        answers="sortie-roussel",
        text="""
        Bien reçu, merci pour ce courrier complet. Je le vois à domicile jeudi et l'infirmière
        libérale fait la prise de sang le même jour.

        Une question : je garde l'apixaban à 2,5 mg malgré une créatinine redescendue à 124 ?
        """,
        archived_by=("martin",),
    ),
    Letter(
        "sortie-roussel-3",
        "martin",
        ("petit",),
        17,
        "12:31",
        cc=("fontaine",),
        answers="sortie-roussel-2",
        text="""
        Oui, gardez 2,5 mg matin et soir : il a plus de 80 ans et son poids est à la limite. Nous
        reverrons la dose à la consultation d'un mois.

        Bien à vous,
        """,
        outcome="read",
    ),
    Letter(
        "poids-roussel",
        "fontaine",
        ("petit",),
        12,
        "10:48",
        cc=("martin",),
        subject="Télésurveillance : alerte de poids",
        papers=(documents.WEIGHTS,),
        text="""
        Bonjour docteur,

        M. ROUSSEL a pris 1,8 kg en trois jours (73,2 kg ce matin pour un poids de référence de
        71,4 kg). Je l'ai appelé : un peu plus essoufflé dans l'escalier, chevilles gonflées le
        soir, pas de gêne allongé. Il a mangé plusieurs plats préparés ce week-end.

        Je lui ai rappelé les consignes sur le sel. Souhaitez-vous adapter le furosémide ? La
        courbe est jointe.

        Cordialement,
        """,
    ),
    Letter(
        "poids-roussel-2",
        "petit",
        ("fontaine",),
        12,
        "13:15",
        cc=("martin",),
        answers="poids-roussel",
        text="""
        Bonjour,

        Merci pour l'alerte. Je passe le furosémide à 80 mg le matin pendant trois jours, avec un
        ionogramme vendredi. Vous me rappelez si le poids ne redescend pas après-demain ?

        Cordialement,
        """,
        archived_by=("martin",),
    ),
    Letter(
        "poids-roussel-3",
        "fontaine",
        ("petit",),
        9,
        "09:20",
        cc=("martin",),
        answers="poids-roussel-2",
        text="""
        Bonjour docteur,

        Poids revenu à 71,6 kg ce matin, essoufflement disparu, tension 118/70. M. ROUSSEL est
        revenu à 40 mg depuis hier comme convenu.

        Bonne journée,
        """,
        archived_by=("martin",),
    ),
)

_ANTICOAGULANT = (
    Letter(
        "dents-1",
        "petit",
        ("martin",),
        14,
        "11:02",
        subject="Anticoagulant avant extraction dentaire",
        papers=(documents.EXTRACTION,),
        text="""
        Chère consœur,

        Mme CHEVALIER, sous apixaban 5 mg matin et soir pour une fibrillation atriale, doit avoir
        deux extractions dentaires mardi prochain. Son dentiste demande s'il faut interrompre le
        traitement. Créatinine à 82, pas d'antécédent de saignement.

        Votre avis ?
        """,
    ),
    Letter(
        "dents-2",
        "martin",
        ("petit",),
        14,
        "14:47",
        answers="dents-1",
        text="""
        Cher confrère,

        Pour deux extractions simples, le risque hémorragique est faible : pas d'interruption et
        surtout pas de relais par héparine. On peut faire le geste le matin en sautant la prise du
        matin, puis reprendre le soir à l'heure habituelle, avec compression et colle biologique.

        Je reste joignable si le dentiste souhaite en parler.

        Bien à vous,
        """,
        outcome="read",
    ),
    Letter(
        "dents-3",
        "petit",
        ("martin",),
        13,
        "08:05",
        answers="dents-2",
        text="""
        Parfait, merci de votre réponse rapide. Je transmets au dentiste et à la patiente.
        """,
        archived_by=("martin",),
    ),
)

_CORONARY = (
    Letter(
        "thorax-1",
        "petit",
        ("martin",),
        8,
        "18:33",
        subject="Douleurs thoraciques atypiques, M. P.",
        text="""
        Chère consœur,

        Je vois M. PERRIN pour des douleurs thoraciques gauches, sans lien net avec l'effort, qui
        durent quelques secondes. Il fume encore dix cigarettes par jour et son LDL est à
        1,52 g/l. ECG normal, troponine négative aux urgences dimanche.

        Le coroscanner de l'Imagerie du Parc vous a été adressé. Pensez-vous qu'une épreuve
        d'effort soit utile ?

        Bien confraternellement,
        """,
    ),
    Letter(
        "thorax-2",
        "martin",
        ("petit",),
        4,
        "17:18",
        answers="thorax-1",
        papers=(documents.STRESS_TEST,),
        text="""
        Cher confrère,

        L'épreuve d'effort de M. PERRIN est négative (compte rendu joint) et le coroscanner montre
        un athérome non obstructif. Les douleurs sont très probablement pariétales.

        Il faut en revanche traiter le risque : rosuvastatine 10 mg avec un objectif de LDL sous
        0,70 g/l, et un vrai projet d'arrêt du tabac. Il accepte de voir notre tabacologue.

        Pas de revoyure systématique en cardiologie, sauf symptôme nouveau.

        Bien à vous,
        """,
    ),
)

_OTHERS = (
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

        Pas d'antécédent d'AVC, hypertendu, 74 ans. Je commence l'anticoagulation ce soir ?
        Pouvez-vous le voir cette semaine ?

        Je reste joignable au cabinet jusqu'à 19 h.

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

_SECRETARIES = (
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

        Je reste au cabinet jusqu'à 19 h.
        """,
        unread_by=("cardio",),
    ),
)

SHARED_LETTERS = (
    *_PALPITATIONS,
    *_HEART_FAILURE,
    *_ANTICOAGULANT,
    *_CORONARY,
    *_OTHERS,
    *_SECRETARIES,
)
