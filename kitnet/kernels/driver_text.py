"""The LLVM IR of the driver, which walks programs: `alone` on one thread, `lead` and `help` on several.

What stands behind a $ is a place in the block that the threads of a crew share. Compiled code runs with
denormals flushed to zero (docs/decisions/013); the mode of the calling thread is restored on return.
"""

from string import Template

from kitnet.kernels.cpu import Cpu

DRIVER = Template(r"""
@kitnet_drive = constant [3 x ptr] [ptr @alone, ptr @lead, ptr @help]

; All calls of a stage for one task, in order.
define internal void @work(ptr %stage, i64 %task, ptr %scratch) nounwind {
entry:
  %count.at = getelementptr i64, ptr %stage, i64 1
  %count = load i64, ptr %count.at
  %calls.at = getelementptr i64, ptr %stage, i64 2
  %calls = load ptr, ptr %calls.at
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
  %call = getelementptr [2 x ptr], ptr %calls, i64 %i
  %function = load ptr, ptr %call
  %args.at = getelementptr ptr, ptr %call, i64 1
  %args = load ptr, ptr %args.at
  call void %function(ptr %args, i64 %task, ptr %scratch)
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %count
  br i1 %more, label %loop, label %done
done:
  ret void
}

; A whole program on one thread, without atomics.
define internal void @alone(ptr %program, ptr %scratch) nounwind {
entry:
  %mode = call i64 @flush()
  %stages = load i64, ptr %program
  %first = getelementptr i64, ptr %program, i64 1
  br label %stage
stage:
  %s = phi i64 [ 0, %entry ], [ %s.next, %ended ]
  %here = getelementptr [3 x i64], ptr %first, i64 %s
  %tasks = load i64, ptr %here
  br label %task
task:
  %t = phi i64 [ 0, %stage ], [ %t.next, %task ]
  call void @work(ptr %here, i64 %t, ptr %scratch)
  %t.next = add i64 %t, 1
  %t.more = icmp ult i64 %t.next, %tasks
  br i1 %t.more, label %task, label %ended
ended:
  %s.next = add i64 %s, 1
  %s.more = icmp ult i64 %s.next, %stages
  br i1 %s.more, label %stage, label %done
done:
  call void @restore(i64 %mode)
  ret void
}

; Let stage %s begin, or close where there is none. Called by the thread that finished the stage before, or
; that leads the step.
define internal void @open(ptr %block, ptr %program, i64 %s) nounwind {
entry:
  %stage.at = getelementptr i64, ptr %block, i64 $stage
  store i64 %s, ptr %stage.at
  %finished = getelementptr i64, ptr %block, i64 $finished
  store atomic i64 0, ptr %finished monotonic, align 8
  %old = load atomic i64, ptr %block monotonic, align 8
  %epoch = lshr i64 %old, 32
  %epoch.next = add i64 %epoch, 1
  %high = shl i64 %epoch.next, 32
  %stages = load i64, ptr %program
  %more = icmp ult i64 %s, %stages
  br i1 %more, label %begin, label %write
begin:
  %first = getelementptr i64, ptr %program, i64 1
  %here = getelementptr [3 x i64], ptr %first, i64 %s
  %tasks = load i64, ptr %here
  br label %write
write:
  %low = phi i64 [ $closed, %entry ], [ %tasks, %begin ]
  %new = or i64 %high, %low
  store atomic i64 %new, ptr %block release, align 8
  ret void
}

; Take one task and do it: 1. Nothing to take now: 0. No step under way: -1.
define internal i64 @take(ptr %block, i64 %thread) nounwind {
entry:
  br label %look
look:
  %state = load atomic i64, ptr %block acquire, align 8
  %left = and i64 %state, $tasks
  %none = icmp eq i64 %left, 0
  br i1 %none, label %nothing, label %try
nothing:
  %bit = and i64 %state, $closed
  %closed = icmp ne i64 %bit, 0
  %answer = select i1 %closed, i64 -1, i64 0
  ret i64 %answer
try:
  %fewer = sub i64 %state, 1
  %pair = cmpxchg ptr %block, i64 %state, i64 %fewer acq_rel monotonic
  %got = extractvalue { i64, i1 } %pair, 1
  br i1 %got, label %mine, label %look
mine:
  %program.at = getelementptr i64, ptr %block, i64 $program
  %program = load ptr, ptr %program.at
  %s.at = getelementptr i64, ptr %block, i64 $stage
  %s = load i64, ptr %s.at
  %first = getelementptr i64, ptr %program, i64 1
  %here = getelementptr [3 x i64], ptr %first, i64 %s
  %tasks = load i64, ptr %here
  %task = sub i64 %tasks, %left
  %scratch.at = getelementptr i64, ptr %block, i64 $scratch
  %scratch.all = load ptr, ptr %scratch.at
  %stride.at = getelementptr i64, ptr %block, i64 $stride
  %stride = load i64, ptr %stride.at
  %offset = mul i64 %stride, %thread
  %scratch = getelementptr i8, ptr %scratch.all, i64 %offset
  call void @work(ptr %here, i64 %task, ptr %scratch)
  %finished = getelementptr i64, ptr %block, i64 $finished
  %before = atomicrmw add ptr %finished, i64 1 acq_rel
  %now = add i64 %before, 1
  %last = icmp eq i64 %now, %tasks
  br i1 %last, label %next, label %done
next:
  %s.next = add i64 %s, 1
  call void @open(ptr %block, ptr %program, i64 %s.next)
  br label %done
done:
  ret i64 1
}

; Let a moment pass; after %patience of them in a row, give the core to other threads.
define internal void @rest(ptr %block, i64 %polls) nounwind {
entry:
  call void @pause()
  %patience.at = getelementptr i64, ptr %block, i64 $patience
  %patience = load i64, ptr %patience.at
  %long = icmp ugt i64 %polls, %patience
  br i1 %long, label %yield, label %done
yield:
  %yield.at = getelementptr i64, ptr %block, i64 $give_way
  %give.way = load ptr, ptr %yield.at
  %ignored = call i32 %give.way()
  br label %done
done:
  ret void
}

; A step from beginning to end, as thread 0.
define internal void @lead(ptr %block, ptr %program) nounwind {
entry:
  %mode = call i64 @flush()
  %program.at = getelementptr i64, ptr %block, i64 $program
  store ptr %program, ptr %program.at
  %which.at = getelementptr i64, ptr %block, i64 $which_core
  %which = load ptr, ptr %which.at
  %told = icmp ne ptr %which, null
  br i1 %told, label %ask, label %begin
ask:
  %core = call i32 %which()
  %core.long = sext i32 %core to i64
  %leader = getelementptr i64, ptr %block, i64 $leader
  store atomic i64 %core.long, ptr %leader monotonic, align 8
  br label %begin
begin:
  call void @open(ptr %block, ptr %program, i64 0)
  br label %loop
loop:
  %polls = phi i64 [ 0, %begin ], [ 0, %loop ], [ %polls.next, %wait ]
  %did = call i64 @take(ptr %block, i64 0)
  switch i64 %did, label %done [ i64 1, label %loop
                                 i64 0, label %wait ]
wait:
  %polls.next = add i64 %polls, 1
  call void @rest(ptr %block, i64 %polls.next)
  br label %loop
done:
  call void @restore(i64 %mode)
  ret void
}

; Help with all steps there are, until for %limit polls in a row none was under way.
define internal void @help(ptr %block, i64 %thread, i64 %limit) nounwind {
entry:
  %mode = call i64 @flush()
  br label %loop
loop:
  %polls = phi i64 [ 0, %entry ], [ 0, %loop ], [ %polls.next, %wait ]
  %did = call i64 @take(ptr %block, i64 %thread)
  %busy = icmp eq i64 %did, 1
  br i1 %busy, label %loop, label %wait
wait:
  %polls.next = add i64 %polls, 1
  call void @rest(ptr %block, i64 %polls.next)
  %open = icmp eq i64 %did, 0
  %early = icmp ult i64 %polls.next, %limit
  %stay = or i1 %open, %early
  br i1 %stay, label %loop, label %done
done:
  call void @restore(i64 %mode)
  ret void
}
""")

