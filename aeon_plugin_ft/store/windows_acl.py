"""Who may get at a file on Windows, through advapi32. Import it there only.

An access list is read and written in its text form (SDDL,
https://learn.microsoft.com/windows/win32/secauthz/security-descriptor-string-format):
`D:PAI(A;OICI;FA;;;SY)(A;OICI;FA;;;S-1-5-21-...)` allows the system and one user everything, in a folder (`OICI`)
also for what is made there later, and takes over nothing from the folder above (`P`).
"""

from __future__ import annotations

import ctypes
import re
import sys
from ctypes import wintypes
from functools import cache
from pathlib import Path

assert sys.platform == "win32"

_FILE_OBJECT, _DACL = 1, 0x4
"""SE_FILE_OBJECT, DACL_SECURITY_INFORMATION"""
_REVISION = 1
"""SDDL_REVISION_1"""
_QUERY, _TOKEN_USER = 0x8, 1
"""TOKEN_QUERY, TokenUser"""
_PERSISTENT_ACLS = 0x8
"""FILE_PERSISTENT_ACLS"""
_ENTRY = re.compile(r"\((\w+);[^;]*;[^;]*;[^;]*;[^;]*;([^;)]+)[^)]*\)")
"""One entry of a list: its type, and whom it is about."""
_SYSTEM, _WHOEVER_OWNS_IT = "SY", {"OW", "CO", "S-1-3-4", "S-1-3-0"}
"""LocalSystem; OWNER RIGHTS and CREATOR OWNER, which are the owner under another name."""

_advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
_kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
_POINTERS = ctypes.POINTER(wintypes.LPVOID)


def _declare(function: object, result: type, *arguments: type) -> None:
    function.restype, function.argtypes = result, arguments  # type: ignore[attr-defined]


# Handles and descriptors are pointers: without these ctypes would cut them to 32 bits.
_declare(_advapi32.OpenProcessToken, wintypes.BOOL, wintypes.HANDLE, wintypes.DWORD, ctypes.POINTER(wintypes.HANDLE))
_declare(
    _advapi32.GetTokenInformation, wintypes.BOOL,
    wintypes.HANDLE, ctypes.c_int, wintypes.LPVOID, wintypes.DWORD, wintypes.LPDWORD,
)  # fmt: skip
_declare(_advapi32.ConvertSidToStringSidW, wintypes.BOOL, wintypes.LPVOID, _POINTERS)
_declare(
    _advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW, wintypes.BOOL,
    wintypes.LPCWSTR, wintypes.DWORD, _POINTERS, wintypes.LPVOID,
)  # fmt: skip
_declare(
    _advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW, wintypes.BOOL,
    wintypes.LPVOID, wintypes.DWORD, wintypes.DWORD, _POINTERS, wintypes.LPVOID,
)  # fmt: skip
_declare(
    _advapi32.GetNamedSecurityInfoW, wintypes.DWORD,
    wintypes.LPCWSTR, ctypes.c_int, wintypes.DWORD,
    wintypes.LPVOID, wintypes.LPVOID, wintypes.LPVOID, wintypes.LPVOID, _POINTERS,
)  # fmt: skip
_declare(_advapi32.SetFileSecurityW, wintypes.BOOL, wintypes.LPCWSTR, wintypes.DWORD, wintypes.LPVOID)
_declare(_kernel32.GetCurrentProcess, wintypes.HANDLE)
_declare(_kernel32.CloseHandle, wintypes.BOOL, wintypes.HANDLE)
_declare(_kernel32.LocalFree, wintypes.HLOCAL, wintypes.LPVOID)
_declare(_kernel32.GetVolumePathNameW, wintypes.BOOL, wintypes.LPCWSTR, wintypes.LPWSTR, wintypes.DWORD)
_declare(
    _kernel32.GetVolumeInformationW, wintypes.BOOL,
    wintypes.LPCWSTR, wintypes.LPWSTR, wintypes.DWORD,
    wintypes.LPDWORD, wintypes.LPDWORD, wintypes.LPDWORD, wintypes.LPWSTR, wintypes.DWORD,
)  # fmt: skip


