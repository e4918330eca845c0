"""Voices of recordings: no consent, no voice; what is no speech is refused and leaves nothing."""

from __future__ import annotations

import io
import wave

import numpy as np
import pytest

from tests.tiny import F5_WORDS, tiny_f5
from vivavoce.serve.config import RequestLimits
from vivavoce.serve.shelf import Made, Shelf
from vivavoce.serve.table import ModelRow

RATE = 24_000


def recording(seconds: float, seed: int = 1, gain: float = 0.6) -> bytes:
    """Voiced bursts with pauses, as a wav."""
    time = np.arange(int(seconds * RATE)) / RATE
    phase = 2 * np.pi * np.cumsum(120 + 25 * np.sin(2 * np.pi * 0.7 * time)) / RATE
    voice = sum(np.sin(k * phase) / k for k in range(1, 20))
    bursts = np.clip(np.sin(2 * np.pi * 3.1 * time) + 0.4, 0, 1)
    noise = np.random.default_rng(seed).standard_normal(len(time))
    samples = 0.15 * voice * bursts + 0.002 * noise
    return wav(samples / np.abs(samples).max() * gain)


def wav(samples: np.ndarray) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(RATE)
        file.writeframes((samples * 32767).astype("<i2").tobytes())
    return out.getvalue()


@pytest.fixture(scope="module")
def cloner(start):
    return start(speaker=tiny_f5(), limits=RequestLimits(voices_a_minute=1000))


@pytest.fixture
def api(cloner):
    with cloner.client() as client:
        yield client
    cloner.service.table.voices = {}


def consent_to(api, name="me", data=None):
    files = {"recording": ("c.wav", data or recording(3), "audio/wav")}
    form = {"name": name, "language": "en-US"}
    return api.post("/v1/audio/voice_consents", data=form, files=files)


def create(api, consent, **form):
    files = {"audio_sample": ("s.wav", recording(4, 2), "audio/wav")}
    form = {"name": "mine", "consent": consent, "transcript": F5_WORDS} | form
    return api.post("/v1/audio/voices", data=form, files=files)


def test_a_voice_is_made_speaks_and_goes(api, cloner):
    consent = consent_to(api).json()
    made = create(api, consent["id"])
    assert made.status_code == 200
    voice = made.json()
    assert (voice["object"], voice["type"]) == ("audio.voice", "audio_sample")
    assert voice["cloned"] is True
    body = {"model": "tiny-f5", "voice": {"id": voice["id"]}, "input": "Hello there."}
    answer = api.post("/v1/audio/speech", json=body | {"response_format": "wav"})
    assert answer.status_code == 200
    assert len(answer.content) > 5000
    assert voice["id"] in [row["id"] for row in api.get("/v1/audio/voices").json()["data"]]
    assert api.delete(f"/v1/audio/voices/{voice['id']}").json()["deleted"] is True
    assert api.post("/v1/audio/speech", json=body).json()["error"]["code"] == "voice_not_found"
    assert api.get(f"/v1/audio/voices/{voice['id']}").status_code == 404


def test_a_withdrawn_consent_silences_its_voices(api):
    consent = consent_to(api).json()
    voice = create(api, consent["id"]).json()
    assert api.delete(f"/v1/audio/voice_consents/{consent['id']}").json()["deleted"] is True
    body = {"model": "tiny-f5", "voice": voice["id"], "input": "Hello."}
    answer = api.post("/v1/audio/speech", json=body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "consent_withdrawn")


@pytest.mark.parametrize("consent", ["cons_nope", "true", "../../etc/passwd"])
def test_a_consent_must_exist(api, consent):
    answer = create(api, consent)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "consent_not_found")


def test_words_are_asked_for_where_the_model_needs_them(api):
    answer = create(api, consent_to(api).json()["id"], transcript="")
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "transcript")


def test_voices_in_words_are_not_made(api):
    answer = create(api, consent_to(api).json()["id"], type="prompt")
    assert answer.json()["error"]["code"] == "unsupported_value"


def test_consents_are_listed_by_pages(api, cloner):
    made = [consent_to(api, f"c{n}").json()["id"] for n in range(3)]
    found, after = [], None
    while True:
        query = {"limit": 2} | ({"after": after} if after else {})
        page = api.get("/v1/audio/voice_consents", params=query).json()
        found += [row["id"] for row in page["data"]]
        after = page["last_id"]
        if not page["has_more"]:
            break
    assert [one for one in found if one in made] == sorted(made, key=found.index)
    renamed = api.post(f"/v1/audio/voice_consents/{made[0]}", json={"name": "other"})
    assert renamed.json()["name"] == "other"


BAD = {
    "empty": b"",
    "noise": b"\x00\x01" * 4000,
    "text": b"hello",
    "playlist": b"#EXTM3U\n#EXT-X-MEDIA-SEQUENCE:0\n/etc/passwd\n",
    "concat": b"ffconcat version 1.0\nfile /etc/passwd\n",
    "short": recording(0.1),
    "silent": wav(np.zeros(3 * RATE)),
    "steady": wav(0.5 * np.sin(np.arange(3 * RATE) * 0.05)),
    "clipped": wav(np.sign(np.sin(np.arange(3 * RATE) * 0.05))),
    "long": wav(np.tile(np.random.default_rng(0).uniform(-0.5, 0.5, RATE), 61)),
    "cut": recording(3)[:30],
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_speech_is_refused(api, cloner, name):
    files = {"recording": (name, BAD[name], "audio/wav")}
    form = {"name": "x", "language": "en"}
    answer = api.post("/v1/audio/voice_consents", data=form, files=files)
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in ("bad_audio", "audio_too_long")
    assert "/" not in answer.json()["error"]["message"]


def test_too_large_a_recording_is_refused(api):
    answer = consent_to(api, data=bytes(11 << 20))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "audio_too_long")
    answer = consent_to(api, data=bytes(13 << 20))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "request_too_large")


def test_a_small_file_that_unpacks_to_hours_is_refused(api):
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, np.zeros(600 * RATE, np.int16), RATE, format="FLAC")
    assert len(out.getvalue()) < 1 << 20
    answer = consent_to(api, data=out.getvalue())
    assert answer.json()["error"]["code"] == "audio_too_long"


def test_voices_are_counted(start):
    running = start(speaker=tiny_f5(), limits=RequestLimits(voices_a_minute=1))
    with running.client() as client:
        consent = consent_to(client).json()["id"]
        assert create(client, consent).status_code == 200
        answer = create(client, consent)
        assert (answer.status_code, answer.json()["error"]["type"]) == (429, "rate_limit_error")
        assert int(answer.headers["retry-after"]) >= 1


def test_making_voices_can_be_switched_off(start):
    with start(voice_creation=False).client() as client:
        assert consent_to(client).json()["error"]["code"] == "disabled"
        assert client.get("/v1/audio/voice_consents").status_code == 200


def test_a_voice_stays_with_the_model_it_was_made_for(tmp_path):
    shelf = Shelf(tmp_path)
    names = ("small", "large", "other")
    models = [ModelRow(name=name, family="xtts" if name != "other" else "f5") for name in names]
    facts = {"language": "en", "licence": "", "consent": "", "created_at": 1}
    sums = {"sample_sha256": "", "consent_sha256": ""}
    for model in ("large", "gone"):
        made = Made(id=model, name=model, model=model, family="xtts", **facts, **sums)
        shelf.add_voice(made)
        shelf.file_of(model).write_bytes(b"voice")
    assert {row.id: row.model for row in shelf.rows(models)} == {"large": "large", "gone": "small"}
    assert shelf.rows(models[2:]) == []
