"""Known vulnerabilities and licences of all that srbench needs here, its extras' needs too; ``tox -e audit`` runs it.

Arguments go to pip-audit (``-s osv`` asks another service). Exit code 1: a package has a known vulnerability, or a
licence that is not allowed. Exit code 2: there was no answer on some, which proves nothing; they are named.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = "srbench"
LEFT_OUT = {"dev"}
"""Extras that no user needs."""

ALLOWED = re.compile(
    r"(the )?("
    r"mit|mit-cmu|hpnd|isc|0bsd|zlib|unlicense|cc0-1\.0|bsl-1\.0|ncsa|wtfpl"
    r"|(3-clause |2-clause |new )?bsd(-[23]-clause)?|bsd-3-clause-(open-mpi|lbnl)|bsd-2-clause-patent"
    r"|apache-2\.0|apache software|apache (license )?(version )?,?2(\.0)?"
    r"|psf(-2\.0)?|python-2\.0|python software foundation|cnri-python"
    r"|mpl-2\.0|mozilla public license 2\.0 mpl 2\.0"
    r"|(llvm|gcc|bison|autoconf)-exception[-.0-9]*"
    r")( license)?"
)
"""Licences that permit all use, and those whose copyleft ends with their own files; lower-case."""

NVIDIA = re.compile(r"nvidia-.*|cuda-toolkit")
"""What torch's wheels for Linux need of CUDA: proprietary, free to use and redistribute; CPU wheels do without."""


def needed() -> dict[str, str]:
    """Return what is installed because of srbench, name -> version, without srbench."""
    found: dict[str, str] = {}
    extras = set(distribution(ROOT).metadata.get_all("Provides-Extra") or ()) - LEFT_OUT
    waiting = [(ROOT, frozenset(extras))]
    seen = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            installed = distribution(name)
        except PackageNotFoundError:  # of another platform, or of an extra that was not asked for
            continue
        found[name] = installed.version
        for text in installed.requires or ():
            requirement = Requirement(text)
            environments = [{"extra": extra} for extra in (*wanted, "")]
            if requirement.marker is None or any(map(requirement.marker.evaluate, environments)):
                waiting.append((canonicalize_name(requirement.name), frozenset(requirement.extras)))
    del found[ROOT]
    return dict(sorted(found.items()))


def ask_advisories(packages: dict[str, str]) -> tuple[list[str], list[str]]:
    """Ask pip-audit; return the vulnerabilities it knows of, and the packages on which it got no answer."""
    with tempfile.TemporaryDirectory() as folder:
        listed = Path(folder, "needed.txt")
        listed.write_text("".join(f"{name}=={version.split('+')[0]}\n" for name, version in packages.items()))
        command = ["pip-audit", "--requirement", str(listed), "--no-deps", "--disable-pip"]
        options = ["--format", "json", "--progress-spinner", "off"]
        done = subprocess.run([*command, *options, *sys.argv[1:]], capture_output=True, text=True, check=False)
    try:
        answers = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        print(f"pip-audit gave no answer: {last}")
        return [], list(packages)
    known = [
        f"{answer['name']} {answer['version']}: {fault['id']}"
        + (f", fixed in {', '.join(fault['fix_versions'])}" if fault["fix_versions"] else "")
        for answer in answers
        for fault in answer.get("vulns", ())
    ]
    return known, [answer["name"] for answer in answers if "vulns" not in answer]


def ask_licences(packages: dict[str, str]) -> dict[str, str]:
    """Ask pip-licenses; return the licence of each package."""
    command = ["pip-licenses", "--from=mixed", "--with-system", "--format=json", "--packages", *packages]
    answers = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return {canonicalize_name(answer["Name"]): answer["License"] for answer in answers}


def is_allowed(name: str, licence: str) -> bool:
    """Say whether every part of a licence is allowed, or the package is one of NVIDIA's."""
    parts = re.split(r"\s+(?:and|or|with)\s+|;\s*", re.sub(r"[()]", "", licence.lower()))
    return bool(NVIDIA.fullmatch(name)) or all(ALLOWED.fullmatch(part.strip()) for part in parts)


def main() -> int:
    """List all, and say what is wrong."""
    packages = needed()
    licences = dict.fromkeys(packages, "unknown") | ask_licences(packages)
    for name, version in packages.items():
        print(f"{name} {version}: {licences[name]}")
    refused = [f"{name}: {licences[name]}" for name in packages if not is_allowed(name, licences[name])]
    known, unanswered = ask_advisories(packages)
    print(f"\n{len(packages)} packages; advisories were had for {len(packages) - len(unanswered)}")
    for title, found in (
        ("known vulnerabilities", known),
        ("licences that are not allowed", refused),
        ("no advisories could be had for", unanswered),
    ):
        print(f"{title}: {'; '.join(found) or 'none'}")
    if len(unanswered) == len(packages):
        print("the service asked gives no advisories at all: ask another, as with 'tox -e audit -- -s osv'")
    return 1 if known or refused else 2 if unanswered else 0


if __name__ == "__main__":
    sys.exit(main())
