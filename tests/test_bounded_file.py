"""Files from elsewhere are read within bounds, and never waited for."""

import os
import socket

import pytest

from evalkit.bounded_file import open_regular, read_bounded


def test_a_regular_file_up_to_the_bound_is_read(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes(b"12345")
    link = tmp_path / "link"
    link.symlink_to(file)
    assert read_bounded(link, 5) == b"12345"
    with pytest.raises(OSError, match="larger than 4 bytes"):
        read_bounded(file, 4)


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    """A pipe without a writer would block, a device never end."""
    os.mkfifo(tmp_path / "pipe")
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(tmp_path / "socket"))
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name, kind in (("pipe", "a named pipe"), ("socket", "a socket"), ("zero", "a device")):
        with pytest.raises(OSError) as caught:
            open_regular(tmp_path / name)
        assert caught.value.strerror == f"it is {kind}, not a regular file"
    server.close()
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")
