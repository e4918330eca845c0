"""When what a client has sent of a text is spoken."""

from __future__ import annotations

import json
import time

from tests.serve.conftest import SHORT
from tests.serve.test_sockets import heard, opened, say

TOKEN_S = 0.02  # as language models write


def test_a_sentence_is_spoken_while_tokens_come_fast(server):
    """Each comes before the one before has settled: that must not put off the first sentence."""
    with opened(server) as ws:
        ws.recv(timeout=20)
        say(ws, "start")
        for word in f"{SHORT} So it goes on{' and on' * 40}".split(" "):
            say(ws, "text", text=word + " ")
            time.sleep(TOKEN_S)
        message = ws.recv(timeout=0)  # it is there already
        assert json.loads(message)["type"] == "audio.start"
        say(ws, "end")
        assert heard(ws)[0][-1]["type"] == "done"


def test_a_character_may_be_cut_in_two(server):
    """JavaScript cuts between the halves of a surrogate pair; one half alone is a space."""
    with opened(server) as ws:
        ws.recv(timeout=20)
        say(ws, "start", timestamps=True)
        for piece in ("One \\ud83d", "\\ude00 two \\ud800 three\\ud83d"):
            ws.send(f'{{"type":"text","id":"t1","text":"{piece}"}}')
        say(ws, "end")
        told, _ = heard(ws)
    words = [word for event in told if event["type"] == "words" for word in event["words"]]
    assert {word["text"]: word["text_start"] for word in words}["two"] == 6  # 😀 is one character


def test_a_long_text_without_an_end_is_spoken_by_its_words(server):
    with opened(server) as ws:
        ws.recv(timeout=20)
        say(ws, "start")
        say(ws, "text", text="Mr. " * 600)
        assert json.loads(ws.recv(timeout=5))["type"] == "audio.start"
        say(ws, "cancel")
        assert heard(ws)[0][-1]["type"] == "cancelled"
