"""What Python's own library does not offer on Windows, through kernel32. Import it there only.

Handles are pointers: without `argtypes` and `restype` ctypes would cut them to 32 bits.
"""

from __future__ import annotations

import ctypes
import msvcrt
import sys
from ctypes import wintypes

assert sys.platform == "win32"

_GONE = {109, 232, 233}
"""ERROR_BROKEN_PIPE, ERROR_NO_DATA, ERROR_PIPE_NOT_CONNECTED: nobody holds the other end any more."""

_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel32.PeekNamedPipe.restype = wintypes.BOOL
_kernel32.PeekNamedPipe.argtypes = (
    wintypes.HANDLE, wintypes.LPVOID, wintypes.DWORD, wintypes.LPDWORD, wintypes.LPDWORD, wintypes.LPDWORD,
)  # fmt: skip
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
