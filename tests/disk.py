"""A disk that fails: it stands in for ``os`` in the store and counts, records or breaks every call.

``Faulty`` fails or kills at the n-th call. ``Recorder`` notes what was done, and ``images`` gives what may be left of
it when the power goes: whatever was synced, and any part of the rest.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import stat

CALLS = ("open", "mkdir", "write", "fsync", "link", "unlink", "rename", "close", "listdir", "stat")


class Faulty:
    """``os`` whose n-th call fails with an error number, or kills the process."""

    def __init__(self, at=0, error=None):
        self.at, self.error, self.count, self.names = at, error, 0, []

    def __getattr__(self, name):
        real = getattr(os, name)
        if name not in CALLS:
            return real

        def call(*arguments, **options):
            self.count += 1
            self.names.append(name)
            if self.count == self.at:
                if name == "close":
                    real(*arguments)  # a close that fails has closed
                if self.error is None:
                    os.kill(os.getpid(), signal.SIGKILL)
                raise OSError(self.error, os.strerror(self.error))
            return real(*arguments, **options)

        return call


class Recorder:
    """``os`` that notes every change below a root, in order."""

    def __init__(self, root, *, without=()):
        self.root, self.without = str(root), without
        self.events = []  # ("mkdir", path) ("create", path, inode) ("write", inode, data) ...
        self._paths, self._inodes, self._next = {}, {}, 0

    def note(self, *event):
        self.events.append(event)

    def _path(self, name, folder):
        path = str(name) if folder is None else f"{self._paths[folder]}/{name}"
        return path.removeprefix(self.root).strip("/")

    def __getattr__(self, name):
        return getattr(os, name)

    def open(self, path, flags, mode=0o777, *, dir_fd=None):
        descriptor = os.open(path, flags, mode, dir_fd=dir_fd)
        here = self._path(path, dir_fd)
        self._paths[descriptor] = f"{self.root}/{here}"
        self._inodes.pop(descriptor, None)
        if flags & os.O_CREAT:
            self._next += 1
            self._inodes[descriptor] = self._next
            self.note("create", here, self._next)
        return descriptor

    def mkdir(self, path, mode=0o777, *, dir_fd=None):
        os.mkdir(path, mode, dir_fd=dir_fd)
        self.note("mkdir", self._path(path, dir_fd))

    def write(self, descriptor, data):
        count = os.write(descriptor, data)
        self.note("write", self._inodes[descriptor], bytes(data[:count]))
        return count

    def fsync(self, descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            if "folder" not in self.without:
                self.note("sync folder", self._path(self._paths[descriptor], None))
        elif "file" not in self.without:
            self.note("sync file", self._inodes[descriptor])

    def link(self, source, target, *, src_dir_fd, dst_dir_fd, follow_symlinks):
        os.link(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd, follow_symlinks=follow_symlinks)
        self.note("link", self._path(source, src_dir_fd), self._path(target, dst_dir_fd))

    def unlink(self, path, *, dir_fd):
        os.unlink(path, dir_fd=dir_fd)
        self.note("unlink", self._path(path, dir_fd))

    def rename(self, source, target, *, src_dir_fd, dst_dir_fd):
        os.rename(source, target, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        self.note("rename", self._path(source, src_dir_fd), self._path(target, dst_dir_fd))


class Model:
    """What is on a disk: folders and files that are durable, and changes that are not yet."""

    def __init__(self):
        self.folders = {"": {}}  # path -> {name: inode or "folder"}
        self.now = {"": {}}  # the same, with what is pending
        self.pending = []  # (folder, name, inode, "folder" or None where it goes)
        self.content, self.synced = {}, {}  # inode -> bytes

    def apply(self, event):
        kind, *rest = event
        if kind == "mkdir":
            self._enter(rest[0], "folder")
            self.now[rest[0]] = {}
        elif kind == "create":
            self.content[rest[1]] = b""
            self._enter(rest[0], rest[1])
        elif kind == "write":
            self.content[rest[0]] += rest[1]
        elif kind == "sync file":
            self.synced[rest[0]] = self.content[rest[0]]
        elif kind == "link":
            self._enter(rest[1], self._at(rest[0]))
        elif kind == "unlink":
            self._enter(rest[0], None)
        elif kind == "rename":
            inode = self._at(rest[0])
            self._enter(rest[1], inode)
            self._enter(rest[0], None)
        elif kind == "sync folder":
            for change in [each for each in self.pending if each[0] == rest[0]]:
                self._settle(self.folders, change)
                self.pending.remove(change)

    def _at(self, path):
        folder, _, name = path.rpartition("/")
        return self.now[folder][name]

    def _enter(self, path, what):
        folder, _, name = path.rpartition("/")
        if what is None:
            self.now[folder].pop(name)
        else:
            self.now[folder][name] = what
        self.pending.append((folder, name, what))

    @staticmethod
    def _settle(folders, change):
        folder, name, what = change
        inside = folders.setdefault(folder, {})
        if what is None:
            inside.pop(name, None)
        else:
            inside[name] = what

    def images(self, chance):
        """Every set of pending changes that may have reached the disk, with every fate of unsynced bytes; of more than
        six pending changes 64 sets by chance."""
        count = len(self.pending)
        if count <= 6:
            subsets = itertools.product((False, True), repeat=count)
        else:
            subsets = ([chance.random() < 0.5 for _ in range(count)] for _ in range(64))
        for subset in subsets:
            folders = {path: dict(inside) for path, inside in self.folders.items()}
            for kept, change in zip(subset, self.pending, strict=True):
                if kept:
                    self._settle(folders, change)
            for fate in (0, 0.5, 1):
                files = {}
                self._walk(folders, "", fate, files)
                yield files
                if all(self.synced.get(inode) == data for inode, data in self.content.items()):
                    break

    def _walk(self, folders, path, fate, files):
        for name, what in folders.get(path, {}).items():
            inner = f"{path}/{name}" if path else name
            if what == "folder":
                self._walk(folders, inner, fate, files)
            else:
                data = self.content[what]
                files[inner] = data if self.synced.get(what) == data else data[: int(len(data) * fate)]


def images(events, seed=0):
    """Give each image that a power cut may leave, with the number of acknowledgements before it."""
    model, chance, acknowledged, seen = Model(), random.Random(seed), 0, set()
    for event in events:
        if event[0] == "ack":
            acknowledged += 1
        else:
            model.apply(event)
        for files in model.images(chance):
            key = (acknowledged, frozenset(files.items()))
            if key not in seen:
                seen.add(key)
                yield acknowledged, files


@contextlib.contextmanager
def in_place_of_os(module, disk):
    """Put a disk under a module."""
    real = module.os
    module.os = disk
    try:
        yield disk
    finally:
        module.os = real
