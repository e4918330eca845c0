from __future__ import annotations

import hashlib
import os
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from tests.hub.conftest import COMMIT
from vivavoce.errors import DownloadError, UsageError
from vivavoce.hub import address as source
from vivavoce.hub import remote
from vivavoce.hub.fetch import fetch
from vivavoce.hub.resolve import Location, resolve

CONTENT = os.urandom(100_000)
SHA = hashlib.sha256(CONTENT).hexdigest()
FILE = "model.bin"


pytestmark = pytest.mark.usefixtures("home")


@pytest.fixture
def hub(hub):
    """The pretended Hub with one more repository: one file, at three revisions."""
    for revision in ("main", "v1", COMMIT):
        hub.files[f"/org/repo/resolve/{revision}/{FILE}"] = CONTENT
    return hub


HUB_FILE = source.hf("org/repo", FILE)


def test_looking_into_the_hubs_cache_makes_no_request(hub, monkeypatch):
    """Not even the one for the list of coding agents."""
    with suppress(ImportError):
        from huggingface_hub import constants
        from huggingface_hub.utils import _detect_agent

        monkeypatch.setattr(_detect_agent, "_registry", None)
        monkeypatch.setattr(constants, "ENDPOINT", hub.address)
    assert remote.cached(HUB_FILE) is None
    assert hub.requests == []


def test_a_local_path(tmp_path):
    file = tmp_path / "x.pt"
    with pytest.raises(UsageError, match="Check the path"):
        remote.fetch_file(source.Source("path", path=file))
    file.write_bytes(b"")
    assert remote.fetch_file(source.Source("path", path=file), offline=True) == file


def test_a_web_address_is_fetched_once(site, tmp_path):
    site.files["/a/m.bin"] = CONTENT
    where = source.parse(f"{site.address}/a/m.bin")
    assert remote.cached(where) is None
    path = remote.fetch_file(where, SHA)
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(tmp_path / "home")
    assert len(site.requests) == 1
    assert remote.fetch_file(where) == remote.cached(where) == path
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
        remote.fetch_file(where, offline=offline)
    assert hub.requests == []
    path = remote.fetch_file(where, offline=False)
    hub.requests.clear()
    assert remote.fetch_file(where, offline=offline) == path
    assert hub.requests == []


def test_the_hub(hub, tmp_path):
    seen = []
    path = remote.fetch_file(HUB_FILE, SHA, lambda *state: seen.append(state))
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(tmp_path / "hf")
    assert seen[-1] == (len(CONTENT), len(CONTENT), FILE)
    hub.requests.clear()
    assert remote.fetch_file(HUB_FILE) == path
    assert hub.requests == [], "what is cached is not asked about"


def test_revisions_are_asked_for(hub):
    remote.fetch_file(source.hf("org/repo", FILE, "v1"))
    assert all("/resolve/v1/" in path or COMMIT in path for _, path, _ in hub.requests)


def test_the_token_is_sent(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    remote.fetch_file(HUB_FILE)
    assert "Bearer hf_secret" in hub.authorised


def test_a_token_is_not_sent_elsewhere(site, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    site.files["/m"] = CONTENT
    remote.fetch_file(source.parse(f"{site.address}/m"))
    assert site.authorised == [""]


def test_a_hub_file_with_a_wrong_checksum_is_thrown_away(hub):
    with pytest.raises(DownloadError, match="SHA-256 differs"):
        remote.fetch_file(HUB_FILE, "0" * 64)
    assert remote.cached(HUB_FILE) is None
    assert remote.fetch_file(HUB_FILE, SHA).read_bytes() == CONTENT


def test_what_the_hub_does_not_have(hub):
    with pytest.raises(DownloadError, match=r"hf://org/repo/other\.bin"):
        remote.fetch_file(source.hf("org/repo", "other.bin"))


def test_the_files_of_a_repository_are_asked_for_once_per_commit(hub):
    repository = source.hf("org/repo")
    assert remote.list_files(repository) == (FILE,)
    hub.requests.clear()
    at_commit = source.hf("org/repo", revision=COMMIT)
    assert remote.list_files(at_commit) == (FILE,)
    remote.fetch_file(HUB_FILE)
    hub.requests.clear()
    assert remote.list_files(repository) == (FILE,), "main is known to be that commit"
    assert remote.list_files(at_commit, offline=True) == (FILE,)
    assert hub.requests == []
    with pytest.raises(DownloadError, match="switched off"):
        remote.list_files(source.hf("org/other"), offline=True)


def test_a_source_is_pinned_to_the_commit_of_its_file(hub, tmp_path):
    assert remote.pinned(HUB_FILE, remote.fetch_file(HUB_FILE)).revision == COMMIT
    assert remote.pinned(HUB_FILE, tmp_path / FILE) == HUB_FILE


@pytest.mark.parametrize("variable", ["HF_ENDPOINT", "HTTPS_PROXY"])
def test_a_dead_server_is_named_at_once(site, monkeypatch, variable):
    """With the variable that chose it, without the library's minute of retries."""
    monkeypatch.setenv("HF_ENDPOINT", "https://hub.invalid")
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    begin = time.monotonic()
    with pytest.raises(DownloadError, match=rf"127\.0\.0\.1:1 \({variable}\) cannot be reached"):
        remote.fetch_file(HUB_FILE)
    assert time.monotonic() - begin < 5


def test_a_sign_in_page_in_the_hubs_place_is_not_kept(hub):
    """What a network answers to everything until somebody has signed in."""
    del hub.headers["X-Repo-Commit"]
    page = b"<!doctype html><p>Sign in"
    hub.files[f"/org/repo/resolve/main/{FILE}"] = hub.files["/api/models/org/repo"] = page
    hub.portal = True
    for ask in (remote.fetch_file, remote.list_files):
        with pytest.raises(DownloadError):
            ask(HUB_FILE)
    assert remote.cached(HUB_FILE) is None


def test_a_damaged_copy_is_dropped_from_our_caches_only(hub, tmp_path):
    own = tmp_path / "own.bin"
    own.write_bytes(b"x")
    assert not remote.drop(own)
    assert own.exists()
    file = remote.fetch_file(HUB_FILE)
    assert remote.drop(file)
    assert remote.cached(HUB_FILE) is None


def test_the_files_of_an_entry(hub):
    entry = replace(resolve("vocos-mel-24khz").entry, sha256={"config.yaml": "0" * 64})
    with pytest.raises(DownloadError, match="SHA-256 differs"):
        fetch(Location("m", entry))
    files = fetch(Location("m", replace(entry, sha256={})))
    assert [file.name for file in files.weights] == ["pytorch_model.bin"]
    assert [file.name for file in files.beside] == ["config.yaml"]
    assert str(files.source) == f"hf://{entry.repo}/pytorch_model.bin@{COMMIT}"


def test_an_entry_without_an_address_says_how_to_bring_it_in():
    entry = replace(resolve("glow-tts-ljspeech").entry, archive="")
    with pytest.raises(DownloadError, match=r"No download address.*models import FILE --as glow"):
        fetch(Location("m", entry))


def test_a_bundled_entry_that_is_not_here_says_to_reinstall():
    entry = resolve("kathleen").entry
    with pytest.raises(DownloadError, match="reinstall"):
        fetch(Location("kathleen", entry))


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("true", True), ("0", False), ("", False)]
)
def test_the_offline_variable(monkeypatch, value, expected):
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    assert remote.is_offline() is expected
    assert remote.is_offline(not expected) is not expected
