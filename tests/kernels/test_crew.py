"""Threads that run programs: every task once, stages after each other, and nobody in anybody's way."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np
import pytest
from guard import guarded
from numpy.typing import NDArray

from kitnet.kernels import crew, driver
from kitnet.kernels.cpu import detect
from kitnet.kernels.crew import Crew
from kitnet.kernels.emit import Kernel
from kitnet.kernels.jit import Compiled, build
from kitnet.kernels.program import Call, Program
from kitnet.kernels.types import F32, I64

LINE = 8  # int64 of a cache line


def lines(count: int) -> NDArray[np.int64]:
    """So many zeros on cache lines of their own; behind them is a forbidden page."""
    found = guarded(count * LINE, np.int64)
    found[...] = 0
    return found


def gather(tasks: int) -> Kernel:
    """y[t] = sum of all x, plus 3 t: wrong if a task of the stage before has not ended."""
    k = Kernel("gather", detect(), tasks, x=I64, y=I64)
    x, y = k.pointers
    total = k.register((k.task * 3).value)
    with k.loop(0, tasks, unroll=1) as i:
        total.set(total.get() + k.scalar(x, i))
    k.store(total.get(), y, k.task)
    return k


def increase(tasks: int, by: int = 1, times: int = 1) -> Kernel:
    """count[t] = 10 * count[t] + by: shows how often and in which order."""
    k = Kernel("increase", detect(), tasks, count=I64)
    (count,) = k.pointers
    for _ in range(times):
        k.store(k.scalar(count, k.task * LINE) * 10 + by, count, k.task * LINE)
    return k


def slow(tasks: int, turns: int) -> Kernel:
    """A chain of `turns` dependent multiply-adds a task, then done[t] += 1."""
    k = Kernel("slow", detect(), tasks, x=F32, done=I64)
    x, done = k.pointers
    value = k.register(k.scalar(x))
    with k.loop(0, turns, unroll=1):
        value.set(k.fma(value.get(), 0.5, value.get()))
    k.store(
        k.select(value.get() < 0, k.constant(0, I64, 1), 1) + k.scalar(done, k.task * LINE),
        done,
        k.task * LINE,
    )
    return k


@pytest.fixture(scope="module")
def codes() -> dict[str, Compiled]:
    kernels = {
        "gather": gather(13), "one": increase(1), "two": increase(7, 2), "three": increase(7, 3),
        "many": increase(1000), "slow": slow(8, 200_000),
    }  # fmt: skip
    return dict(zip(kernels, build(list(kernels.values())), strict=True))


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_a_stage_begins_when_the_one_before_has_ended(codes, threads):
    x, y = np.arange(13), np.zeros(13, np.int64)
    there, back = Call(codes["gather"], x=x, y=y), Call(codes["gather"], x=y, y=x)
    want = x.copy()
    with Crew(threads) as team, np.errstate(over="ignore"):
        program = Program([[there], [back]] * 300)
        for _ in range(5):
            team.run(program)
        for _ in range(5 * 600):
            want = want.sum() + 3 * np.arange(13)
    np.testing.assert_array_equal(x, want)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_every_task_is_done_once_in_every_run(codes, threads):
    count = lines(1000)
    program = Program([[Call(codes["many"], count=count)]])
    with Crew(threads) as team:
        for run in range(1, 18):
            team.run(program)
            assert (count[::LINE] == int("1" * run)).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_a_task_goes_through_all_calls_of_its_stage_in_order(codes, threads):
    count = lines(7)
    two, three = Call(codes["two"], count=count), Call(codes["three"], count=count)
    with Crew(threads) as team:
        team.run(Program([[two, three, three, two], [three, two]]))
    assert (count[::LINE] == 233232).all()


def test_stages_of_differing_sizes(codes):
    count, big = lines(7), lines(1000)
    stages = [
        [Call(codes["one"], count=count)],
        [Call(codes["many"], count=big)],
        [Call(codes["two"], count=count)],
    ]
    with Crew(2) as team:
        team.run(Program(stages))
    assert count[0] == 12 and (count[LINE::LINE] == 2).all() and (big[::LINE] == 1).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_pointing_an_argument_elsewhere(codes, threads):
    first, second = lines(7), lines(7)
    call, other = Call(codes["two"], count=first), Call(codes["three"], count=first)
    program = Program([[call], [other], [call]])
    with Crew(threads) as team:
        team.run(program)
        program.point(call, "count", second)
        team.run(program)
        program.point(call, "count", first.ctypes.data)
        team.run(program)
    assert first[::LINE].tolist() == [2323232] * 7
    assert second[::LINE].tolist() == [22] * 7


def test_a_program_keeps_its_arrays_alive(codes):
    y = np.zeros(13, np.int64)
    program = Program([[Call(codes["gather"], x=np.ones(13, np.int64), y=y)]])
    gc.collect()
    rubbish = [np.full(13, 7) for _ in range(100)]
    Crew(1).run(program)
    np.testing.assert_array_equal(y, 13 + 3 * np.arange(13))
    del rubbish


@pytest.mark.parametrize("threads", [1, 3])
def test_every_thread_has_scratch_memory_of_its_own(threads):
    k = Kernel("mine", detect(), 64, y=I64)
    (y,) = k.pointers
    room = k.scratch(I64, 500)
    with k.loop(0, 500, unroll=1) as i:
        k.store((k.task * 1000 + i).value, room, i)
    wrong = k.register(k.constant(0, I64, 1))
    with k.loop(0, 500, unroll=1) as i:
        wrong.set(wrong.get() | (k.scalar(room, i) ^ (k.task * 1000 + i).value))
    k.store(wrong.get(), y, k.task)
    y = np.full(64, -1)
    with Crew(threads) as team:
        program = Program([[Call(build([k])[0], y=y)]] * 50)
        team.run(program)
    assert not y.any()


def test_nobody_waits_for_a_helper_who_does_not_come(codes, monkeypatch):
    go = threading.Event()
    monkeypatch.setattr(crew._Squad, "_help", lambda squad, thread: go.wait())
    count = lines(1000)
    with Crew(3) as team:
        team.run(Program([[Call(codes["many"], count=count)]] * 3))
        go.set()
    assert (count[::LINE] == 111).all()


def test_helpers_help(codes):
    """The process then uses more processor time than its calling thread."""
    x, done = np.ones(1, np.float32), lines(8)
    program = Program([[Call(codes["slow"], x=x, done=done)]] * 20)
    with Crew(2) as team:
        for _ in range(50):
            before = time.thread_time(), time.process_time()
            team.run(program)
            mine, everybodys = time.thread_time() - before[0], time.process_time() - before[1]
            if everybodys > 1.3 * mine:
                return
    pytest.fail("in 50 runs the helper did nothing")


def test_callers_take_turns(codes):
    """Steps long enough to meet each other: two at once would mix up the stages of both."""
    count, x, done = lines(7), np.ones(1, np.float32), lines(8)
    two, three = Call(codes["two"], count=count), Call(codes["three"], count=count)
    program = Program([[two], [Call(codes["slow"], x=x, done=done)], [three]])
    with Crew(2) as team:

        def work():
            for _ in range(10):
                team.run(program)

        callers = [threading.Thread(target=work) for _ in range(3)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
    want = 0
    for _ in range(30):
        want = (want * 100 + 23) % 2**64
    assert count[::LINE].astype(np.uint64).tolist() == [want] * 7
    assert done[::LINE].tolist() == [30] * 8


def test_two_crews_at_once(codes):
    counts = [lines(7) for _ in range(2)]

    def work(count):
        program = Program([[Call(codes["two"], count=count)]])
        with Crew(2) as team:
            for _ in range(300):
                team.run(program)

    callers = [threading.Thread(target=work, args=(count,)) for count in counts]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    want = 0
    for _ in range(300):
        want = (want * 10 + 2) % 2**64
    assert [count[::LINE].astype(np.uint64).tolist() for count in counts] == [[want] * 7] * 2


def test_an_idle_crew_uses_no_processor_time(codes):
    with Crew(3) as team:
        team.run(Program([[Call(codes["one"], count=lines(1))]]))
        time.sleep(0.2)
        before = time.process_time()
        time.sleep(0.3)
        assert time.process_time() - before < 0.03


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
def test_a_helper_sleeps_off_the_leaders_core_and_is_bound_to_none_awake(monkeypatch):
    before = os.sched_getaffinity(0)
    core = min(before)
    with crew._away_from(core):
        assert os.sched_getaffinity(0) == (before - {core} or before)
    assert os.sched_getaffinity(0) == before
    with crew._away_from(-1):  # the leader's core is not known
        assert os.sched_getaffinity(0) == before

    def forbid(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", forbid)
    with crew._away_from(core):
        assert os.sched_getaffinity(0) == before


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="needs Linux")
def test_sleeping_helpers_know_where_the_leader_is(codes):
    with Crew(2) as team:
        team.run(Program([[Call(codes["three"], count=lines(7))]]))
        leader, (helper,) = int(team._squad.block[driver.LEADER]), team._squad.helpers
        before = os.sched_getaffinity(0)
        assert leader in before
        wanted, end = before - {leader} or before, time.monotonic() + 5  # the machine is shared
        while os.sched_getaffinity(helper.native_id) != wanted and time.monotonic() < end:
            time.sleep(0.01)
        assert os.sched_getaffinity(helper.native_id) == wanted


def test_helpers_leave_with_their_crew(codes):
    def helpers() -> int:
        return sum(thread.name.startswith("kitnet-") for thread in threading.enumerate())

    gc.collect()
    before = helpers()
    with Crew(3) as team:
        assert helpers() == before + 2
    assert helpers() == before
    with pytest.raises(RuntimeError, match="closed"):
        team.run(Program([[Call(codes["one"], count=lines(1))]]))
    forgotten = Crew(4)
    assert helpers() == before + 3
    del forgotten
    gc.collect()
    assert helpers() == before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_has_helpers_of_its_own(codes):
    count = np.zeros(7 * LINE, np.int64)  # of each process its own
    program = Program([[Call(codes["two"], count=count)]])
    team = Crew(2)
    team.run(program)
    child = os.fork()
    if child == 0:
        team.run(program)
        alive = [helper.is_alive() for helper in team._squad.helpers]
        team.close()
        os._exit(42 if count[0] == 22 and alive == [True] else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 42
    team.run(program)
    assert count[0] == 22
    team.close()


def _python(code: str) -> subprocess.CompletedProcess[str]:
    start = f"import sys; sys.path[:0] = {[str(Path(__file__).parent), *filter(None, sys.path)]!r}\n"
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", start + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_interpreter_ends_though_crews_are_open():
    run = _python("""
        import numpy as np
        from test_crew import *
        (code,) = build([increase(7)])
        program = Program([[Call(code, count=lines(7))]])
        teams = [Crew(n) for n in (1, 2, 4)]
        for team in teams:
            team.run(program)
        print("ran")
    """)
    assert (run.returncode, run.stdout, run.stderr) == (0, "ran\n", "")


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")
def test_an_interrupted_step_is_finished_first(codes):
    x, done = np.ones(1, np.float32), lines(8)
    program = Program([[Call(codes["slow"], x=x, done=done)]] * 50)
    with Crew(2) as team:
        signal.signal(signal.SIGALRM, lambda *_: signal.default_int_handler(signal.SIGINT, None))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(KeyboardInterrupt):
            team.run(program)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        assert done[::LINE].tolist() == [50] * 8
        team.run(program)
        assert done[::LINE].tolist() == [100] * 8


def test_what_does_not_fit_is_refused(codes):
    count = lines(1000)
    two, many = Call(codes["two"], count=count), Call(codes["many"], count=count)
    with pytest.raises(
        ValueError, match="the kernels of a stage differ in their number of tasks: increase 7, increase 1000"
    ):
        Program([[two, many]])
    with pytest.raises(ValueError, match="every stage a call"):
        Program([[two], []])
    with pytest.raises(ValueError, match="needs a stage"):
        Program([])
    with pytest.raises(ValueError, match="kernel increase takes count; given: counts"):
        Call(codes["two"], counts=count)
    with pytest.raises(ValueError, match="argument count of kernel increase is int64, not float32"):
        Program([[Call(codes["two"], count=np.zeros(9, np.float32))]])
    with pytest.raises(ValueError, match="a crew of 0 threads"):
        Crew(0)


def scale(tasks: int) -> Kernel:
    """y = factor x, a vector a task."""
    k = Kernel("scale", detect(), tasks, x=F32, factor=F32, y=F32)
    x, factor, y = k.pointers
    k.store(k.vector(x, k.task * k.lanes) * k.splat(factor), y, k.task * k.lanes)
    return k


@pytest.mark.parametrize("threads", [1, 2])
def test_denormals_are_zero_in_programs_and_nowhere_else(threads):
    """Results, here halves of the smallest normal number, and operands, whose multiples would be normal."""
    tasks, tiny = 200, np.finfo(np.float32).tiny
    (code,) = build([scale(tasks)])
    for number, factor in (tiny, 0.5), (tiny / 16, 1e30):
        x, times = np.full(tasks * detect().lanes, number, np.float32), np.array([factor], np.float32)
        y = np.full_like(x, np.nan)
        with Crew(threads) as team:
            team.run(Program([[Call(code, x=x, factor=times, y=y)]]))
        assert (y == 0).all()
        assert (x * times > 0).all()  # NumPy's arithmetic is as before
        code(x=x, factor=times, y=y)  # and without a crew the kernel's
        assert (y > 0).all()


@pytest.mark.parametrize("triple", ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "riscv64"])
def test_the_driver_is_machine_code_on_every_processor(triple):
    """LLVM assembles it for processors that are not here; one without such a mode keeps its denormals."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    cpu = replace(detect(), architecture=triple.split("-")[0])
    machine = llvm.Target.from_triple(triple).create_target_machine()
    with llvm.create_context() as context:
        module = llvm.parse_assembly(driver.driver_text(cpu), context)
        module.triple = triple
        module.verify()
        assembly = machine.emit_assembly(module)
        module.close()
    flushing = {"x86_64": "ldmxcsr", "aarch64": "FPCR"}.get(cpu.architecture)
    assert flushing is None or assembly.count(flushing) >= 2
