"""The recorded toy GPT, which several tests of this folder are about."""

from __future__ import annotations

import pytest

from tests.models.xtts.reference import gpt_of


@pytest.fixture
def parity(load_parity):
    return load_parity("xtts_gpt_tiny")


@pytest.fixture
def gpt(parity):
    return gpt_of(parity)
