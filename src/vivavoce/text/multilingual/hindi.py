"""Hindi numbers, written for XTTS, whose reference crashes on every digit of a Hindi text.

Every number below a hundred has a name of its own.
"""

from __future__ import annotations

_SMALL = """
    शून्य एक दो तीन चार पाँच छह सात आठ नौ
    दस ग्यारह बारह तेरह चौदह पंद्रह सोलह सत्रह अठारह उन्नीस
    बीस इक्कीस बाईस तेईस चौबीस पच्चीस छब्बीस सत्ताईस अट्ठाईस उनतीस
    तीस इकतीस बत्तीस तैंतीस चौंतीस पैंतीस छत्तीस सैंतीस अड़तीस उनतालीस
    चालीस इकतालीस बयालीस तैंतालीस चौवालीस पैंतालीस छियालीस सैंतालीस अड़तालीस उनचास
    पचास इक्यावन बावन तिरपन चौवन पचपन छप्पन सत्तावन अट्ठावन उनसठ
    साठ इकसठ बासठ तिरसठ चौंसठ पैंसठ छियासठ सड़सठ अड़सठ उनहत्तर
    सत्तर इकहत्तर बहत्तर तिहत्तर चौहत्तर पचहत्तर छिहत्तर सतहत्तर अठहत्तर उन्यासी
    अस्सी इक्यासी बयासी तिरासी चौरासी पचासी छियासी सत्तासी अट्ठासी नवासी
    नब्बे इक्यानवे बानवे तिरानवे चौरानवे पचानवे छियानवे सत्तानवे अट्ठानवे निन्यानवे
"""
SMALL = _SMALL.split()
SCALES = ((10**7, "करोड़"), (10**5, "लाख"), (1000, "हज़ार"), (100, "सौ"))
FIRST = {0: "शून्यवाँ", 1: "पहला", 2: "दूसरा", 3: "तीसरा", 4: "चौथा", 6: "छठा"}


def cardinal(n: int) -> str:
    """12345678 -> एक करोड़ तेईस लाख पैंतालीस हज़ार छह सौ अठहत्तर."""
    words = []
    for value, name in SCALES:
        count, n = divmod(n, value)
        if count:
            words += [cardinal(count), name]
    if n or not words:
        words.append(SMALL[n])
    return " ".join(words)


def ordinal(n: int) -> str:
    """The masculine form: पहला, पाँचवाँ, सौवाँ."""
    return FIRST.get(n) or cardinal(n) + "वाँ"


def decimal(whole: str, fraction: str) -> str:
    return f"{cardinal(int(whole))} दशमलव {' '.join(SMALL[int(d)] for d in fraction)}"
