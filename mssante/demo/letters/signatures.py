"""How each box signs. The words under a letter, by the key of the box it leaves from."""

SIGNATURES = {
    "martin": "Dr Camille Martin\nCardiologie, CH de Valbrune, poste 4120",
    "fontaine": "Léa Fontaine, infirmière\nCardiologie et télésurveillance, CH de Valbrune",
    "kessler": "Dr Nadia Kessler\nLaboratoire de biologie médicale, CH de Valbrune, poste 4300",
    "cardio": "Samia Benali\nSecrétariat de cardiologie, CH de Valbrune",
    "petit": "Dr Hugo Petit\nMédecine générale, Cabinet des Tilleuls",
    "tilleuls": "Inès Roy\nSecrétariat du Cabinet des Tilleuls",
    "lemoine": "Dr Sarah Lemoine\nRadiologue, Imagerie du Parc",
    "parc": "Le secrétariat de l'Imagerie du Parc",
    "bioval": "Laboratoire Bioval, service des résultats",
    "vidal": "Dr Élise Vidal\nBiologiste médicale, Laboratoire Bioval",
}
