"""What a file lies on, and who holds its lock: what SQLite cannot say itself."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

__all__ = ("lock_holder", "network_file_system")

# File systems shared by several machines or by a machine and its host: there the memory that a
# write-ahead log is shared through is not shared (SQLite, "Write-Ahead Logging", Disadvantages).
_SHARED = re.compile(
    r"nfs\d?|cifs|smb\w*|smbfs|ncp(fs)?|9p|v9fs|afs|openafs|afpfs|webdav|davfs|coda|ceph|lustre|"
    r"gpfs|beegfs\w*|orangefs|pvfs2|glusterfs|ocfs2|gfs2?|vboxsf|prl_fs|vmhgfs|"
    r"fuse\.(sshfs|ceph|glusterfs|s3fs|rclone|gcsfuse|vmhgfs-fuse|lustre|mfs|juicefs\w*|davfs\w*)"
)
_OCTAL = re.compile(r"\\([0-7]{3})")
_MAC = re.compile(r"^.* on (?P<point>/.*) \((?P<kind>[^,)]+).*\)$")


def network_file_system(path: Path) -> str:
    """The kind of network file system *path* lies on, such as ``nfs4``; empty when it is local.

    Linux tells it in ``/proc/self/mountinfo`` (proc_pid_mountinfo(5)), macOS in the output of
    ``mount``, Windows by the path and the type of its drive.
    """
    if sys.platform == "win32":
        return _on_windows(path)
    mounts: list[tuple[str, str]] = []
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        if sys.platform == "darwin":
            said = subprocess.run(["/sbin/mount"], capture_output=True, text=True, timeout=5)  # noqa: PLW1510
            mounts = _from_mount(said.stdout)
        else:
            mounts = _from_mountinfo(Path("/proc/self/mountinfo").read_text(errors="replace"))
    return _kind(str(path.resolve()), mounts)


def _kind(path: str, mounts: list[tuple[str, str]]) -> str:
    best, kind = "", ""
    for point, found in mounts:
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        # Of two mounts at the same place the later one covers the other.
        if inside and len(point) >= len(best):
            best, kind = point, found
    return kind if _SHARED.fullmatch(kind) else ""


def _from_mountinfo(text: str) -> list[tuple[str, str]]:
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        cells, kinds = before.split(" "), after.split(" ")
        if len(cells) > 4:
            found.append((_OCTAL.sub(lambda m: chr(int(m[1], 8)), cells[4]), kinds[0]))
    return found


def _from_mount(text: str) -> list[tuple[str, str]]:
    lines = (_MAC.match(line) for line in text.splitlines())
    return [(line["point"], line["kind"]) for line in lines if line]


def _on_windows(path: Path) -> str:  # pragma: no cover  # runs on Windows only
    if str(path).startswith(("\\\\", "//")):
        return "smb"
    import ctypes

    remote = 4  # DRIVE_REMOTE, GetDriveTypeW of the Windows API
    kernel = getattr(ctypes, "windll").kernel32  # noqa: B009  # only there on Windows
    return "smb" if kernel.GetDriveTypeW(path.drive + "\\") == remote else ""


def lock_holder(file: Path) -> str:
    """Which other process holds a write lock on the SQLite *file*, such as ``process 12 (python)``.

    Linux tells it in ``/proc/locks`` (proc_locks(5)); elsewhere the answer is empty.
    """
    wanted = set()
    for name in (f"{file}-shm", str(file)):
        with contextlib.suppress(OSError):
            wanted.add(str(Path(name).stat().st_ino))
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/locks").read_text().splitlines():
            cells = line.split()
            if "->" in cells or len(cells) < 6 or cells[3] != "WRITE":
                continue
            if cells[5].rsplit(":", 1)[-1] in wanted and int(cells[4]) not in (os.getpid(), -1):
                program = Path(f"/proc/{cells[4]}/comm").read_text().strip()
                return f"process {cells[4]} ({program})"
    return ""
