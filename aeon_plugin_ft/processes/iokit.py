"""macOS: a power assertion of IOKit, the same that `caffeinate -i` makes.

https://developer.apple.com/documentation/iokit/1557134-iopmassertioncreatewithname
"""

from __future__ import annotations

import ctypes
import errno
from collections.abc import Callable

IOKIT = "/System/Library/Frameworks/IOKit.framework/IOKit"
CORE_FOUNDATION = "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation"
KIND = "PreventUserIdleSystemSleep"
"""kIOPMAssertPreventUserIdleSystemSleep: the lid and the menu still count."""
_ON, _UTF8 = 255, 0x08000100
"""kIOPMAssertionLevelOn, kCFStringEncodingUTF8"""


def hold(iokit: str = IOKIT, core_foundation: str = CORE_FOUNDATION) -> Callable[[], None]:
    """Make the assertion; gives what ends it. Raises OSError where the frameworks are not there or refuse."""
    power, strings = ctypes.CDLL(iokit), ctypes.CDLL(core_foundation)
    strings.CFStringCreateWithCString.restype = ctypes.c_void_p
    strings.CFStringCreateWithCString.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint32)
    strings.CFRelease.restype, strings.CFRelease.argtypes = None, (ctypes.c_void_p,)
    power.IOPMAssertionCreateWithName.restype = ctypes.c_int
    power.IOPMAssertionCreateWithName.argtypes = (
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_void_p, ctypes.POINTER(ctypes.c_uint32),
    )  # fmt: skip
    power.IOPMAssertionRelease.restype, power.IOPMAssertionRelease.argtypes = ctypes.c_int, (ctypes.c_uint32,)

    texts = [
        strings.CFStringCreateWithCString(None, text, _UTF8)
        for text in (KIND.encode(), b"Aeon: learning from conversations")
    ]
    assertion = ctypes.c_uint32()
    code = power.IOPMAssertionCreateWithName(texts[0], _ON, texts[1], ctypes.byref(assertion))
    for text in texts:
        strings.CFRelease(text)
    if code:
        raise OSError(errno.EPERM, f"IOKit refuses the assertion ({code & 0xFFFFFFFF:#x})")
    return lambda: power.IOPMAssertionRelease(assertion)
