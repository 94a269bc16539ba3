"""What a network needs at least is counted by hand, and what is free is read as Linux writes it."""

import pytest

import kitnet
from kitnet.base.error import KitnetError
from kitnet.net.memory import check_memory, free_bytes, least_bytes


@pytest.mark.parametrize(
    ("line", "count"),
    [
        # input and output, weights
        ("8x8x1 -> fc10 bias=no", 4 * (64 + 10) + 4 * 640),
        # input, padded input, output, weights and biases
        ("8x8x1 -> conv3-2 same", 4 * (64 + 100 + 128) + 4 * 20),
        # of two copies with padding the larger one
        ("8x8x1 -> conv3-2 same -> conv5-1 same", 4 * (64 + 128 + 64) + 4 * 12 * 12 * 2 + 4 * (20 + 51)),
        # switches, one byte each, and what is saved of statistics
        ("8x8x2 -> maxpool2", 4 * (128 + 32) + 32),
        # a copy of what the max pool saw with padding, and switches for both ways
        ("7x7x1 -> unpool3/2 pad=1[maxpool3/2 pad=1 | identity]", 4 * (49 + 16 + 49 + 49 + 81) + 16 + 16),
        # the input of 268 million pixels, though the file has ten weights and ten biases
        ("16384x16384x1 -> maxpool16384 -> fc10", 4 * (2**28 + 1 + 10) + 4 * 20 + 4),
        # 18,008 pixels a side with padding
        ("8x8x1 -> conv3-1 dilation=9000 pad=9000", 4 * (64 + 18008**2 + 64) + 4 * 10),
    ],
)  # fmt: skip
def test_bytes_are_counted(line, count):
    assert least_bytes(kitnet.parse(line).graph) == count


def test_weights_that_are_shared_count_once():
    once = least_bytes(kitnet.parse("8x8x4 -> a:conv3-4 same").graph)
    twice = least_bytes(kitnet.parse("8x8x4 -> a:conv3-4 same -> @a").graph)
    assert twice - once == 4 * 8 * 8 * 4  # one value more


def refusal(*arguments):
    with pytest.raises(KitnetError) as caught:
        check_memory(*arguments)
    return str(caught.value)


def test_what_is_allowed():
    check_memory(1000, 1000)
    assert refusal(1001, 1000) == (
        "running it needs at least 1,001 bytes, more than the 1,000 that are allowed; "
        "allow more with --memory"
    )


def test_most_of_what_is_free(monkeypatch):
    monkeypatch.setattr("kitnet.net.memory.free_bytes", lambda: 1000)
    check_memory(800)
    check_memory(801, 801)
    assert refusal(801) == (
        "running it needs at least 801 bytes, more than 80 % of the 1,000 that are free; "
        "allow more with --memory"
    )
    monkeypatch.setattr("kitnet.net.memory.free_bytes", lambda: None)
    check_memory(10**15)  # a system that does not tell


@pytest.fixture
def system(tmp_path):
    """Writes a file of a system that lies in a folder: system('proc/meminfo', text)."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write("proc/meminfo", "MemTotal: 9000 kB\nMemFree: 10 kB\nMemAvailable: 5000 kB\n")
    return write


def test_what_linux_calls_available(system, tmp_path):
    assert free_bytes(tmp_path) == 5000 * 1024
    system("proc/self/cgroup", "0::/\n")
    system("sys/fs/cgroup/memory.max", "max\n")  # no limit
    assert free_bytes(tmp_path) == 5000 * 1024


def test_a_limit_of_a_control_group(system, tmp_path):
    """Pages of files that nothing reads are given up first, so that they count as free."""
    system("proc/self/cgroup", "0::/a/b\n")
    system("sys/fs/cgroup/a/b/memory.max", "max\n")
    system("sys/fs/cgroup/a/memory.max", "100000\n")
    system("sys/fs/cgroup/a/memory.current", "70000\n")
    system("sys/fs/cgroup/a/memory.stat", "anon 5\ninactive_file_ 7\ninactive_file 20000\nactive_file 1\n")
    assert free_bytes(tmp_path) == 100_000 - 70_000 + 20_000
    system("sys/fs/cgroup/a/memory.current", "170000\n")
    assert free_bytes(tmp_path) == 0


def test_a_limit_of_version_1(system, tmp_path):
    system("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/box\n0::/\n")
    system("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "50000\n")
    system("sys/fs/cgroup/memory/box/memory.usage_in_bytes", "20000\n")
    system("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n")
    system("sys/fs/cgroup/memory/memory.usage_in_bytes", "20000\n")
    assert free_bytes(tmp_path) == 30_000


def test_a_system_that_does_not_tell(tmp_path):
    assert free_bytes(tmp_path) is None


def test_this_system():
    free = free_bytes()
    assert free is None or 2**20 < free < 2**60
