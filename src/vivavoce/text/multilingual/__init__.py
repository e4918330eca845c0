"""The text front end of XTTS: 17 languages, each prepared as in its training.

`spoken` is the door. Where it departs on purpose from the published preprocessing:

- No text fails. Hindi numbers and Czech ordinals, which the reference cannot say, have words of
  their own; what a library refuses is said digit by digit, as are numbers of more than 15 digits
  and codes such as 007.
- A full stop after a number at the end of a sentence is no ordinal (German, Czech, Turkish,
  Hungarian), and Turkish and Hungarian need a space after the dot of one. A suffix makes an
  ordinal only at the end of a word: "20años" is no twentieth.
- Thousands are joined only where the separator is the language's own, or a space that does not
  break; 3x141 stays as it is.
- Money: a space may stand before or after the mark; amounts in Arabic, Turkish, Hungarian, Korean,
  Hindi and partly Polish, Czech and Russian have words here (the reference reads riyals, English
  words, or nothing); "€" alone is read; whole amounts lose only cents that are zero (the reference
  makes "vinte" of Portuguese $23). An amount that it cannot read no longer hides the others.
- Decimals in Arabic and Turkish are read as such (the reference: "twelve, fifty"; unread).
- Digits of every script are read; decomposed letters are composed, except in Arabic and Hindi.
- Chinese: 。！？ become . ! ? and no commas; quotation marks and the dot in foreign names vanish,
  every other mark is one comma. Dates, times, money and percentages with ASCII marks are read,
  and numbers before 元 count.
- Japanese: numbers, money and symbols are written in words before they are romanised.
- Line breaks and other spaces become one space in every language.
"""

from vivavoce.text.multilingual.pipeline import spoken
from vivavoce.text.multilingual.tables import LANGUAGES, LIMITS

__all__ = ["LANGUAGES", "LIMITS", "spoken"]
