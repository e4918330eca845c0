"""What the 17 languages of XTTS call abbreviations, symbols and ordinals, and how much fits.

Facts only. The words are those XTTS was trained with, mistakes included (Polish `m.` is "pan"),
because the model has learned to say them.
"""

from __future__ import annotations

import re

from vivavoce.text.wordlists import words

LIMITS = {
    "en": 250, "es": 239, "fr": 273, "de": 253, "it": 213, "pt": 203, "pl": 224, "tr": 226,
    "ru": 182, "nl": 251, "cs": 186, "ar": 166, "zh-cn": 82, "hu": 224, "ko": 95, "ja": 71,
    "hi": 150,
}  # fmt: skip
"""Language -> characters of one utterance. Longer ones lose words or are cut off."""

LANGUAGES = tuple(LIMITS)
"""The codes that XTTS v2 was trained with, and their order."""

MOST_DIGITS = 15
"""Longer numbers are said digit by digit: cards and accounts, for which libraries lack names."""

NAMES = {
    "en": "English", "es": "Spanish", "fr": "French", "de": "German", "it": "Italian",
    "pt": "Portuguese", "pl": "Polish", "tr": "Turkish", "ru": "Russian", "nl": "Dutch",
    "cs": "Czech", "ar": "Arabic", "zh-cn": "Chinese", "hu": "Hungarian", "ko": "Korean",
    "ja": "Japanese", "hi": "Hindi",
}  # fmt: skip

_ABBREVIATIONS = {
    "en": "mrs=misess mr=mister dr=doctor st=saint co=company jr=junior maj=major gen=general"
    " drs=doctors rev=reverend lt=lieutenant hon=honorable sgt=sergeant capt=captain esq=esquire"
    " ltd=limited col=colonel ft=fort",
    "es": "sra=señora sr=señor dr=doctor dra=doctora st=santo co=compañía jr=junior ltd=limitada",
    "fr": "mme=madame mr=monsieur dr=docteur st=saint co=compagnie jr=junior ltd=limitée",
    "de": "fr=frau dr=doktor st=sankt co=firma jr=junior",
    "pt": "sra=senhora sr=senhor dr=doutor dra=doutora st=santo co=companhia jr=júnior"
    " ltd=limitada",
    "it": "sig=signore dr=dottore st=santo co=compagnia jr=junior ltd=limitata",
    "pl": "p=pani m=pan dr=doktor sw=święty jr=junior",
    "cs": "dr=doktor ing=inženýr p=pan",
    "ru": "г-жа=госпожа г-н=господин д-р=доктор",
    "nl": "dhr=de_heer mevr=mevrouw dr=dokter jhr=jonkheer",
    "tr": "b=bay byk=büyük dr=doktor",
    "hu": "dr=doktor b=bácsi nőv=nővér",
}
ABBREVIATIONS = {
    language: dict(pair.replace("_", " ").split("=") for pair in pairs.split())
    for language, pairs in _ABBREVIATIONS.items()
}
"""Language -> abbreviation (without its dot, lower case) -> word."""

UNDOTTED = frozenset({"ru"})
"""Languages whose abbreviations are written without a dot."""

_MARKS = "&@%#$£°€"
_SYMBOLS = {
    "en": "and|at|percent|hash|dollar|pound|degree|euro",
    "es": "y|arroba|por ciento|numeral|dolar|libra|grados|euro",
    "fr": "et|arobase|pour cent|dièse|dollar|livre|degrés|euro",
    "de": "und|at|prozent|raute|dollar|pfund|grad|euro",
    "pt": "e|arroba|por cento|cardinal|dólar|libra|graus|euro",
    "it": "e|chiocciola|per cento|cancelletto|dollaro|sterlina|gradi|euro",
    "pl": "i|małpa|procent|krzyżyk|dolar|funt|stopnie|euro",
    "ar": "و|على|في المئة|رقم|دولار|جنيه|درجة|يورو",
    "zh-cn": "和|在|百分之|号|美元|英镑|度|欧元",
    "cs": "a|na|procento|křížek|dolar|libra|stupně|euro",
    "ru": "и|собака|процентов|номер|доллар|фунт|градус|евро",
    "nl": "en|bij|procent|hekje|dollar|pond|graden|euro",
    "tr": "ve|at|yüzde|diyez|dolar|sterlin|derece|euro",
    "hu": "és|kukac|százalék|kettőskereszt|dollár|font|fok|euró",
    "ko": "그리고|에|퍼센트|번호|달러|파운드|도|유로",
    "ja": "アンド|アット|パーセント|シャープ|ドル|ポンド|度|ユーロ",
    "hi": "और|ऐट दी रेट|प्रतिशत|हैश|डॉलर|पाउंड|डिग्री|यूरो",
}
SYMBOLS = {
    language: dict(zip(_MARKS, names.split("|"), strict=True))
    for language, names in _SYMBOLS.items()
}
"""Language -> mark -> word; the word of a currency is what stands alone, without an amount."""

# What may follow the digits of an ordinal. Turkish, Hungarian and Korean go on with case endings
# and particles; elsewhere a letter after the suffix means that it was none ("20años", "10euros").
_SUFFIXES = {
    "en": "st|nd|rd|th",
    "es": "os|as|er|[ºªoa]",
    "fr": "ère|ème|eme|er|re|e|[ºª]",
    "de": "st|nd|rd|th|[ºª]",
    "pt": "os|as|[ºªoa]",
    "it": "[º°ªoaie]",
    "pl": "st|nd|rd|th|[ºª]",
    "ar": "ون|ين|[ثرى]",
    "ru": "-й|-я|-ое|-ье|-е|-го",
    "nl": "ste|de|e",
    "tr": "inci|nci|uncu|üncü",
    "hu": "adik|edik|odik|ödike|ödik|ik",
    "ko": "번째|[번차째]",
    "hi": "st|nd|rd|th",
}
_OPEN_ENDED = frozenset({"tr", "hu", "ko"})
DOTTED_ORDINALS = frozenset({"de", "cs", "tr", "hu"})
"""Languages that write 1st as `1.`"""


def _ordinal(language: str) -> re.Pattern[str]:
    suffixes = _SUFFIXES.get(language, "")
    forms = [suffixes if language in _OPEN_ENDED else rf"(?:{suffixes})(?!\w)"] if suffixes else []
    forms += [r"\.(?=\s|\Z)"] if language in DOTTED_ORDINALS else []
    return re.compile(rf"([0-9]+)(?:{'|'.join(forms)})")


ORDINALS = {language: _ordinal(language) for language in [*_SUFFIXES, "cs"]}
"""Language -> pattern of an ordinal; group 1 holds its digits."""

GERMAN_OPENERS = words(
    """
    ich du er sie es wir ihr man das die der den dem ein eine dies dieser diese dieses aber und
    oder doch so da dann wenn als wie was wer wo warum nun jetzt heute gestern morgen auch nicht
    nur in im am an auf mit für von zu nach bei aus um hier dort danach deshalb trotzdem sein
    ihre mein alle viele
    """
)
"""First words of a German sentence that never follow an ordinal, where nouns are capitals too."""
