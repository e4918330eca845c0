"""A server with a tiny voice in a process of its own, for signals: `PORTS`, as two numbers."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

from tests.serve.conftest import tiny_service
from tests.tiny import tiny_tts
from vivavoce.serve import logs
from vivavoce.serve.config import RequestLimits, ServeConfig
from vivavoce.serve.server import listen, serve


def main(port: int, wyoming: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = ServeConfig(
            port=port,
            wyoming=("127.0.0.1", wyoming),
            shelf=Path(folder),
            grace_s=20,
            limits=RequestLimits(head_s=1.0),
        )
        logs.set_up()
        service = tiny_service(tiny_tts(n_speakers=3), config)
        if asyncio.run(serve(service, listen(config.host, port))):
            os._exit(0)  # as `run` does


main(*map(int, sys.argv[1:]))
