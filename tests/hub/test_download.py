from __future__ import annotations

import hashlib
import os
import sys

import pytest
import torch
from safetensors.torch import save_file

from vivavoce.errors import DownloadError
from vivavoce.hub import download as module
from vivavoce.hub.download import download, is_cut

CONTENT = os.urandom(300_000)
SHA = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def target(tmp_path):
    return tmp_path / "deep" / "model.bin"


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 1 << 14)


def broken(site, target, sent=100_000):
    """Leaves the beginning of a file behind, as a killed transfer does."""
    site.files["/m"] = CONTENT
    site.break_after = sent
    with pytest.raises(DownloadError, match="again to continue"):
        download(f"{site.address}/m", target)
    site.break_after = None
    assert not target.exists()
    part = target.with_name("model.bin.part")
    assert part.read_bytes() == CONTENT[:sent]
    site.requests.clear()
    return part


def left(target):
    return sorted(p.name for p in target.parent.iterdir() if p.name[0] != ".")


def test_a_plain_download(site, target):
    site.files["/m"] = CONTENT
    seen = []
    found = download(f"{site.address}/m", target, SHA, lambda *state: seen.append(state))
    assert found == target
    assert target.read_bytes() == CONTENT
    assert seen[-1] == (300_000, 300_000, "model.bin")
    assert [s[0] for s in seen] == sorted(s[0] for s in seen)
    assert left(target) == ["model.bin"]


def test_a_killed_transfer_goes_on(site, target):
    broken(site, target)
    seen = []
    download(f"{site.address}/m", target, SHA, lambda *state: seen.append(state))
    assert target.read_bytes() == CONTENT
    assert site.sent == ["bytes=100000-"]
    assert (seen[0][0] > 100_000, seen[-1][1]) == (True, 300_000)
    assert left(target) == ["model.bin"]


def test_it_can_be_killed_again_and_again(site, target):
    broken(site, target, 50_000)
    for done in (150_000, 250_000):
        site.break_after = 100_000
        with pytest.raises(DownloadError, match=f"after {done} of 300000"):
            download(f"{site.address}/m", target)
    site.break_after = None
    download(f"{site.address}/m", target, SHA)
    assert site.sent == [f"bytes={n}-" for n in (50_000, 150_000, 250_000)]


def test_an_interruption_keeps_the_part(site, target):
    site.files["/m"] = CONTENT

    def stop(done, _total, _name):
        if done > 100_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        download(f"{site.address}/m", target, progress=stop)
    download(f"{site.address}/m", target, SHA)
    assert site.sent[1].startswith("bytes=1")


def test_a_server_without_ranges(site, target):
    broken(site, target)
    site.ranges = False
    download(f"{site.address}/m", target, SHA)
    assert target.read_bytes() == CONTENT


@pytest.mark.parametrize("kind", ["strong", "weak", "none"])
def test_a_file_that_changed_meanwhile_is_fetched_whole(site, target, kind):
    site.weak, site.etags = kind == "weak", kind != "none"
    broken(site, target)
    changed = os.urandom(299_999)
    site.files["/m"] = changed
    download(f"{site.address}/m", target)
    assert target.read_bytes() == changed


@pytest.mark.parametrize("kind", ["weak", "none"])
def test_the_size_or_a_weak_tag_is_enough_to_go_on(site, target, kind):
    site.weak, site.etags = kind == "weak", kind != "none"
    broken(site, target)
    download(f"{site.address}/m", target, SHA)
    assert site.sent == ["bytes=100000-"]


def test_a_part_of_another_address_is_not_continued(site, target):
    broken(site, target)
    site.files["/other"] = other = os.urandom(200_000)
    download(f"{site.address}/other", target)
    assert (target.read_bytes(), site.sent) == (other, [""])


def test_a_part_without_its_note_is_not_trusted(site, target):
    part = broken(site, target)
    part.with_name("model.bin.part.json").write_text("{not json")
    part.write_bytes(b"x" * 1000)
    download(f"{site.address}/m", target, SHA)
    assert site.sent == [""]


