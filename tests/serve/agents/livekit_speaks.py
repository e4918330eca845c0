"""LiveKit's plugin for OpenAI, unchanged, on another address: `BASE_URL TEXT FORMAT OUTPUT`.

Run by the Python that has `livekit-plugins-openai`. Writes the samples, 16 bit at 24 kHz.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from livekit.plugins import openai  # type: ignore[import-not-found]


async def main(base: str, text: str, form: str, output: str) -> None:
    heard = bytearray()
    for model in ("tts-1", "gpt-4o-mini-tts"):  # as a file, as events
        heard.clear()
        speaker = openai.TTS(
            base_url=base, api_key="none", model=model, voice="alloy", response_format=form
        )
        async with speaker.synthesize(text) as stream:
            async for event in stream:
                heard += bytes(event.frame.data)
        await speaker.aclose()
        Path(f"{output}.{model}").write_bytes(heard)


asyncio.run(main(*sys.argv[1:]))
