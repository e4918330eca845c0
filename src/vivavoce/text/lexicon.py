r"""Words and patterns that are to be said otherwise than they are written, from a TOML file.

[words]
siobhan = "Shivawn"                            # lower case: matches any case
NASA = { spell = true }                        # with capitals: only so
Caius = { say = "Keys", phonemes = "kiːz" }    # phonemes for voices that read them
[patterns]
'\bSgt\. (?=[A-Z])' = "Sergeant "            # regular expressions
[de.words]                                     # only in German text
live = "leif"
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vivavoce import config
from vivavoce.errors import ConfigError, near_misses

KEYS = ("say", "spell", "phonemes")
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8})*")


@dataclass(frozen=True)
class Saying:
    """What stands in a text in place of a word. `phonemes` are IPA, for voices that read them."""

    say: str
    phonemes: str = ""

    def text(self, phonemes: bool) -> str:
        return f"[[{self.phonemes}]]" if self.phonemes and phonemes else self.say


@dataclass(frozen=True)
class _Rules:
    """Of one language, or of all."""

    any_case: Mapping[str, Saying]
    exact: Mapping[str, Saying]
    words: re.Pattern[str] | None
    patterns: tuple[tuple[re.Pattern[str], str], ...]

    def applied(self, text: str, phonemes: bool) -> str:
        for pattern, said in self.patterns:
            text = pattern.sub(said, text)
        if self.words is None:
            return text
        return self.words.sub(lambda found: self._said(found[0], phonemes), text)

    def _said(self, word: str, phonemes: bool) -> str:
        said = self.exact.get(word) or self.any_case.get(word.lower())
        return said.text(phonemes) if said else word


@dataclass(frozen=True)
class Lexicon:
    """Rules by language (BCP 47 in small letters); those under "" are for every text."""

    rules: Mapping[str, _Rules]

    def applied(self, text: str, language: str = "", phonemes: bool = False) -> str:
        """The text as it is to be said: first by the rules of its language, then by the general.

        `phonemes` says whether the voice reads `[[…]]`.
        """
        code = language.lower().replace("_", "-")
        for name in dict.fromkeys((code, code.partition("-")[0], "")):
            if name in self.rules:
                text = self.rules[name].applied(text, phonemes)
        return text


def read(path: str | Path) -> Lexicon:
    """Raises ConfigError, which names the key that is wrong."""
    table = config.read(path)
    rules = {}
    general = {name: table.pop(name) for name in ("words", "patterns") if name in table}
    for code, own in {"": general, **table}.items():
        if code and not (_LANGUAGE.fullmatch(code) and isinstance(own, dict)):
            advice = near_misses(code, ("words", "patterns")) or "Languages are such as [de.words]."
            raise ConfigError(
                f"{path}: '{code}' is neither words, patterns nor a language.", advice
            )
        rules[code] = _rules(own, f"{path}: {code}{'.' if code else ''}")
    return Lexicon(rules)


def _rules(table: Mapping[str, Any], where: str) -> _Rules:
    unknown = [name for name in table if name not in ("words", "patterns")]
    if unknown:
        raise ConfigError(f"{where}{unknown[0]} is not known.", "Use words and patterns.")
    words, patterns = table.get("words", {}), table.get("patterns", {})
    if not isinstance(words, dict) or not isinstance(patterns, dict):
        raise ConfigError(f"{where}words and patterns must be tables.")
    said = {word: _said(word, value, f"{where}words.{word}") for word, value in words.items()}
    exact = {word: entry for word, entry in said.items() if word != word.lower()}
    any_case = {word: entry for word, entry in said.items() if word not in exact}
    return _Rules(any_case, exact, _any_of(exact, any_case), _patterns(patterns, where))


def _any_of(exact: Mapping[str, Saying], any_case: Mapping[str, Saying]) -> re.Pattern[str] | None:
    """Whole words, longer ones first."""
    forms = [(w, re.escape(w)) for w in exact] + [(w, f"(?i:{re.escape(w)})") for w in any_case]
    forms.sort(key=lambda form: -len(form[0]))
    return re.compile(rf"(?<!\w)(?:{'|'.join(f for _, f in forms)})(?!\w)") if forms else None


def _said(word: str, value: object, where: str) -> Saying:
    if isinstance(value, str):
        return Saying(value)
    if not isinstance(value, dict) or not value:
        raise ConfigError(f"{where} is {value!r}.", "Give text, or a table with say or spell.")
    for key in value:
        if key not in KEYS:
            raise ConfigError(f"{where}.{key} is not known.", near_misses(key, KEYS))
    say = value.get("say", " ".join(word) if value.get("spell") is True else word)
    phonemes = value.get("phonemes", "")
    if not isinstance(say, str) or not isinstance(phonemes, str) or set(phonemes) & set("[]"):
        raise ConfigError(f"{where}: say and phonemes must be text, without brackets.")
    return Saying(say, phonemes)


def _patterns(table: Mapping[str, Any], where: str) -> tuple[tuple[re.Pattern[str], str], ...]:
    found = []
    for pattern, said in table.items():
        try:
            compiled = re.compile(pattern)
            compiled.sub(said, "")
            re.compile(f"(?:{pattern})?").sub(said, "")  # also what the replacement refers to
        except (re.error, TypeError) as error:
            raise ConfigError(f"{where}patterns.'{pattern}': {error}.") from error
        found.append((compiled, said))
    return tuple(found)
