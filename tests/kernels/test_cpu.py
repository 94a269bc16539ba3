"""The processor: what is detected, what can be pretended, how many cores there are to use."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kitnet.base.error import KitnetError, nearest
from kitnet.kernels import cpu
from kitnet.kernels.cpu import cores, detect, levels


def test_every_level_is_what_it_says():
    expected = {
        "avx512": (16, 32, True), "avx2": (8, 16, True), "sse42": (4, 16, False),
        "baseline": (4, 16, False) if "sse42" in levels() else (4, 32, True),
    }  # fmt: skip
    assert "baseline" in levels()
    for level in levels():
        found = detect(level)
        assert (found.lanes, found.registers, found.has_fma) == expected[level], level
        assert found.level == level


def test_without_a_wish_the_best_level(monkeypatch):
    monkeypatch.delenv("KITNET_CPU", raising=False)
    assert detect().level == levels()[0]
    assert detect() is detect()


def test_a_lesser_level_forgets_the_features_above_it():
    if "avx2" not in levels():
        pytest.skip("needs AVX2")
    assert "fma" in detect("avx2").features
    assert not any(feature.startswith(("avx512", "amx")) for feature in detect("avx2").features)
    assert not any(feature.startswith(("avx", "fma")) for feature in detect("sse42").features)
    assert "sse4.2" not in detect("baseline").features


def test_the_environment_can_ask_for_a_lesser_level(monkeypatch):
    monkeypatch.setenv("KITNET_CPU", "baseline")
    assert detect().level == "baseline"


def test_a_wrong_wish_is_one_line_with_what_is_possible(monkeypatch):
    monkeypatch.setattr(cpu, "levels", lambda: ("avx2", "sse42", "baseline"))
    cpu._detect.cache_clear()
    with pytest.raises(KitnetError) as error:
        detect("avx3")
    assert str(error.value) == (
        "KITNET_CPU=avx3: this processor can be avx2 or sse42 or baseline" + nearest("avx3", ["avx2"])
    )
    with pytest.raises(KitnetError) as error:
        detect("avx512")
    assert str(error.value) == "KITNET_CPU=avx512: this processor can be avx2 or sse42 or baseline"
    cpu._detect.cache_clear()


def test_levels_go_by_features_alone(monkeypatch):
    host = cpu._host_features()
    if "avx2" not in levels():
        pytest.skip("needs AVX2")
    monkeypatch.setattr(cpu, "_host_features", lambda: host - {"avx512vl"})
    assert levels() == ("avx2", "sse42", "baseline")
    monkeypatch.setattr(cpu, "_host_features", lambda: host - {"fma", "avx512vl"})
    assert levels() == ("sse42", "baseline")


def test_llvm_may_use_whole_registers():
    for level in levels():
        assert ("-prefer-256-bit" in detect(level).llvm_features) == (level == "avx512")


@pytest.mark.skipif(
    not Path("/sys/devices/system/cpu/cpu0/cache/index0").exists(), reason="caches are not told"
)
def test_caches_grow_outwards():
    found = detect()
    assert found.l1d is not None and found.l2 is not None
    assert 4096 <= found.l1d < found.l2


def _group(root: Path, proc: Path, lines: str, **files: str) -> list[int]:
    proc.write_text(lines)
    for name, content in files.items():
        path = root / name.replace("__", "/").replace("cpu_", "cpu.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return list(cpu._quotas(proc, root))


def test_quotas_of_version_2_are_rounded_up(tmp_path):
    found = _group(
        tmp_path, tmp_path / "proc", "0::/outer/inner\n",
        outer__inner__cpu_max="max 100000\n", outer__cpu_max="150000 100000\n",
    )  # fmt: skip
    assert found == [2]


def test_quotas_of_version_1(tmp_path):
    found = _group(
        tmp_path, tmp_path / "proc", "3:cpuset:/x\n2:cpu,cpuacct:/x\n1:memory:/x\n",
        cpu__x__cpu_cfs_quota_us="50000\n", cpu__x__cpu_cfs_period_us="100000\n",
        cpu__cpu_cfs_quota_us="-1\n", cpu__cpu_cfs_period_us="100000\n",
    )  # fmt: skip
    assert found == [1]


def test_a_container_reads_its_own_mount_when_the_path_is_the_hosts(tmp_path):
    assert _group(tmp_path, tmp_path / "proc", "0::/host/path\n", cpu_max="300000 100000") == [3]


def test_without_control_groups_there_is_no_quota(tmp_path):
    assert list(cpu._quotas(tmp_path / "none", tmp_path)) == []


def test_cores_are_the_lesser_of_affinity_and_quota(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2}, raising=False)
    monkeypatch.setattr(cpu, "_quotas", lambda: [7])
    assert cores() == 3
    monkeypatch.setattr(cpu, "_quotas", lambda: [7, 2])
    assert cores() == 2


def test_importing_does_not_need_llvm():
    code = "import sys, kitnet.kernels.cpu, kitnet.kernels.emit; sys.exit('llvmlite' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
