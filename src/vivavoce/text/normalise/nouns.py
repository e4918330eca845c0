"""Whether a quantity describes the noun behind it: in "a 5 kg bag" the unit is singular."""

from __future__ import annotations

import re

from vivavoce.text.wordlists import words

DETERMINER = re.compile(
    r"(?:^|[\s(\"'])(?:an?|the|this|that|each|every|another|per|my|your|his|her|its|our|their|"
    r"one|new|old|small|big|large)(?: whole| full| single)? ?\Z",
    re.IGNORECASE,
)
NOUN = re.compile(r" ?-?(?!can (?:be|not|have|also|now|only)\b)(?P<word>[a-z]{3,})\b")
NO_NOUNS = words(
    """
    and nor but for yet the this that these those its his her our your their what who whom which
    whose where when while why how because although though until unless since than then there here
    was were are has had have having will would could may might must shall should did does done
    took takes take went goes came comes felt feels made makes costs cost got gets said says fell
    rose left from into onto over under with without within about above below across after along
    among around before behind beside between beyond during near off out past per through towards
    toward upon via each every all any both few some many most more less now today tomorrow
    yesterday again away back down ago apart too also just only even still not very she you they
    long wide tall high deep thick north south east west higher lower further farther longer
    shorter taller heavier lighter faster slower later earlier later remains remained one two
    """
)
DESCRIBED = re.compile(
    r" (?:tablet|capsule|pill|dose|cell|battery|batterie|bulb|drive|card|disk|disc|chip|camera"
    r"|lens|pipe|nail|screw|bolt|speaker|monitor|display|screen|stick|module|plug|fuse|motor"
    r"|engine|note|coin|bill|banknote|ticket|voucher|bottle|bag|bar|can of|cans of"
    r"|jar|packet|tin|tube"
    r"|vial|prize|reward|grant|deposit|fine|fee|discount)s?\b"
)


def describes(match: re.Match[str]) -> bool:
    """Whether what `match` read is an adjective to the next word: "a 20 lb bag", "£20 notes"."""
    text, start, end = match.string, match.start(), match.end()
    if DESCRIBED.match(text, end):
        return True
    noun = NOUN.match(text, end)
    if not noun or noun["word"] in NO_NOUNS or noun["word"].endswith(("ing", "ed", "ly")):
        return False
    return bool(DETERMINER.search(text[max(0, start - 24) : start]))
