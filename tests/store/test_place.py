"""Where a store lies decides how it is written."""

from types import SimpleNamespace

import psutil
import pytest
import scripted

from surefoot.store import Store
from surefoot.store.place import NETWORK, network


@pytest.fixture
def mounts(monkeypatch, tmp_path):
    """A partition table: the root, and what is said here, by path under tmp_path."""

    def mount(**kinds):
        table = [SimpleNamespace(mountpoint="/", fstype="ext4")]
        table += [SimpleNamespace(mountpoint=str(tmp_path / place), fstype=kind) for place, kind in kinds.items()]
        monkeypatch.setattr(psutil, "disk_partitions", lambda all: table if all else [])

    return mount


@pytest.mark.parametrize("kind", [*sorted(NETWORK), "fuse.sshfs", "fuse.glusterfs", "NFS4"])
def test_network_file_systems_are_known(mounts, tmp_path, kind):
    mounts(home=kind)
    assert network(tmp_path / "home" / "deep" / "down") == kind


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "apfs", "tmpfs", "overlay", "fuse.fuse-overlayfs", ""])
def test_local_ones_are_too(mounts, tmp_path, kind):
    mounts(home=kind)
    assert network(tmp_path / "home") is None


def test_the_nearest_mount_counts_and_of_two_on_one_place_the_last(mounts, tmp_path):
    mounts(home="nfs4", home2="ext4")
    assert network(tmp_path / "home2") is None  # not a folder of home
    mounts(**{"home": "nfs4", "home/scratch": "xfs"})
    assert network(tmp_path / "home" / "scratch" / "a") is None
    assert network(tmp_path / "home" / "scratchy") == "nfs4"
    mounts(**{"home": "autofs", "./home": "nfs4"})
    assert network(tmp_path / "home") == "nfs4"


def test_a_link_is_followed(mounts, tmp_path):
    mounts(home="cifs")
    (tmp_path / "home").mkdir()
    (tmp_path / "results").symlink_to(tmp_path / "home")
    assert network(tmp_path / "results") == "cifs"


def test_a_system_that_does_not_tell_has_local_disks(monkeypatch, tmp_path):
    def fail(all):
        raise OSError("no /proc")

    monkeypatch.setattr(psutil, "disk_partitions", fail)
    assert network(tmp_path) is None


def test_a_store_on_a_network_file_system_has_no_write_ahead_log_and_says_so(mounts, tmp_path):
    path = tmp_path / "home" / "surefoot.sqlite"
    mounts(home="nfs4")
    with Store(path) as store:
        scripted.train(store)
        assert store.database.ask("PRAGMA journal_mode") == [("delete",)]
        (note,) = store.notes
        assert "network file system (nfs4)" in note
        assert note.count(". ") == 0
        store.begin("compare", scripted.KNOWN, {}, [])
        assert store.notes == [note]
        said = scripted.said(store.load(1))
    with Store(tmp_path / "local" / "surefoot.sqlite") as store:
        assert scripted.said(store.load(scripted.train(store))) == said
        assert store.database.ask("PRAGMA journal_mode") == [("wal",)]
        assert store.notes == []


def test_a_store_that_moved_there_gives_up_its_log(mounts, tmp_path):
    path = tmp_path / "home" / "surefoot.sqlite"
    mounts()
    with Store(path) as store:
        store.begin("compare", scripted.KNOWN, {}, [])
        assert store.database.ask("PRAGMA journal_mode") == [("wal",)]
    mounts(home="lustre")
    with Store(path) as store:
        store.begin("compare", scripted.KNOWN, {}, [])
        assert store.database.ask("PRAGMA journal_mode") == [("delete",)]
        with Store(path, create=False) as reader:
            assert len(reader.studies()) == 2