# By architecture: a pause of a thread that waits, and the mode of its arithmetic. `flush` gives the old mode.
X86 = r"""
declare void @llvm.x86.sse2.pause()
declare void @llvm.x86.sse.stmxcsr(ptr)
declare void @llvm.x86.sse.ldmxcsr(ptr)

define internal void @pause() nounwind {
  call void @llvm.x86.sse2.pause()
  ret void
}

; In MXCSR bit 15 makes results below the smallest normal number zero, and bit 6 such operands.
define internal i64 @flush() nounwind {
  %at = alloca i32
  call void @llvm.x86.sse.stmxcsr(ptr %at)
  %old = load i32, ptr %at
  %new = or i32 %old, 32832
  store i32 %new, ptr %at
  call void @llvm.x86.sse.ldmxcsr(ptr %at)
  %mode = zext i32 %old to i64
  ret i64 %mode
}

define internal void @restore(i64 %mode) nounwind {
  %at = alloca i32
  %old = trunc i64 %mode to i32
  store i32 %old, ptr %at
  call void @llvm.x86.sse.ldmxcsr(ptr %at)
  ret void
}
"""

ARM = r"""
declare void @llvm.aarch64.hint(i32)
declare i64 @llvm.aarch64.get.fpcr()
declare void @llvm.aarch64.set.fpcr(i64)

define internal void @pause() nounwind {
  call void @llvm.aarch64.hint(i32 1)
  ret void
}

; In FPCR bit 24 makes both operands and results zero.
define internal i64 @flush() nounwind {
  %mode = call i64 @llvm.aarch64.get.fpcr()
  %new = or i64 %mode, 16777216
  call void @llvm.aarch64.set.fpcr(i64 %new)
  ret i64 %mode
}

define internal void @restore(i64 %mode) nounwind {
  call void @llvm.aarch64.set.fpcr(i64 %mode)
  ret void
}
"""

OTHER = r"""
define internal void @pause() nounwind {
  ret void
}

define internal i64 @flush() nounwind {
  ret i64 0
}

define internal void @restore(i64 %mode) nounwind {
  ret void
}
"""

PROCESSORS = {**dict.fromkeys(("x86_64", "amd64"), X86), **dict.fromkeys(("aarch64", "arm64"), ARM)}


def processor_text(cpu: Cpu) -> str:
    """The functions `pause`, `flush` and `restore` for a processor."""
    return PROCESSORS.get(cpu.architecture.lower(), OTHER)
