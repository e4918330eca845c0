from __future__ import annotations

import pytest

from tests.hub.server import serving


@pytest.fixture
def site(monkeypatch):
    """A file server on this machine; proxies are not asked."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with serving() as running:
        yield running
