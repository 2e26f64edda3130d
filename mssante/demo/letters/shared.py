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

        J'ai revu Mme LEROY aujourd'hui. Elle va mieux depuis qu'elle a arrêté le café. Tension à
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
        Bonne remarque : la dose réduite se justifiait à 138. À 124 il ne remplit plus qu'un
        critère, l'âge. Si le contrôle de jeudi confirme le chiffre, repassez à 5 mg matin et soir.

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
        surtout pas de relais par héparine. Le geste se fait le matin, la prise est décalée de
        quelques heures après l'extraction, avec compression et colle biologique.

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

SHARED_LETTERS = (*_PALPITATIONS, *_HEART_FAILURE, *_ANTICOAGULANT, *_CORONARY)
