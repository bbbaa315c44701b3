"""What would stop a start half-way, looked at before anything is started."""

import tempfile
from pathlib import Path

from app.core.config import ConfigurationError


def check_data_dir(folder: Path) -> None:
    """Raise ConfigurationError when the folder is none, or cannot be made or written to."""
    try:
        folder = folder.resolve()
        nearest = next(path for path in [folder, *folder.parents] if path.exists())
    except OSError as error:
        raise ConfigurationError(f"DATA_DIR: {folder}: {error.strerror}.") from None
    if not nearest.is_dir():
        raise ConfigurationError(f"DATA_DIR: {nearest} is not a folder. Name one in DATA_DIR.")
    try:
        tempfile.TemporaryFile(dir=nearest).close()
    except OSError as error:
        raise ConfigurationError(
            f"DATA_DIR: nothing can be written to {nearest} ({error.strerror}). "
            "Name another folder in DATA_DIR."
        ) from None
