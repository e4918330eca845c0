"""What weights cannot tell: whether an F5 model behaves as v0 or v1, and how that is known.

Files of both have the same names and shapes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vivavoce.models.f5.config import F5Config

_V1 = re.compile(r"(?i)(f5|e2)[-_ ]?tts[-_ ]?v1(?![0-9])")
_V0 = re.compile(r"(?i)(f5|e2)[-_ ]?tts[-_ ](base|small)")
_FLAGS = {"v1": (True, 0), "v0": (False, 1)}


def settings_of(foreign: Mapping[str, Any]) -> dict[str, Any]:
    """Every setting by its name, from whichever table of a configuration it is in."""
    model = foreign.get("model")
    layers = [foreign, foreign.get("config"), foreign.get("arch"), foreign.get("mel_spec"), model]
    if isinstance(model, Mapping):
        layers += [model.get("arch"), model.get("mel_spec")]
    flat: dict[str, Any] = {"name": model} if isinstance(model, str) else {}
    for layer in layers:
        if isinstance(layer, Mapping):
            flat |= {k: v for k, v in layer.items() if not isinstance(v, Mapping)}
    return flat


def decide(
    backbone: str, settings: Mapping[str, Any], source: str, catalogued: str
) -> tuple[bool, int, str, str]:
    """mask_text, rotary_heads, the variant's name, and what decided."""
    if catalogued in _FLAGS:
        return *_FLAGS[catalogued], catalogued, "the catalogue says so"
    stated = _stated(settings, backbone)
    if stated:
        mask, heads = stated
        name = next((n for n, flags in _FLAGS.items() if flags == stated), "mixed")
        return mask, heads, name, "its configuration states both settings"
    if backbone == "unett":
        return *_FLAGS["v0"], "v0", "all E2 models are"
    places = (("its configuration is called", str(settings.get("name", ""))),)
    places += tuple(("its path names", part) for part in last_parts(source))
    for what, text in places:
        for name, pattern in (("v1", _V1), ("v0", _V0)):
            if pattern.search(text):
                return *_FLAGS[name], name, f"{what} '{text}'"
    reason = "neither the catalogue nor a configuration nor the path tells v0 from v1"
    return *_FLAGS["v1"], "unknown", reason


def _stated(settings: Mapping[str, Any], backbone: str) -> tuple[bool, int] | None:
    """The two flags where a configuration has one of them; the other is then its default."""
    keys = ("mask_text", "text_mask_padding", "rotary_heads", "pe_attn_head")
    if not any(key in settings for key in keys):
        return None
    mask, heads = _FLAGS["v0" if backbone == "unett" else "v1"]
    for key in keys:
        value = settings.get(key)
        if key in settings and key in keys[:2]:
            mask = bool(value)
        elif key in settings:
            heads = int(value or 0)
    return mask, heads


def last_parts(source: str) -> list[str]:
    """The last names of a path or address, the file's first; folders far up have no say."""
    return [part for part in re.split(r"[/\\@]", source) if part][::-1][:5]


def name_of(config: F5Config) -> str:
    """The variant that these settings are."""
    flags = (config.mask_text, config.rotary_heads)
    return next((name for name, own in _FLAGS.items() if own == flags), "mixed")
