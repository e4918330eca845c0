"""XML tables of a book (container, package, contents) as trees without namespaces, safely.

Entities are refused: they can make a small file huge, or name files of this machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.parsers import expat

from vivavoce.book.archive import DAMAGED
from vivavoce.errors import BookError

DEEPEST = 100
MOST_NODES = 500_000


@dataclass
class Node:
    """`tag` and the names of `attributes` are local names; `text` is all text below."""

    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node] = field(default_factory=list)
    own_text: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """White space is one space each."""
        parts = [*self.own_text, *(child.text for child in self.children)]
        return " ".join(" ".join(parts).split())

    def all(self, tag: str) -> list[Node]:
        """Nodes of that name below this one, in order."""
        found: list[Node] = []
        for child in self.children:
            if child.tag == tag:
                found.append(child)
            found += child.all(tag)
        return found

    def first(self, tag: str) -> Node | None:
        return next(iter(self.all(tag)), None)

    def get(self, name: str) -> str:
        return self.attributes.get(name, "")


def parse(data: bytes, name: str) -> Node:
    """The root of a table. Raises BookError."""
    reader = _Reader(name)
    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    parser.EntityDeclHandler = reader.entity
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise BookError(f"{name} is damaged ({error}).", DAMAGED) from error
    if not reader.root.children:
        raise BookError(f"{name} is empty.", DAMAGED)
    return reader.root.children[0]


class _Reader:
    def __init__(self, name: str) -> None:
        self.name = name
        self.root = Node("")
        self._open = [self.root]
        self._count = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if len(self._open) > DEEPEST or self._count > MOST_NODES:
            raise BookError(f"{self.name} is nested too deeply or too large.", DAMAGED)
        node = Node(_local(tag), {_local(key): value for key, value in attributes.items()})
        self._open[-1].children.append(node)
        self._open.append(node)

    def end(self, tag: str) -> None:
        self._open.pop()

    def text(self, data: str) -> None:
        self._open[-1].own_text.append(data)

    def entity(self, name: str, *_: object) -> None:
        raise BookError(
            f"{self.name} declares the entity {name!r}.", "Use a book from a source you trust."
        )


def _local(name: str) -> str:
    return name.rpartition("}")[2]
