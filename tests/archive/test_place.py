"""What the archive's file lies on."""

from __future__ import annotations

from pathlib import Path

import pytest
from archive.made import a_message

from smtp_lab.archive import Archive, place, store

# As proc_pid_mountinfo(5) describes it.
MOUNTINFO = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /srv/homes rw,relatime shared:7 master:2 - nfs4 filer:/homes rw,vers=4.2
31 30 0:41 / /srv/homes/ann/scratch rw - tmpfs tmpfs rw
32 22 0:42 / /mnt/team\040files rw - cifs //filer/team rw
33 22 0:43 / /media/far rw - fuse.sshfs ann@host:/ rw
34 22 0:44 / /media/near rw - fuse.gocryptfs box rw
35 22 0:45 / /host rw - 9p host rw,trans=virtio
36 35 254:1 / /host/over rw - nfs filer:/x rw
37 36 254:1 / /host/over rw - xfs /dev/vdb rw
"""
MAC = """
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
devfs on /dev (devfs, local, nobrowse)
//ann@filer/team on /Volumes/Team Files (smbfs, nodev, nosuid, mounted by ann)
filer:/homes on /Volumes/homes (nfs, nodev, nosuid)
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/Users/ann/mail.sqlite3", ""),
        ("/srv/homes/ann/mail.sqlite3", "nfs4"),
        ("/srv/homes", "nfs4"),
        ("/srv/homes2/mail.sqlite3", ""),
        ("/srv/homes/ann/scratch/mail.sqlite3", ""),
        ("/mnt/team files/mail.sqlite3", "cifs"),
        ("/media/far/mail.sqlite3", "fuse.sshfs"),
        ("/media/near/mail.sqlite3", ""),
        ("/host/mail.sqlite3", "9p"),
        ("/host/over/mail.sqlite3", ""),
    ],
)
def test_the_kind_of_a_mount_on_linux(path, kind):
    """The innermost mount a path lies on decides, and of two in one place the later."""
    assert place._kind(path, place._from_mountinfo(MOUNTINFO)) == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/Users/ann/mail.sqlite3", ""),
        ("/Volumes/Team Files/mail.sqlite3", "smbfs"),
        ("/Volumes/homes/mail.sqlite3", "nfs"),
    ],
)
def test_the_kind_of_a_mount_on_macos(path, kind):
    """What `mount` prints there is read too."""
    assert place._kind(path, place._from_mount(MAC)) == kind


def test_this_machine_is_asked(tmp_path):
    """The real table of mounts is understood: the root is in it."""
    if not Path("/proc/self/mountinfo").exists():
        pytest.skip("only Linux has this table")
    mounts = place._from_mountinfo(Path("/proc/self/mountinfo").read_text())
    assert "/" in [point for point, _ in mounts]
    assert isinstance(place.network_file_system(tmp_path), str)


def test_a_network_file_system_is_said_and_gets_no_shared_log(tmp_path, monkeypatch):
    """There it says so once, and uses a journal that needs no memory shared between machines."""
    monkeypatch.setattr(store, "network_file_system", lambda _: "nfs4")
    with pytest.warns(UserWarning, match=r"network file system \(nfs4\).*SMTP_LAB_DATA") as said:
        archive = Archive(tmp_path / "mail.sqlite3")
    # Others, such as a file that some earlier test left to the garbage collector, may be among them.
    ours = [warning for warning in said if "network file system" in str(warning.message)]
    assert [warning.filename for warning in ours] == [__file__]
    connection = archive._pen._open()
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (3,)  # EXTRA
    assert archive.add([a_message(), a_message()]) == [1, 2]
    assert archive.count() == 2
    archive.close()
    assert [file.name for file in tmp_path.glob("mail*")] == ["mail.sqlite3"]


def test_an_archive_that_moves_to_a_network_file_system_and_back(tmp_path, monkeypatch):
    """A file with a write-ahead log is opened without one, and the other way round."""
    path = tmp_path / "mail.sqlite3"
    first = Archive(path)
    first.add([a_message(b"one")])
    first.close()
    with monkeypatch.context() as patch:
        patch.setattr(store, "network_file_system", lambda _: "smb3")
        with pytest.warns(UserWarning, match="smb3"):
            there = Archive(path)
        there.add([a_message(b"two")])
        there.close()
    back = Archive(path)
    back.add([a_message(b"three")])
    assert [message.raw for message in back.messages()] == [b"one", b"two", b"three"]
    back.close()
