"""PyYAML's safe loader with a budget: merge keys and numbers cannot grow without bound."""

from __future__ import annotations

from typing import Any

import yaml

from vivavoce.errors import BadCheckpoint
from vivavoce.limits import Budget

_LONGEST_NUMBER = 64
_COST = 32  # a value takes this many times as long as one of JSON


class _Loader(yaml.SafeLoader):
    budget: Budget

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.budget.spend(_COST)
        return super().compose_node(parent, index)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge keys copy whole tables into each other: every copied pair costs."""
        self.budget.spend(len(node.value))
        for key, value in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                self._charge(value)
        super().flatten_mapping(node)

    def _charge(self, value: yaml.Node) -> None:
        parts = value.value if isinstance(value, yaml.SequenceNode) else [value]
        for part in parts:
            if isinstance(part, yaml.MappingNode):
                self.flatten_mapping(part)
                self.budget.spend(len(part.value))

    def construct_yaml_int(self, node: yaml.ScalarNode) -> Any:
        self._check_length(node)
        return super().construct_yaml_int(node)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> Any:
        self._check_length(node)
        return super().construct_yaml_float(node)

    def _check_length(self, node: yaml.ScalarNode) -> None:
        if len(str(node.value)) > _LONGEST_NUMBER:
            raise BadCheckpoint("It holds a number of more than 64 digits.")


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)


def load(text: str, budget: Budget) -> Any:
    """The one document of a text. Raises yaml.YAMLError, BadCheckpoint, RecursionError."""
    loader = _Loader(text)
    loader.budget = budget
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()
