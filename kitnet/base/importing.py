"""The lock around imports that a call makes, so that a process is not forked in their midst."""

from __future__ import annotations

import os
import threading

IMPORTING = threading.RLock()  # a child that is forked while a module is imported would wait for it for ever
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=IMPORTING.acquire, after_in_parent=IMPORTING.release, after_in_child=IMPORTING.release
    )
