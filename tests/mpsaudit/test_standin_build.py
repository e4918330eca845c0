import sys

import pytest
import torch

from mpsaudit import standin_build
from mpsaudit.errors import StandInUnavailable

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the stand-in is built on Linux")


@on_linux
def test_no_compiler_is_said_in_words(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    with pytest.raises(StandInUnavailable, match=r"no C\+\+ compiler.*portable"):
        standin_build.library(tmp_path)


def test_a_mac_needs_no_stand_in(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.platform", "darwin")
    with pytest.raises(StandInUnavailable, match="needs Linux"):
        standin_build.library(tmp_path)


@pytest.fixture
def fake_compiler(monkeypatch, tmp_path):
    """A compiler that runs the given shell lines; its arguments are kept in `arguments`."""

    def make(lines):
        script = tmp_path / "fake-c++"
        script.write_text(f'#!/bin/sh\n[ "$1" = --version ] && exec echo fake 1\n{lines}\n')
        script.chmod(0o755)
        monkeypatch.setenv("CXX", str(script))
        return tmp_path / "cache"

    return make


@on_linux
def test_what_does_not_compile_leaves_nothing(fake_compiler):
    cache = fake_compiler("echo 'x.cpp:1: error: no such thing' >&2; exit 1")
    with pytest.raises(StandInUnavailable, match=r"for torch \d.*no such thing"):
        standin_build.library(cache)
    assert list(cache.iterdir()) == []


@on_linux
def test_built_once_and_kept(fake_compiler, tmp_path):
    copy = 'while [ "$1" != -o ]; do shift; done; echo built > "$2"; echo run >> '
    cache = fake_compiler(copy + str(tmp_path / "runs"))
    first = standin_build.library(cache)
    assert first == standin_build.library(cache)
    assert first.read_text() == "built\n"
    assert (tmp_path / "runs").read_text() == "run\n"
    assert list(cache.iterdir()) == [first]


@on_linux
def test_a_missing_header_is_said(fake_compiler, monkeypatch, tmp_path):
    monkeypatch.setattr(torch, "__file__", str(tmp_path / "torch" / "__init__.py"))
    with pytest.raises(StandInUnavailable, match=r"has no C\+\+ headers"):
        standin_build.library(fake_compiler("exit 0"))


def test_the_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert standin_build.default_cache() == tmp_path / "vivavoce" / "standin"