def is_open(path: Path) -> bool:
    """Whether its list allows anybody but the owner and the system anything; a file without a list is everybody's.
    Raises OSError."""
    entries = _ENTRY.findall(access_list(path))
    allowed = {who for kind, who in entries if kind.endswith("A")}  # A, OA and XA allow, the others deny or watch
    return not entries or bool(allowed - {_SYSTEM, _short_name(), *_WHOEVER_OWNS_IT})


def give_to_owner(path: Path) -> None:
    """Allow everything to the user of this process and to the system, and nothing to others; in a folder also for what
    is made there from now on. Raises OSError."""
    later = "OICI" if path.is_dir() else ""
    set_access_list(path, f"D:PAI(A;{later};FA;;;{_SYSTEM})(A;{later};FA;;;{_user()})")


def set_access_list(path: Path, text: str) -> None:
    """Give a file or folder a list of its own, which takes over nothing from the folder above. Raises OSError."""
    # Not SetNamedSecurityInfo, which goes through all that lies in a folder, and under Wine takes over what the folder
    # above allows although the list says not to.
    descriptor = _descriptor(text)
    try:
        _check(_advapi32.SetFileSecurityW(str(path), _DACL, descriptor))
    finally:
        _kernel32.LocalFree(descriptor)


def access_list(path: Path) -> str:
    """Its list as text: "D:PAI(A;OICI;FA;;;SY)...". Raises OSError."""
    descriptor = wintypes.LPVOID()
    code = _advapi32.GetNamedSecurityInfoW(
        str(path), _FILE_OBJECT, _DACL, None, None, None, None, ctypes.byref(descriptor)
    )
    if code:
        raise ctypes.WinError(code)
    return _text_of(descriptor)


def keeps_rights(folder: Path) -> bool:
    """Whether the file system of a folder keeps access lists: FAT and exFAT do not. Raises OSError."""
    volume, flags = ctypes.create_unicode_buffer(261), wintypes.DWORD()
    _check(_kernel32.GetVolumePathNameW(str(folder), volume, len(volume)))
    _check(_kernel32.GetVolumeInformationW(volume, None, 0, None, None, ctypes.byref(flags), None, 0))
    return bool(flags.value & _PERSISTENT_ACLS)


@cache
def _user() -> str:
    """The security identifier of the user that this process runs as: S-1-5-21-..."""
    token, size = wintypes.HANDLE(), wintypes.DWORD()
    _check(_advapi32.OpenProcessToken(_kernel32.GetCurrentProcess(), _QUERY, ctypes.byref(token)))
    try:
        _advapi32.GetTokenInformation(token, _TOKEN_USER, None, 0, ctypes.byref(size))
        user = ctypes.create_string_buffer(size.value)
        _check(_advapi32.GetTokenInformation(token, _TOKEN_USER, user, size, ctypes.byref(size)))
    finally:
        _kernel32.CloseHandle(token)
    text = wintypes.LPVOID()
    # TOKEN_USER begins with a pointer to the identifier.
    _check(_advapi32.ConvertSidToStringSidW(ctypes.cast(user, _POINTERS)[0], ctypes.byref(text)))
    return _freed(text)


@cache
def _short_name() -> str:
    """The user as lists name them: "LA" for the built-in administrator, else the identifier."""
    descriptor = _descriptor(f"D:(A;;FA;;;{_user()})")
    return str(_ENTRY.findall(_text_of(descriptor))[0][1])


def _descriptor(text: str) -> wintypes.LPVOID:
    made = wintypes.LPVOID()
    _check(_advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW(text, _REVISION, ctypes.byref(made), None))
    return made


def _text_of(descriptor: wintypes.LPVOID) -> str:
    """Frees the descriptor, too."""
    text = wintypes.LPVOID()
    try:
        _check(
            _advapi32.ConvertSecurityDescriptorToStringSecurityDescriptorW(
                descriptor, _REVISION, _DACL, ctypes.byref(text), None
            )
        )
    finally:
        _kernel32.LocalFree(descriptor)
    return _freed(text)


def _freed(text: wintypes.LPVOID) -> str:
    """A string that the system made."""
    try:
        return ctypes.wstring_at(text.value or 0)
    finally:
        _kernel32.LocalFree(text)


def _check(succeeded: int) -> None:
    if not succeeded:
        raise ctypes.WinError(ctypes.get_last_error())
