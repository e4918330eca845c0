"""Everything that can be set about the server, as frozen values."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from vivavoce.errors import UsageError

ALIASES = ("default", "tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-12-15")
"""Model names that clients have built in; all of them mean the first model served, unless
`ServeConfig.aliases` says otherwise later on.
"""
BUILT_IN = tuple((name, "") for name in ALIASES)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MIB = 1 << 20
_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


@dataclass(frozen=True, kw_only=True)
class RequestLimits:
    """What one client may ask for. Sizes in bytes, times in seconds."""

    characters: int = 100_000
    json_bytes: int = 3 * 10**6
    form_bytes: int = 12 * MIB
    recording_bytes: int = 10 * MIB
    message_bytes: int = 64 << 10
    body_s: float = 30.0
    head_s: float = 10.0
    connections: int = 256
    connections_per_address: int = 256
    turns: int = 8
    idle_socket_s: float = 300.0
    voices: int = 200
    voices_a_minute: int = 10
    write_s: float = 60.0
    queue_s: float = 30.0
    load_wait_s: float = 20.0
    per_key: int = 0


@dataclass(frozen=True, kw_only=True)
class ServeConfig:
    """`max_concurrent` utterances are spoken at once, beside as many `max_queue` requests wait.

    `batch` is how many sentences share a step of models that make whole sentences: 1 keeps the
    samples exactly those of `TTS.speak`. `wyoming` is a host and a port, or None; `zeroconf` is the
    name to announce it under. `max_memory` is in bytes (0: 80 % of the free memory at start).
    `aliases` are other names of models, "" is the default one. `idle_unload_s` 0 keeps models
    loaded. `shelf` is the folder of voices that clients make, by default one in the cache.
    `cache_dir` keeps results beyond the process; `private_cache` gives a client only what that
    client asked for before.
    """

    models: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = 8880
    wyoming: tuple[str, int] | None = None
    device: str = "auto"
    precision: str = "auto"
    keys: tuple[tuple[str, str], ...] = ()
    key_file: Path | None = None
    max_concurrent: int = 8
    max_queue: int = 32
    batch: int = 1
    max_memory: int = 0
    cache_bytes: int = 16 * MIB
    cache_dir: Path | None = None
    cache_dir_bytes: int = 1024 * MIB
    private_cache: bool = False
    idle_unload_s: float = 0.0
    grace_s: float = 30.0
    voice_creation: bool = True
    consent_similarity: float = 0.5
    open_metrics: bool = False
    log_text: bool = False
    cors: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    root_path: str = ""
    aliases: tuple[tuple[str, str], ...] = BUILT_IN
    zeroconf: str = ""
    shelf: Path | None = None
    limits: RequestLimits = field(default_factory=RequestLimits)

    @property
    def on_loopback(self) -> bool:
        return self.host in LOOPBACK


def parse_size(text: str) -> int:
    """`8GB`, `512MiB` or plain bytes. Raises UsageError."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmg]i?b)?\s*", text, re.IGNORECASE)
    if found is None:
        raise UsageError(f"'{text}' is not an amount of memory.", "Write it as 8GB or 512MiB.")
    return int(float(found[1]) * _UNITS[(found[2] or "").lower()])


def parse_alias(text: str) -> tuple[str, str]:
    """`NAME=MODEL`. Raises UsageError."""
    name, equals, model = (part.strip() for part in text.partition("="))
    if not (name and equals and model):
        raise UsageError(f"'{text}' is not an alias.", "Write it as NAME=MODEL.")
    return name, model


def parse_address(text: str) -> tuple[str, int]:
    """`10200` (this machine only) or `HOST:PORT`. Raises UsageError."""
    host, _, port = text.rpartition(":")
    if not port.isdigit() or not 0 <= int(port) < 65536:
        raise UsageError(f"'{text}' is not a port.", "Write 10200, or HOST:PORT.")
    return host.strip("[]") or "127.0.0.1", int(port)
