"""Speech from a running `vivavoce serve` with OpenAI's own client: pip install openai.

  python examples/openai_client.py "Good evening." -o speech.mp3

Nothing here is special to this server but the address; any program that lets you set OpenAI's
base URL works in the same way.
"""

from __future__ import annotations

import argparse

from openai import OpenAI

parser = argparse.ArgumentParser()
parser.add_argument("text")
parser.add_argument("-o", "--output", default="speech.mp3")
parser.add_argument("--voice", default="alloy", help="one of the server's, or of OpenAI's names")
parser.add_argument("--base", default="http://127.0.0.1:8880/v1")
parser.add_argument("--key", default="none", help="only for a server with keys")
given = parser.parse_args()

client = OpenAI(base_url=given.base, api_key=given.key)
with client.audio.speech.with_streaming_response.create(
    model="tts-1",
    voice=given.voice,
    input=given.text,
    response_format=given.output.rpartition(".")[2],
) as response:
    response.stream_to_file(given.output)  # written while it is spoken
print(f"wrote {given.output} (request {response.headers['x-request-id']})")
