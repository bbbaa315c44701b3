"""Running as another user: PostgreSQL refuses to run as root.

Nothing here imports more than Python's own modules, because the supervisor needs it too.
"""

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

if sys.platform != "win32":
    import pwd

# From <linux/prctl.h> and <linux/capability.h>.
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
_PR_CAPBSET_READ, _PR_SET_SECUREBITS, _PR_CAP_AMBIENT = 23, 28, 47
_PR_CAP_AMBIENT_IS_SET, _PR_CAP_AMBIENT_RAISE = 1, 2
_SECBIT_NO_SETUID_FIXUP = 4
_CAPABILITY_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1, 2


def server_user(folder: Path) -> str:
    """Return whom root has to become for the cluster in `folder`; "" for others than root."""
    if os.geteuid() != 0:
        return ""
    cluster = folder / "cluster"
    # An owner without a name, as on a volume of a container, is refused by initdb.
    with suppress(KeyError, FileNotFoundError):
        owner = pwd.getpwuid((cluster if cluster.exists() else folder.parent).stat().st_uid)
        if owner.pw_uid != 0:
            return owner.pw_name
    return "nobody"


def prctl(*arguments: int) -> int:
    """Call prctl and return its result, -1 if the kernel refuses or knows no such call."""
    if sys.platform != "linux":
        return -1
    padded = [*arguments, 0, 0, 0, 0][:5]
    return int(ctypes.CDLL(None).prctl(*map(ctypes.c_ulong, padded)))


def search_capability() -> int | None:
    """Return the smallest capability that lets another user pass the folders of root.

    A clone below /root or in a `mktemp -d` is closed to the server's user. Containers tend to
    lack the first capability and to grant the second, which allows writing as well.
    """
    for capability in (_CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        granted = prctl(_PR_CAPBSET_READ, capability) == 1
        if granted and prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_IS_SET, capability) >= 0:
            return capability
    return None


def become(user: str) -> None:
    """Turn from root into the user, keeping for all children the capability to search folders."""
    capability = search_capability()
    entry = pwd.getpwnam(user)
    # Keeps the capabilities of root until capset chooses among them, and has access(2) heed them
    # for another user too: PostgreSQL looks at its own binaries that way.
    prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)
    if capability is not None:
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3)
        effective_permitted_inheritable = (ctypes.c_uint32 * 6)(*[1 << capability] * 3)
        ctypes.CDLL(None).capset(header, effective_permitted_inheritable)
        prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, capability)
