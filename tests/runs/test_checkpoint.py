"""Checkpoint files under crashes and damage: rows K01-K04 and K07-K09 of the fault table."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from convnets.errors import CheckpointError, ResourceError, UsageError
from convnets.runs import checkpoint
from convnets.runs.folder import LAST, PREVIOUS, RunFolder


def tensors_of(step: int, size: int = 2000) -> dict[str, Tensor]:
    """What a run at `step` would save, different at every step."""
    generator = torch.Generator().manual_seed(step)
    return {
        "model.conv1.weight": torch.randn(size, generator=generator),
        "model.bn1.num_batches_tracked": torch.tensor(step),
        "random.torch": torch.randint(255, (64,), generator=generator, dtype=torch.uint8),
    }


def save_step(folder: RunFolder, step: int, size: int = 2000) -> None:
    folder.save(LAST, tensors_of(step, size), {"progress": {"step": step}, "note": 'a "sha256":"trap"'})


def assert_is_step(loaded: tuple[Path, dict[str, Tensor], dict[str, Any]] | None, steps: set[int], size: int) -> None:
    assert loaded is not None
    step = loaded[2]["progress"]["step"]
    assert step in steps
    expected = tensors_of(step, size)
    assert expected.keys() == loaded[1].keys()
    for name, tensor in expected.items():
        assert tensor.numpy().tobytes() == loaded[1][name].numpy().tobytes()


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked child that is expected to be killed; its pid."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    state = {"classes": ["Ameise", "蜂"], "n": 3}
    digest = checkpoint.save(path, {"x": torch.arange(6.0).view(2, 3), "y": torch.tensor(7)}, state)
    tensors, read = checkpoint.load(path)
    assert torch.equal(tensors["x"], torch.arange(6.0).view(2, 3)) and tensors["y"].item() == 7
    assert read["classes"] == ["Ameise", "蜂"] and read["format"] == checkpoint.FORMAT
    assert len(digest) == 64 and [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]


def test_k07_every_flipped_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, tensors_of(1, 300), {"progress": {"step": 1}})
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    chance = random.Random(0)
    named = 0
    for _ in range(1000):
        bit = chance.randrange(8 * len(data))
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(CheckpointError, match=r"damaged in (tensor|section)"):
            checkpoint.load(path)
        if bit // 8 >= start:
            with pytest.raises(CheckpointError, match=r"damaged in tensor (model|random)"):
                checkpoint.load(path)
            named += 1
    assert named > 300


@pytest.mark.parametrize("kept", [0.0, "1", 0.5, 0.999, "n-1"])
def test_k08_cut_off_files_are_refused_and_auto_falls_back(
    tmp_path: Path, kept: float | str, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = RunFolder(tmp_path)
    save_step(folder, 1)
    save_step(folder, 2)
    path = tmp_path / LAST
    data = path.read_bytes()
    length = {"1": 1, "n-1": len(data) - 1}[kept] if isinstance(kept, str) else int(kept * len(data))
    path.write_bytes(data[:length])
    with pytest.raises(CheckpointError):
        checkpoint.load(path)
    assert_is_step(folder.newest(), {1}, 2000)
    warning = capsys.readouterr().err
    assert LAST in warning and PREVIOUS in warning


def test_k09_appended_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    checkpoint.save(path, tensors_of(1), {})
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(CheckpointError, match="1 bytes too many"):
        checkpoint.load(path)


@pytest.mark.parametrize("kills", [20, pytest.param(200, marks=pytest.mark.kills200)])
def test_k01_killed_at_any_moment_of_a_save(tmp_path: Path, kills: int) -> None:
    folder, size, chance = RunFolder(tmp_path), 200_000, random.Random(kills)
    save_step(folder, 0, size)
    done = 0

    def keep_saving(start: int, pipe: int) -> None:
        for step in range(start, start + 10_000):
            save_step(folder, step, size)
            os.write(pipe, step.to_bytes(4, "little"))

    for _ in range(kills):
        read, write = os.pipe()
        pid = in_child(lambda first=done + 1, pipe=write: keep_saving(first, pipe))  # type: ignore[misc]
        os.close(write)
        head = os.read(read, 4)  # it saves by now, be the machine as loaded as it may
        time.sleep(chance.uniform(0.0, 0.08))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        with os.fdopen(read, "rb") as reports:
            told = head + reports.read()
        done = int.from_bytes(told[-4:], "little") if told else done
        assert len(list(tmp_path.glob("*.tmp"))) <= 1
        newest = folder.newest()
        assert not list(tmp_path.glob("*.tmp"))
        assert_is_step(newest, {done, done + 1}, size)
        assert newest is not None
        done = newest[2]["progress"]["step"]
    assert done > kills


@pytest.mark.parametrize("moment", ["before the rename", "between keeping the old and the rename", "after the rename"])
def test_k02_k03_killed_around_the_rename(tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path)
    save_step(folder, 1)
    save_step(folder, 2)

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def work() -> None:
        if moment == "before the rename":
            monkeypatch.setattr(checkpoint, "_keep", die)
        elif moment == "after the rename":
            monkeypatch.setattr(checkpoint, "_sync_folder", die)
        else:
            monkeypatch.setattr(Path, "replace", die)
        save_step(folder, 3)

    pid = in_child(work)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    # "newest" goes by the step inside, so times that lie must not matter
    os.utime(tmp_path / PREVIOUS, (2e9, 2e9))
    assert_is_step(folder.newest(), {3} if moment == "after the rename" else {2}, 2000)
    assert not list(tmp_path.glob("*.tmp"))


def test_k04_file_size_limit(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    save_step(folder, 1)
    before = (tmp_path / LAST).read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(ResourceError, match=r"last\.safetensors.*bytes needed.*free"):
            save_step(folder, 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert (tmp_path / LAST).read_bytes() == before
    assert not list(tmp_path.glob("*.tmp"))


def test_k04_full_disk(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    try:
        mounted = subprocess.run(mount, capture_output=True).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("needs the right to mount a small file system")
    try:
        folder = RunFolder(disk)
        save_step(folder, 1, 400_000)
        before = (disk / LAST).read_bytes()
        with pytest.raises(ResourceError, match="No space left on device"):
            for step in range(2, 5):
                save_step(folder, step, 1_000_000)
        assert (disk / LAST).read_bytes() == before
        assert not list(disk.glob("*.tmp"))
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_newer_formats_are_refused_with_both_versions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.safetensors"
    with monkeypatch.context() as later:
        later.setattr(checkpoint, "FORMAT", 99)
        checkpoint.save(path, tensors_of(1), {})
    with pytest.raises(CheckpointError, match=f"format 99.*up to {checkpoint.FORMAT}"):
        checkpoint.load(path)


@pytest.mark.parametrize("kind", ["missing", "folder", "fifo"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.safetensors"
    if kind == "folder":
        path.mkdir()
    if kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(UsageError):
        checkpoint.load(path)


def test_the_json_beside_names_the_file_it_belongs_to(tmp_path: Path) -> None:
    save_step(RunFolder(tmp_path), 5)
    beside = json.loads((tmp_path / "last.json").read_text())
    digest = subprocess.run(["sha256sum", str(tmp_path / LAST)], capture_output=True, text=True, check=True).stdout
    assert beside["sha256"] == digest.split()[0] and beside["progress"]["step"] == 5
