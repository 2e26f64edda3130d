"""The papers joined to the letters, each a value with its file name. All patients are invented."""

from mssante.demo.letters.letter import paragraphs
from mssante.demo.papers import Paper, Picture, Sheet

_CARDIOLOGY = (
    "CH de Valbrune, service de cardiologie",
    "Dr Camille Martin, cardiologue",
    "Poste 4120",
)
_PRACTICE = ("Cabinet des Tilleuls", "Dr Hugo Petit, médecin généraliste", "8 rue des Tilleuls")
_HOSPITAL_LAB = (
    "CH de Valbrune, laboratoire de biologie médicale",
    "Dr Nadia Kessler, biologiste médicale",
)
_BIOVAL = ("Laboratoire Bioval", "Dr Élise Vidal, biologiste médicale")
_HEADINGS = ("Analyse", "Résultat", "Valeurs de référence")

HOLTER = Paper(
    "Holter rythmique – Mme LEROY.pdf",
    Sheet(
        issuer=_CARDIOLOGY,
        title="Enregistrement Holter de 24 heures",
        about="Mme LEROY Monique, née le 12/03/1979",
        body=paragraphs(
            """
            Indication : palpitations à l'effort depuis deux mois, sans syncope.

            Rythme sinusal permanent. Fréquence moyenne 74/min, minimale 51/min à 04:10, maximale
            142/min à 18:25 (montée d'escaliers notée au carnet).

            Extrasystoles supraventriculaires : 412, isolées. Extrasystoles ventriculaires :
            1 180, monomorphes, sans salve ni couplet. Aucune pause de plus de deux secondes.

            Les palpitations notées au carnet à 11:05 et 18:30 correspondent à des extrasystoles
            ventriculaires isolées.

            Conclusion : pas d'arythmie soutenue. Extrasystolie ventriculaire bénigne, à
            confronter à l'épreuve d'effort et au ionogramme.
            """
        ),
        signature="Dr Camille Martin",
    ),
)
LEROY_VISIT = Paper(
    "Compte rendu de consultation – Mme LEROY.pdf",
    Sheet(
        issuer=_PRACTICE,
        title="Compte rendu de consultation",
        about="Mme LEROY Monique, née le 12/03/1979",
        body=paragraphs(
            """
            Patiente suivie pour une hypertension artérielle, revue après le Holter.

            Palpitations moins fréquentes depuis l'arrêt du café. Pas de douleur thoracique, pas
            de malaise. PA 138/84 mmHg, FC 72/min, poids 68 kg.

            Traitement : périndopril 5 mg le matin, bisoprolol 1,25 mg le matin.

            Conduite : ionogramme demandé, contrôle de la tension à domicile pendant trois jours,
            épreuve d'effort au CH de Valbrune.
            """
        ),
        signature="Dr Hugo Petit",
    ),
)
DISCHARGE = Paper(
    "Compte rendu d'hospitalisation – M. ROUSSEL.pdf",
    Sheet(
        issuer=_CARDIOLOGY,
        title="Compte rendu d'hospitalisation",
        about="M. ROUSSEL André, né le 02/07/1941",
        body=paragraphs(
            """
            Motif : décompensation cardiaque globale sur cardiopathie ischémique, avec prise de 6
            kg en dix jours et orthopnée.

            À l'entrée : PA 148/82 mmHg, FC 96/min irrégulière, SpO2 91 % en air ambiant,
            crépitants des deux bases, œdèmes des membres inférieurs jusqu'aux genoux.

            Examens : NT-proBNP 6 840 ng/l, créatinine 138 µmol/l, troponine stable. Échographie :
            FEVG 35 %, insuffisance mitrale modérée, PAPS 48 mmHg.

            Évolution favorable sous furosémide intraveineux. Poids de sortie : 71,4 kg.
            Traitement repris par sacubitril-valsartan à faible dose.

            À la sortie : régime modérément salé, pesée chaque matin, télésurveillance par Léa
            Fontaine, ionogramme et créatinine à une semaine, consultation à un mois.
            """
        ),
        signature="Dr Camille Martin",
    ),
)
PRESCRIPTION = Paper(
    "Ordonnance de sortie – M. ROUSSEL.pdf",
    Sheet(
        issuer=_CARDIOLOGY,
        title="Ordonnance",
        about="M. ROUSSEL André, né le 02/07/1941",
        table=(
            ("Médicament", "Prise", "Durée"),
            ("Furosémide 40 mg", "1 le matin, 1 à midi", "1 mois"),
            ("Sacubitril-valsartan 24/26", "1 matin et soir", "1 mois"),
            ("Bisoprolol 2,5 mg", "1 le matin", "1 mois"),
            ("Éplérénone 25 mg", "1 le soir", "1 mois"),
            ("Apixaban 2,5 mg", "1 matin et soir", "1 mois"),
        ),
        signature="Dr Camille Martin",
    ),
)
ECHO = Paper(
    "Échographie cardiaque – M. NGUYEN.pdf",
    Sheet(
        issuer=_CARDIOLOGY,
        title="Échocardiographie transthoracique",
        about="M. NGUYEN Tran, né le 19/09/1957",
        body=paragraphs(
            """
            Ventricule gauche non dilaté, non hypertrophié, de cinétique homogène. FEVG 55 %
            (Simpson biplan).

            Valve aortique tricuspide remaniée : Vmax 2,6 m/s, gradient moyen 15 mmHg, surface 1,6
            cm². Insuffisance mitrale minime. Oreillette gauche 36 ml/m².

            Cavités droites normales, PAPS 28 mmHg. Péricarde sec.

            Conclusion : rétrécissement aortique peu serré. Contrôle dans un an, plus tôt en cas
            de dyspnée, de malaise ou de douleur à l'effort.
            """
        ),
        signature="Dr Camille Martin",
    ),
)
ECHO_VIEW = Paper("Échographie – coupe quatre cavités.png", Picture(seed=7))
ECG_TESSIER = Paper(
    "ECG de repos – M. TESSIER.pdf",
    Sheet(
        issuer=_PRACTICE,
        title="Électrocardiogramme du {date}",
        about="M. TESSIER Luc, né le 30/11/1952",
        body=("Tracé de repos enregistré au cabinet. Fréquence ventriculaire moyenne 98/min.",),
        rhythm="fibrillation",
        signature="Dr Hugo Petit",
    ),
)
ECG_GARREAU = Paper(
    "ECG préopératoire – Mme GARREAU.pdf",
    Sheet(
        issuer=_CARDIOLOGY,
        title="Électrocardiogramme du {date}",
        about="Mme GARREAU Odette, née le 23/01/1938",
        body=("Rythme sinusal 71/min, axe normal, PR 0,18 s, QRS fins, repolarisation normale.",),
        rhythm="sinus",
        signature="Dr Camille Martin",
    ),
)
STRESS_TEST = Paper(
    "Épreuve d'effort – M. PERRIN.pdf",
    Sheet(
        issuer=_CARDIOLOGY,
        title="Épreuve d'effort sur bicyclette",
        about="M. PERRIN Yves, né le 14/05/1964",
        body=paragraphs(
            """
            Palier de 30 W toutes les trois minutes. Effort arrêté à 150 W pour fatigue des
            jambes, à 88 % de la fréquence maximale théorique.

            Pas de douleur thoracique, pas de modification du segment ST, quelques extrasystoles
            ventriculaires isolées en récupération. PA maximale 192/86 mmHg.

            Conclusion : épreuve sous-maximale négative, cliniquement et électriquement.
            """
        ),
        signature="Dr Camille Martin",
    ),
)
IRON = Paper(
    "Résultats de biologie – Mme CHEVALIER.pdf",
    Sheet(
        issuer=_HOSPITAL_LAB,
        title="Bilan martial et numération",
        about="Mme CHEVALIER Jeanne, née le 08/12/1946",
        table=(
            _HEADINGS,
            ("Hémoglobine", "10,4 g/dl", "11,5 à 15,0"),
            ("VGM", "76 fl", "80 à 100"),
            ("Ferritine", "9 µg/l", "30 à 200"),
            ("Saturation de la transferrine", "8 %", "20 à 40"),
            ("Créatinine", "82 µmol/l", "45 à 84"),
        ),
        signature="Validé par Dr Nadia Kessler",
    ),
)
NATRIURETIC = Paper(
    "Résultat NT-proBNP – M. ROUSSEL.pdf",
    Sheet(
        issuer=_HOSPITAL_LAB,
        title="Résultats de biologie",
        about="M. ROUSSEL André, né le 02/07/1941",
        table=(
            _HEADINGS,
            ("NT-proBNP", "2 310 ng/l", "inférieur à 450"),
            ("Potassium", "4,6 mmol/l", "3,5 à 5,1"),
            ("Créatinine", "124 µmol/l", "62 à 106"),
            ("Sodium", "137 mmol/l", "136 à 145"),
        ),
        signature="Validé par Dr Nadia Kessler",
    ),
)
POTASSIUM_ROWS = (
    _HEADINGS,
    ("Potassium", "6,1 mmol/l", "3,5 à 5,1"),
    ("Créatinine", "118 µmol/l", "45 à 84"),
    ("Sodium", "139 mmol/l", "136 à 145"),
    ("Bicarbonates", "20 mmol/l", "22 à 29"),
    ("Chlore", "104 mmol/l", "98 à 107"),
)
POTASSIUM = Paper(
    "Ionogramme sanguin – Mme LEROY.pdf",
    Sheet(
        issuer=_BIOVAL,
        title="Ionogramme sanguin",
        about="Mme LEROY Monique, née le 12/03/1979",
        body=("Prélèvement sans hémolyse. Résultat contrôlé sur un second tube.",),
        table=POTASSIUM_ROWS,
        signature="Validé par Dr Élise Vidal",
    ),
)
DIABETES_ROWS = (
    _HEADINGS,
    ("Glycémie à jeun", "1,42 g/l", "0,70 à 1,05"),
    ("HbA1c", "7,6 %", "4,0 à 6,0"),
    ("LDL-cholestérol", "1,18 g/l", "selon le risque"),
    ("DFG estimé (CKD-EPI)", "84 ml/min/1,73 m²", "supérieur à 60"),
)
DIABETES = Paper(
    "Bilan trimestriel – M. HADDAD.pdf",
    Sheet(
        issuer=_BIOVAL,
        title="Bilan de suivi du diabète",
        about="M. HADDAD Karim, né le 27/06/1968",
        table=DIABETES_ROWS,
        signature="Validé par Dr Élise Vidal",
    ),
)
HOME_PRESSURE = Paper(
    "Relevé de tension à domicile – Mme LEROY.csv",
    "Jour;Moment;Systolique;Diastolique;Fréquence\n"
    "1;matin;142;88;74\n1;soir;138;84;70\n2;matin;145;86;76\n2;soir;136;82;69\n"
    "3;matin;140;85;72\n3;soir;134;80;68\n",
)
WEIGHTS = Paper(
    "Courbe de poids – télésurveillance.csv",
    "Jour;Poids (kg);Essoufflement;Œdèmes\n"
    "J1;71,4;non;non\nJ2;71,3;non;non\nJ3;71,8;non;non\nJ4;72,6;à l'effort;légers\n"
    "J5;73,1;à l'effort;chevilles\nJ6;73,2;à l'effort;chevilles\n",
)
EXTRACTION = Paper(
    "Demande d'avis – soins dentaires.pdf",
    Sheet(
        issuer=_PRACTICE,
        title="Demande d'avis avant soins dentaires",
        about="Mme CHEVALIER Jeanne, née le 08/12/1946",
        body=paragraphs(
            """
            Fibrillation atriale permanente, apixaban 5 mg matin et soir depuis 2023.

            Extraction de deux dents prévue par son chirurgien-dentiste sous anesthésie locale.

            Créatinine 82 µmol/l, poids 61 kg, pas d'antécédent hémorragique.
            """
        ),
        signature="Dr Hugo Petit",
    ),
)
SCANNER_ROWS = (
    ("Segment", "Lésion", "Sténose"),
    ("Tronc commun", "aucune", "0 %"),
    ("IVA proximale", "plaque mixte", "30 à 40 %"),
    ("Circonflexe", "plaque calcifiée", "moins de 25 %"),
    ("Coronaire droite", "plaque calcifiée", "moins de 25 %"),
)
SCANNER = Paper(
    "Compte rendu coroscanner – M. PERRIN.pdf",
    Sheet(
        issuer=("Imagerie du Parc", "Dr Sarah Lemoine, radiologue"),
        title="Scanner des artères coronaires",
        about="M. PERRIN Yves, né le 14/05/1964",
        body=paragraphs(
            """
            Acquisition synchronisée après 80 ml de produit iodé, fréquence 58/min. Score calcique
            142 unités Agatston.

            Conclusion : athérome coronaire non obstructif, CAD-RADS 2.
            """
        ),
        table=SCANNER_ROWS,
        signature="Dr Sarah Lemoine",
    ),
)
