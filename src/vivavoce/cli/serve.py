"""`vivavoce serve`: the server, from a command line. What it does is in vivavoce/serve."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vivavoce.cli.options import Device, Precision
from vivavoce.cli.terminal import say
from vivavoce.errors import MissingExtra, UsageError

if TYPE_CHECKING:
    from vivavoce.serve.config import ServeConfig

LIBRARIES = ("starlette", "uvicorn", "websockets", "multipart", "av", "prometheus_client")

Models = Annotated[
    list[str] | None,
    typer.Option("--model", "-m", help="Model to serve; repeatable. The first is the default."),
]
Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 is all networks.")]
Port = Annotated[int, typer.Option(help="Port for HTTP and WebSockets.", min=0, max=65535)]
WyomingAt = Annotated[
    str | None,
    typer.Option("--wyoming", metavar="PORT", help="Also serve Wyoming on PORT, or HOST:PORT."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--api-key-file", help="File of API keys: one `name:key` per line."),
]
Concurrent = Annotated[
    int, typer.Option("--max-concurrent", help="Sentences spoken in parallel, if memory allows.")
]
Queue = Annotated[
    int | None,
    typer.Option("--max-queue", help="Requests that may wait [default: 4 per sentence]."),
]
Timeout = Annotated[float, typer.Option("--queue-timeout", help="Seconds a request may wait.")]
PerKey = Annotated[int, typer.Option("--per-key", help="Concurrent requests per key; 0: no limit.")]
Batch = Annotated[
    int, typer.Option(help="Batch size of models that generate whole sentences; for GPUs.")
]
Memory = Annotated[
    str | None,
    typer.Option(
        "--max-memory",
        metavar="SIZE",
        help="Memory for models and sentences, such as 8GB [default: 80 % of free].",
    ),
]
Unload = Annotated[
    float,
    typer.Option("--idle-unload", help="Unload a model after this many idle seconds; 0: never."),
]
CacheSize = Annotated[
    int, typer.Option("--cache-mb", help="Memory for cached results; 0: no cache.")
]
CacheDir = Annotated[
    Path | None,
    typer.Option("--cache-dir", help="Cache results in this folder too, at most 1 GB."),
]
PrivateCache = Annotated[
    bool, typer.Option("--private-cache", help="Keep a separate cache for each client.")
]
Aliases = Annotated[
    list[str] | None,
    typer.Option("--alias", metavar="NAME=MODEL", help="Alias of a model; repeatable."),
]
Zeroconf = Annotated[
    str, typer.Option(metavar="NAME", help="Announce Wyoming on the network under this name.")
]
Characters = Annotated[int, typer.Option("--max-characters", help="Longest text, in characters.")]
Grace = Annotated[float, typer.Option(help="Seconds to finish requests at shutdown.")]
NoVoices = Annotated[
    bool, typer.Option("--no-voice-creation", help="Refuse to make voices from recordings.")
]
Similarity = Annotated[
    float,
    typer.Option("--consent-similarity", help="Lowest similarity of consent and sample; 0: off."),
]
Cors = Annotated[
    list[str] | None,
    typer.Option("--cors", metavar="ORIGIN", help="Allow web pages of this origin; repeatable."),
]
Allowed = Annotated[
    list[str] | None,
    typer.Option("--allowed-host", help="Accept this host name too; repeatable."),
]
RootPath = Annotated[str, typer.Option("--root-path", help="Path prefix that a proxy removes.")]
OpenMetrics = Annotated[
    bool, typer.Option("--open-metrics", help="Serve /metrics to all clients, without a key.")
]


def serve(
    models: Models = None,
    host: Host = "127.0.0.1",
    port: Port = 8880,
    alias: Aliases = None,
    wyoming: WyomingAt = None,
    zeroconf: Zeroconf = "",
    api_key_file: KeyFile = None,
    max_memory: Memory = None,
    max_concurrent: Concurrent = 8,
    max_queue: Queue = None,
    queue_timeout: Timeout = 30.0,
    per_key: PerKey = 0,
    batch: Batch = 1,
    idle_unload: Unload = 0.0,
    cache_mb: CacheSize = 16,
    cache_dir: CacheDir = None,
    private_cache: PrivateCache = False,
    max_characters: Characters = 100_000,
    grace: Grace = 30.0,
    no_voice_creation: NoVoices = False,
    consent_similarity: Similarity = 0.5,
    cors: Cors = None,
    allowed_host: Allowed = None,
    root_path: RootPath = "",
    open_metrics: OpenMetrics = False,
    device: Device = "auto",
    precision: Precision = "auto",
) -> None:
    """Serve speech over HTTP, WebSockets and Wyoming.

    OpenAI's clients reach it at http://127.0.0.1:8880/v1, a browser at http://127.0.0.1:8880.
    """
    given = dict(locals())  # every option, by its name
    require_server()
    start(configured(given))


def configured(given: dict[str, Any]) -> ServeConfig:
    """The options of the command line as values. Raises UsageError."""
    from vivavoce.serve import config as values

    for name, least in (("max_concurrent", 1), ("batch", 1), ("cache_mb", 0)):
        if given[name] < least:
            flag = name.replace("_", "-")
            raise UsageError(f"--{flag} is {given[name]}.", f"Use {least} or more.")
    rows, queue = given["max_concurrent"], given["max_queue"]
    wyoming, memory = given["wyoming"], given["max_memory"]
    same = ("host", "port", "device", "precision", "max_concurrent", "batch", "root_path")
    same += ("consent_similarity", "open_metrics", "cache_dir", "private_cache", "zeroconf")
    if given["zeroconf"] and wyoming in (None, "off"):
        raise UsageError("--zeroconf announces Wyoming, which is off.", "Add --wyoming PORT.")
    return values.ServeConfig(
        **{name: given[name] for name in same},
        models=tuple(given["models"] or ()),
        aliases=(*values.BUILT_IN, *map(values.parse_alias, given["alias"] or ())),
        wyoming=None if wyoming in (None, "off") else values.parse_address(wyoming),
        key_file=given["api_key_file"],
        max_queue=4 * rows if queue is None else queue,
        max_memory=values.parse_size(memory) if memory else 0,
        cache_bytes=given["cache_mb"] * values.MIB,
        idle_unload_s=given["idle_unload"],
        grace_s=given["grace"],
        voice_creation=not given["no_voice_creation"],
        cors=tuple(given["cors"] or ()),
        allowed_hosts=tuple(given["allowed_host"] or ()),
        limits=values.RequestLimits(
            characters=given["max_characters"],
            queue_s=given["queue_timeout"],
            per_key=given["per_key"],
        ),
    )


def start(config: ServeConfig) -> None:
    """Serve until a signal comes."""
    from vivavoce.serve.keys import Keys
    from vivavoce.serve.server import run

    if not config.on_loopback and not Keys(config.keys, config.key_file).needed:
        red, plain = ("\033[31m", "\033[0m") if sys.stderr.isatty() else ("", "")
        say(f"{red}warning: anyone who can reach {config.host} can use this server.{plain}")
        say("Set keys with --api-key-file, or use --host 127.0.0.1.")
    run(config)


def require_server() -> None:
    """Raises MissingExtra when a library of the server is not installed."""
    missing = [name for name in LIBRARIES if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"The server needs {', '.join(missing)}.",
            "Install them: pip install 'vivavoce[server]'.",
        )
