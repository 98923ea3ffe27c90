"""What Python's own library does not offer on Windows, through kernel32. Import it there only.

Handles are pointers: without `argtypes` and `restype` ctypes would cut them to 32 bits.
"""

from __future__ import annotations

import ctypes
import msvcrt
import sys
from ctypes import wintypes
from functools import cache

assert sys.platform == "win32"

_GONE = {109, 232, 233}
"""ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED: nobody holds the other end any more."""

_EXTENDED_LIMITS = 9
"""JobObjectExtendedLimitInformation"""
CONTINUOUS, SYSTEM_REQUIRED = 0x80000000, 0x00000001
"""ES_CONTINUOUS, ES_SYSTEM_REQUIRED"""
_KILL_ON_CLOSE = 0x2000
"""JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE"""


class _BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION"""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", wintypes.DWORD),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", wintypes.DWORD),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", wintypes.DWORD),
        ("SchedulingClass", wintypes.DWORD),
    )


class _ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION"""

    _fields_ = (
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.PeekNamedPipe.restype = wintypes.BOOL
_kernel32.PeekNamedPipe.argtypes = (
    wintypes.HANDLE, wintypes.LPVOID, wintypes.DWORD, wintypes.LPDWORD, wintypes.LPDWORD, wintypes.LPDWORD,
)  # fmt: skip
_kernel32.CreateJobObjectW.restype = wintypes.HANDLE
_kernel32.CreateJobObjectW.argtypes = (wintypes.LPVOID, wintypes.LPCWSTR)
_kernel32.SetInformationJobObject.restype = wintypes.BOOL
_kernel32.SetInformationJobObject.argtypes = (wintypes.HANDLE, ctypes.c_int, wintypes.LPVOID, wintypes.DWORD)
_kernel32.AssignProcessToJobObject.restype = wintypes.BOOL
_kernel32.AssignProcessToJobObject.argtypes = (wintypes.HANDLE, wintypes.HANDLE)
_kernel32.SetThreadExecutionState.restype = wintypes.DWORD
_kernel32.SetThreadExecutionState.argtypes = (wintypes.DWORD,)
_kernel32.QueryUnbiasedInterruptTime.restype = wintypes.BOOL
_kernel32.QueryUnbiasedInterruptTime.argtypes = (ctypes.POINTER(ctypes.c_uint64),)
_kernel32.GetCurrentProcess.restype = wintypes.HANDLE
_kernel32.GetCurrentProcess.argtypes = ()
_kernel32.TerminateProcess.restype = wintypes.BOOL
_kernel32.TerminateProcess.argtypes = (wintypes.HANDLE, wintypes.UINT)


def waiting_bytes(descriptor: int) -> int | None:
    """How many bytes lie in a pipe to be read; None when its other end is gone and all was read.

    It never waits. Anything else than a pipe (a console, NUL) has no end to be told of: 0.
    """
    count = wintypes.DWORD(0)
    handle = msvcrt.get_osfhandle(descriptor)
    if _kernel32.PeekNamedPipe(handle, None, 0, None, ctypes.byref(count), None):
        return count.value
    return None if ctypes.get_last_error() in _GONE else 0


def terminate_this_process(code: int) -> None:
    """End without the detaching of libraries, which waits for threads that stand still (llama.cpp's under Wine)."""
    _kernel32.TerminateProcess(_kernel32.GetCurrentProcess(), code)


@cache
def _job_of_this_process() -> int:
    """A job object whose only handle this process holds, and no child inherits: Windows closes it when this process
    ends, in whatever way, and then ends all that are in the job. Raises OSError."""
    job = _kernel32.CreateJobObjectW(None, None)
    if not job:
        raise ctypes.WinError(ctypes.get_last_error())
    limits = _ExtendedLimits()
    limits.BasicLimitInformation.LimitFlags = _KILL_ON_CLOSE
    if not _kernel32.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), ctypes.sizeof(limits)):
        raise ctypes.WinError(ctypes.get_last_error())
    return int(job)


def end_with_this_process(process: int) -> None:
    """Put a child, given by its handle, into the job that ends with this process; what it starts is in it as well.
    Raises OSError."""
    if not _kernel32.AssignProcessToJobObject(_job_of_this_process(), process):
        raise ctypes.WinError(ctypes.get_last_error())


def set_execution_state(state: int) -> int:
    """What this thread requires of the power management; returns what it required before, 0 when it is refused."""
    return int(_kernel32.SetThreadExecutionState(state))


def require_system(awake: bool) -> bool:
    """Keep the system from sleeping on its own for as long as this thread lives, or until it is called with False."""
    return set_execution_state(CONTINUOUS | (SYSTEM_REQUIRED if awake else 0)) != 0


def awake_seconds() -> float:
    """Seconds on a clock that stands still while the machine sleeps: for how long something takes. It moves in steps
    of up to 16 ms."""
    count = ctypes.c_uint64()  # of 100 ns
    _kernel32.QueryUnbiasedInterruptTime(ctypes.byref(count))
    return count.value / 1e7