def test_a_whole_part_only_needs_its_name(site, target):
    part = broken(site, target)
    part.write_bytes(CONTENT)
    download(f"{site.address}/m", target, SHA)
    assert site.requests == []
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_too_long_starts_over(site, target):
    part = broken(site, target)
    part.write_bytes(CONTENT + b"more")
    download(f"{site.address}/m", target, SHA)
    assert site.sent == ["bytes=300004-", ""]


def test_a_wrong_checksum(site, target):
    site.files["/m"] = CONTENT
    with pytest.raises(DownloadError, match="SHA-256 differs"):
        download(f"{site.address}/m", target, "0" * 64)
    assert left(target) == []
    download(f"{site.address}/m", target, SHA.upper())
    assert target.exists()


@pytest.mark.parametrize(
    ("code", "advice"), [(404, "Check the address"), (403, "permission"), (503, "later")]
)
def test_refusals(site, target, code, advice):
    site.files["/m"] = CONTENT
    site.status["/m"] = code
    with pytest.raises(DownloadError, match=rf"HTTP {code}.*{advice}"):
        download(f"{site.address}/m", target)
    assert left(target) == []


def test_a_refusal_keeps_what_was_there(site, target):
    part = broken(site, target)
    site.status["/m"] = 503
    with pytest.raises(DownloadError, match="503"):
        download(f"{site.address}/m", target)
    assert part.read_bytes() == CONTENT[:100_000]


def test_no_connection(site, target):
    with pytest.raises(DownloadError, match="cannot be reached"):
        download("http://127.0.0.1:1/m", target)


def test_a_server_that_tells_no_length(site, target):
    site.files["/m"] = CONTENT
    site.lengths = False
    seen = []
    download(f"{site.address}/m", target, SHA, lambda *state: seen.append(state))
    assert seen[-1] == (300_000, None, "model.bin")


def test_two_downloads_of_one_file_do_not_mix(site, target):
    if sys.platform == "win32":
        pytest.skip("no file locks on this platform")
    site.files["/m"] = CONTENT
    seen = []

    def again(*_):
        if not seen:
            with pytest.raises(DownloadError, match="Another process"):
                download(f"{site.address}/m", target)
            seen.append(True)

    download(f"{site.address}/m", target, SHA, again)
    assert seen


@pytest.mark.parametrize("status", [200, 204])
def test_an_empty_answer_is_refused(site, target, status):
    site.files["/m"] = b""
    site.status["/m"] = status
    with pytest.raises(DownloadError, match="is empty"):
        download(f"{site.address}/m", target)
    assert left(target) == []


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>Sign in", b"\n <html lang=en>", b"<?xml?>"])
def test_a_page_in_place_of_a_file_is_refused(site, target, page):
    """What a network with a sign-in page answers, with status 200."""
    site.files["/m"] = page
    with pytest.raises(DownloadError, match="is a web page"):
        download(f"{site.address}/m", target)
    assert left(target) == []


@pytest.mark.parametrize("name", ["m.safetensors", "m.pth"])
def test_a_body_that_ends_early_without_a_length_is_refused(site, tmp_path, name):
    whole = tmp_path / f"whole-{name}"
    tensors = {"a": torch.ones(100)}
    (save_file if name.endswith("safetensors") else torch.save)(tensors, whole)
    site.files["/m"] = whole.read_bytes()[:-50]
    site.lengths = False
    target = tmp_path / "deep" / name
    with pytest.raises(DownloadError, match="before the file was complete"):
        download(f"{site.address}/m", target)
    assert left(target) == []
    site.files["/m"] = whole.read_bytes()
    assert not is_cut(download(f"{site.address}/m", target))


def test_an_address_may_have_any_letters(site, target):
    site.files["/%C3%A4%20b"] = CONTENT
    assert download(f"{site.address}/ä b", target).read_bytes() == CONTENT
    with pytest.raises(DownloadError, match="cannot be reached"):
        download("http://[::1", target.with_name("other"))
