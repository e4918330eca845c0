"""pipecat's service for OpenAI's speech, unchanged, in a pipeline: `BASE_URL TEXT FORMAT OUTPUT`.

Run by the Python that has `pipecat-ai[openai]`. Writes the samples, 16 bit at 24 kHz; the format
is always pcm.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

from pipecat.frames.frames import (  # type: ignore[import-not-found]
    EndFrame,
    ErrorFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline  # type: ignore[import-not-found]
from pipecat.pipeline.runner import PipelineRunner  # type: ignore[import-not-found]
from pipecat.pipeline.task import PipelineParams, PipelineTask  # type: ignore[import-not-found]
from pipecat.processors.frame_processor import FrameProcessor  # type: ignore[import-not-found]
from pipecat.services.openai.tts import OpenAITTSService  # type: ignore[import-not-found]


class Listener(FrameProcessor):
    """Keeps the audio that passes."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = bytearray()

    async def process_frame(self, frame: Any, direction: Any) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, ErrorFrame):
            sys.exit(frame.error)
        if isinstance(frame, TTSAudioRawFrame):
            self.heard += frame.audio
        await self.push_frame(frame, direction)


async def main(base: str, text: str, form: str, output: str) -> None:
    settings = OpenAITTSService.Settings(voice="alloy")
    speaker = OpenAITTSService(base_url=base, api_key="none", settings=settings)
    listener = Listener()
    params = PipelineParams(audio_out_sample_rate=24_000)
    task = PipelineTask(Pipeline([speaker, listener]), params=params)
    await task.queue_frames([TTSSpeakFrame(text), EndFrame()])
    await PipelineRunner(handle_sigint=False).run(task)
    Path(f"{output}.{form}").write_bytes(listener.heard)


asyncio.run(main(*sys.argv[1:]))
