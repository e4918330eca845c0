"""Folders of a test's own, a file server, and a pretended Hub."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from tests.hub.server import serving
from vivavoce.hub import library

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def opened(name: Any, **how: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """A model's manifest and its tensors."""
    stored = library.open_model(str(name), **how)
    return stored.manifest, stored.tensors


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Folders of this test's own, and no way out of this machine."""
    monkeypatch.setenv("VIVAVOCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    for name in ("HF_HUB_OFFLINE", "HF_HUB_CACHE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    # huggingface_hub asks its endpoint for a list of coding agents once a day: not in tests.
    with suppress(ImportError):
        from huggingface_hub.utils import _detect_agent

        monkeypatch.setattr(_detect_agent, "_registry", {"standardEnvVars": [], "harnesses": {}})
    return tmp_path / "home"


@pytest.fixture
def site(monkeypatch):
    """A file server on this machine; proxies are not asked."""
    for name in (
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as running:
        yield running


@pytest.fixture
def hub(home, site, monkeypatch):
    """A pretended Hub; `put` adds a file to one of its repositories."""
    monkeypatch.setenv("HF_ENDPOINT", site.address)
    site.headers["X-Repo-Commit"] = COMMIT
    for file, content in official_vocos().items():
        site.put("charactr/vocos-mel-24khz", file, content)
    return site


def official_vocos() -> dict[str, bytes]:
    """The two files of the official Vocos repository, at toy size."""
    import io

    import torch

    from tests.tiny import tiny_vocoder

    names = {
        "backbone.blocks.": "backbone.convnext.",
        ".depthwise.": ".dwconv.",
        ".expand.": ".pwconv1.",
        ".contract.": ".pwconv2.",
        "backbone.final_norm.": "backbone.final_layer_norm.",
        "head.": "head.out.",
    }
    tensors = {}
    for ours, tensor in tiny_vocoder().state_dict().items():
        theirs = ours.removesuffix(".scale") + ".gamma" if ours.endswith(".scale") else ours
        for key, value in names.items():
            theirs = theirs.replace(key, value)
        tensors[theirs] = tensor
    weights = io.BytesIO()
    torch.save(tensors, weights)
    mel = "{sample_rate: 24000, n_fft: 1024, hop_length: 256, n_mels: 100, padding: center}"
    config = (
        f"feature_extractor:\n  init_args: {mel}\n"
        "backbone:\n  init_args: {dim: 32, intermediate_dim: 48, num_layers: 2}\n"
        "head:\n  init_args: {dim: 32, n_fft: 1024, hop_length: 256, padding: center}\n"
    )
    return {"config.yaml": config.encode(), "pytorch_model.bin": weights.getvalue()}
