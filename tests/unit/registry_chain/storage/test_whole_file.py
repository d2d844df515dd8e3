"""Files that are replaced in one piece, and what was there before."""

from __future__ import annotations

import os

import pytest

from registry_chain.storage.whole_file import former_name, let_succeed, replace_file


@pytest.mark.parametrize("durable", [False, True])
def test_a_file_is_replaced_and_leaves_nothing_beside_it(tmp_path, durable):
    path = tmp_path / "a"
    for data in (b"first", b"second"):
        replace_file(path, data, durable=durable)
        assert path.read_bytes() == data
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_secrets_is_never_open_to_others(tmp_path):
    replace_file(tmp_path / "a", b"", mode=0o600)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600


def test_what_cannot_be_written_leaves_the_former_content(tmp_path):
    path = tmp_path / "a"
    replace_file(path, b"first")
    (tmp_path / "a.new").mkdir()
    with pytest.raises(OSError, match="directory"):
        replace_file(path, b"second")
    assert path.read_bytes() == b"first"


def test_no_link_is_followed(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"other")
    (tmp_path / "a.new").symlink_to(other)
    with pytest.raises(OSError, match="symbolic link"):
        replace_file(tmp_path / "a", b"mine")
    assert other.read_bytes() == b"other"


def test_a_successor_takes_the_place_and_none_is_lost(tmp_path, monkeypatch):
    path, successor = tmp_path / "key", tmp_path / "key.next"
    path.write_bytes(b"1")
    for content in (b"2", b"3"):
        successor.write_bytes(content)
        there = []
        monkeypatch.setattr(os, "fsync", lambda _, there=there: there.append(path.exists()))
        let_succeed(successor, path)
        assert path.read_bytes() == content
        assert there == [True]
    assert [(tmp_path / f"key.old-{number}").read_bytes() for number in (1, 2)] == [b"1", b"2"]
    assert former_name(path) == tmp_path / "key.old-3"
