"""The file that tells which ids those of a history have become."""

import os
from collections.abc import Sequence
from pathlib import Path

from app.history.survey import NotImportable

_FIRST = b'{"type":"'


class Mapping:
    """A file of lines that is as long as what is committed, whenever it is opened again."""

    def __init__(self, path: Path, size: int) -> None:
        """Open the file, of which so many bytes are valid; raises NotImportable and OSError."""
        self._file = path.open("ab+", buffering=0)
        there = path.stat().st_size
        self._file.seek(0)
        is_ours = there >= size > 0 and self._file.read(len(_FIRST)) == _FIRST
        if not is_ours and (there or size):
            self._file.close()
            raise NotImportable(
                f"{path} is not the mapping that the import began. Name that one."
                if size
                else f"{path} is there already. Name another file for the mapping."
            )
        self._file.truncate(size)

    def append(self, lines: Sequence[str]) -> int:
        """Write the lines, to be on disk before anything is committed; return the file's size."""
        rest = memoryview("".join(lines).encode())
        while rest:
            rest = rest[self._file.write(rest) :]
        os.fsync(self._file.fileno())
        return self._file.seek(0, os.SEEK_END)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
