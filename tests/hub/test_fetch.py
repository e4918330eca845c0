from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from vivavoce.errors import DownloadError, UsageError
from vivavoce.hub import address as source
from vivavoce.hub import catalog, fetch

CONTENT = os.urandom(100_000)
SHA = hashlib.sha256(CONTENT).hexdigest()
COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILE = "model.bin"


@pytest.fixture(autouse=True)
def _own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "ours"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    for name in ("HF_HUB_OFFLINE", "HF_HUB_CACHE", "HF_TOKEN", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    # huggingface_hub asks its endpoint for a list of coding agents once a day: not in tests.
    with suppress(ImportError):
        from huggingface_hub.utils import _detect_agent

        monkeypatch.setattr(_detect_agent, "_registry", {"standardEnvVars": [], "harnesses": {}})


@pytest.fixture
def hub(site, monkeypatch):
    """A pretended Hub: one repository with one file, at two revisions."""
    site.headers["X-Repo-Commit"] = COMMIT
    for revision in ("main", "v1", COMMIT):
        site.files[f"/org/repo/resolve/{revision}/{FILE}"] = CONTENT
    monkeypatch.setenv("HF_ENDPOINT", site.address)
    return site


HUB_FILE = source.hf("org/repo", FILE)


def test_looking_into_the_hubs_cache_makes_no_request(hub, monkeypatch):
    """Not even the one for the list of coding agents."""
    with suppress(ImportError):
        from huggingface_hub import constants
        from huggingface_hub.utils import _detect_agent

        monkeypatch.setattr(_detect_agent, "_registry", None)
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    assert fetch.cached(HUB_FILE) is None
    assert hub.requests == []


def test_a_local_path(tmp_path):
    file = tmp_path / "x.pt"
    with pytest.raises(UsageError, match="Check the path"):
        fetch.fetch(source.Source("path", path=file))
    file.write_bytes(b"")
    assert fetch.fetch(source.Source("path", path=file), offline=True) == file


def test_a_web_address_is_fetched_once(site, tmp_path):
    site.files["/a/m.bin"] = CONTENT
    where = source.parse(f"{site.address}/a/m.bin")
    assert fetch.cached(where) is None
    path = fetch.fetch(where, SHA)
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(tmp_path / "ours")
    assert len(site.requests) == 1
    assert fetch.fetch(where) == fetch.cached(where) == path
    assert len(site.requests) == 1


@pytest.mark.parametrize("switch", ["argument", "variable"])
@pytest.mark.parametrize("kind", ["url", "hf"])
def test_offline_makes_no_request(hub, monkeypatch, switch, kind):
    hub.files["/m.bin"] = CONTENT
    where = HUB_FILE if kind == "hf" else source.parse(f"{hub.address}/m.bin")
    offline = True if switch == "argument" else None
    if switch == "variable":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match=r"switched off.*HF_HUB_OFFLINE"):
        fetch.fetch(where, offline=offline)
    assert hub.requests == []
    path = fetch.fetch(where, offline=False)
    hub.requests.clear()
    assert fetch.fetch(where, offline=offline) == path
    assert hub.requests == []


def test_the_hub(hub, tmp_path):
    seen = []
    path = fetch.fetch(HUB_FILE, SHA, lambda *state: seen.append(state))
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(tmp_path / "hf")
    assert seen[-1] == (FILE, len(CONTENT), len(CONTENT))
    hub.requests.clear()
    assert fetch.fetch(HUB_FILE) == path
    assert hub.requests == [], "what is cached is not asked about"


def test_revisions_are_asked_for(hub):
    fetch.fetch(source.hf("org/repo", FILE, "v1"))
    assert all("/resolve/v1/" in path or COMMIT in path for _, path, _ in hub.requests)


def test_the_token_is_sent(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    fetch.fetch(HUB_FILE)
    assert "Bearer hf_secret" in hub.authorised


def test_a_token_is_not_sent_elsewhere(site, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    site.files["/m"] = CONTENT
    fetch.fetch(source.parse(f"{site.address}/m"))
    assert site.authorised == [""]


def test_a_hub_file_with_a_wrong_checksum_is_thrown_away(hub):
    with pytest.raises(DownloadError, match="SHA-256 differs"):
        fetch.fetch(HUB_FILE, "0" * 64)
    assert fetch.cached(HUB_FILE) is None
    assert fetch.fetch(HUB_FILE, SHA).read_bytes() == CONTENT


def test_what_the_hub_does_not_have(hub):
    with pytest.raises(DownloadError, match=r"hf://org/repo/other\.bin"):
        fetch.fetch(source.hf("org/repo", "other.bin"))


def test_a_file_near_another(hub):
    """In the same folder, else further up; what is missing is asked for once."""
    hub.files["/org/repo/resolve/main/a/vocab.txt"] = b"a"
    model = source.hf("org/repo", "a/b/c/model.bin")
    found = fetch.fetch_near(model, "vocab.txt")
    assert found is not None
    assert found.read_bytes() == b"a"
    hub.requests.clear()
    assert fetch.fetch_near(model, "vocab.txt") == found
    assert hub.requests == []
    hub.files["/org/repo/resolve/main/a/b/vocab.txt"] = b"b"
    assert fetch.fetch_near(source.hf("org/repo", "x/model.bin"), "vocab.txt") is None


def test_an_unreachable_hub_is_not_taken_for_a_missing_file(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with pytest.raises(DownloadError, match="could not be downloaded"):
        fetch.fetch_near(HUB_FILE, "vocab.txt")


def test_a_source_is_pinned_to_the_commit_of_its_file(hub, tmp_path):
    assert fetch.pinned(HUB_FILE, fetch.fetch(HUB_FILE)).revision == COMMIT
    assert fetch.pinned(HUB_FILE, tmp_path / FILE) == HUB_FILE


def test_a_hub_that_cannot_be_reached(monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(time, "sleep", lambda _: None)  # it tries six times
    with pytest.raises(DownloadError, match="could not be downloaded"):
        fetch.fetch(HUB_FILE)


def test_an_entry(hub):
    entry = catalog.Entry(
        name="m", kind="vocoder", family="vocos", repo="org/repo", files=(FILE,), sha256={FILE: SHA}
    )
    assert [str(s) for s in fetch.missing(entry)] == [f"hf://org/repo/{FILE}"]
    files = fetch.fetch_entry(entry)
    assert files[FILE].read_bytes() == CONTENT
    assert fetch.missing(entry) == ()


def test_a_bundled_entry(tmp_path, monkeypatch):
    entry = catalog.Entry(name="m", kind="vocoder", family="vocos", bundled="m")
    assert fetch.missing(entry) == ()
    monkeypatch.setattr(catalog.Entry, "folder", property(lambda _: tmp_path / "bundled"))
    with pytest.raises(DownloadError, match="Reinstall"):
        fetch.fetch_entry(entry)
    (tmp_path / "bundled").mkdir()
    (tmp_path / "bundled" / "model.toml").write_text("")
    files = fetch.fetch_entry(entry, offline=True)
    assert files == {"model.toml": Path(tmp_path / "bundled" / "model.toml")}


def test_an_entry_without_an_address_says_how_to_bring_it_in():
    with pytest.raises(DownloadError, match=r"No download address.*models import FILE --as glow"):
        fetch.fetch_entry(catalog.resolve("glow-tts-ljspeech"))


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("true", True), ("0", False), ("", False)]
)
def test_the_offline_variable(monkeypatch, value, expected):
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert fetch.is_offline() is expected
    assert fetch.is_offline(not expected) is not expected
