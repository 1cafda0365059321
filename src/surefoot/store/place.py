"""Where a store lies: a local disk, or a network file system with other rules."""

from pathlib import Path

# As the system names them. A write-ahead log needs memory that all readers share; between machines there is none.
NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "davfs2", "drvfs", "fhgfs", "gcsfuse", "gfs2", "glusterfs", "gpfs",
    "juicefs", "lustre", "mmfs", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "openafs", "orangefs", "panfs", "prl_fs",
    "pvfs2", "rclone", "s3fs", "smb", "smb2", "smb3", "smbfs", "sshfs", "vboxsf", "virtiofs", "weka", "wekafs",
})  # fmt: skip


def network(folder: Path) -> str | None:
    """The network file system that a folder is on, as the system names it; None for a local disk."""
    import psutil

    where = folder.resolve()
    try:
        mounts = psutil.disk_partitions(all=True)
    except (OSError, psutil.Error):  # a system that does not tell is taken for one with local disks
        return None
    over = [mount for mount in mounts if where.is_relative_to(mount.mountpoint)]
    # Of mounts one over the other the last is seen.
    kind = max(reversed(over), key=lambda mount: len(Path(mount.mountpoint).parts)).fstype if over else ""
    return kind if kind.lower().removeprefix("fuse.") in NETWORK else None
