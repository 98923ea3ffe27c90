"""Four functions that Wine's C library names and does not have, and numpy calls while it is imported.

Wine 10's ucrtbase.dll exports creal, cimag, crealf and cimagf as stubs that end the process. Each only returns one
half of its argument, so that its code in the calling convention of 64-bit Windows is two or three instructions long.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

BODIES = {
    # float complex comes by value, both halves in RCX: MOVD XMM0, ECX; RET.
    b"crealf": bytes.fromhex("660f6ec1 c3"),
    # The upper half first has to come down: SHR RCX, 32.
    b"cimagf": bytes.fromhex("48c1e920 660f6ec1 c3"),
    # double complex is 16 bytes and comes by address in RCX: MOVSD XMM0, [RCX] or [RCX + 8]; RET.
    b"creal": bytes.fromhex("f20f1001 c3"),
    b"cimag": bytes.fromhex("f20f104108 c3"),
}

_HEADER_AT = 0x3C
"""Where a DOS header says at which offset the PE header begins."""
_FILE_HEADER = 24
"""Bytes of the PE signature and the file header, after which the optional header begins."""
_EXPORTS_AT = 112
"""In the optional header of a 64-bit image: the first data directory, which is that of the exports."""
_SECTION = 40
"""Bytes of one section header."""


class Image:
    """The bytes of a 64-bit DLL, by the addresses that it has when it is loaded (relative virtual addresses).

    Raises ValueError where they are no such image.
    """

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)
        header = self._number("<I", _HEADER_AT)
        if self.content[header : header + 4] != b"PE\0\0":
            raise ValueError("no PE image")
        self._optional = header + _FILE_HEADER
        first = self._optional + self._number("<H", header + 20)
        count = self._number("<H", header + 6)
        self._sections: list[tuple[int, ...]] = [
            struct.unpack_from("<IIII", self.content, first + _SECTION * number + 8) for number in range(count)
        ]
        """(size in memory, address, size in the file, offset in the file) of each"""

    def exports(self) -> Iterator[tuple[bytes, int]]:
        """(name, offset in the file of its code) of every function that is exported by name."""
        table = self._offset(self._number("<I", self._optional + _EXPORTS_AT))
        count, functions, names, ordinals = struct.unpack_from("<IIII", self.content, table + 24)
        functions, names, ordinals = (self._offset(address) for address in (functions, names, ordinals))
        for index in range(count):
            start = self._offset(self._number("<I", names + 4 * index))
            ordinal = self._number("<H", ordinals + 2 * index)
            code = self._number("<I", functions + 4 * ordinal)
            yield bytes(self.content[start : self.content.index(0, start)]), self._offset(code)

    def _number(self, form: str, offset: int) -> int:
        return int(struct.unpack_from(form, self.content, offset)[0])

    def _offset(self, address: int) -> int:
        for size, start, stored, offset in self._sections:
            if start <= address < start + max(size, stored):
                return address - start + offset
        raise ValueError(f"address {address:#x} is in no section")


def mend(library: Path) -> int:
    """Give the four functions their bodies in a ucrtbase.dll; returns how many were exported. Raises OSError, and
    ValueError for what is no DLL."""
    image = Image(library.read_bytes())
    mended = 0
    for name, code in list(image.exports()):
        if name in BODIES:
            image.content[code : code + len(BODIES[name])] = BODIES[name]
            mended += 1
    library.write_bytes(image.content)
    return mended
