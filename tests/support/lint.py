#!/usr/bin/env python3
"""Checks of the source that no compiler makes. Prints each finding as file:line: text; exit 1 if any.

 - no code switched off (#if 0, disabled tests), no unfinished mark without an issue number
 - every atomic operation names its memory order; one stronger than relaxed carries a tag, order("P1",
   ...) or [P1], or its atomic's declaration says in a comment what it is for and who its partner is
 - the design anchors that the code cites exist
 - tests do not wait by time
 - the table of the conformance tests names each of them, and no others
 - README.md shows examples/readme.cpp as it is, and <ramie/ramie.hpp> includes every public header
 - Boost.Context is entered by its fcontext only: from Boost 1.88 on, the classes above it own the
   exception globals, which have one owner, ramie
 - each source includes the standard headers that it uses (std_includes.py)
 - sizes: headers of at most 250 lines, sources of at most 500
"""
import pathlib
import re
import subprocess
import sys

import std_includes

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYERS = ("fiber", "sched", "sync", "io")
INCLUDE_ROOTS = [ROOT / "tests", *ROOT.glob("*/include"), *ROOT.glob("*/src"), *ROOT.glob("io/tls/*"),
                 ROOT / "cmake/umbrella"]
CODE = {".cpp", ".hpp"}
# For layers and drivers rather than for programs.
INNER_HEADERS = {"ramie/sched/atomics.hpp", "ramie/sched/driver.hpp", "ramie/sched/park.hpp"}
REASON = re.compile(r'(order|fence)\("|\[[A-Z]+\d+\]|// against|pairs? with|[Pp]artner')
OPERATION = re.compile(r"(\w+)(?:\[[^\]]*\])?(?:\.|->)"
                       r"(?:load|store|exchange|fetch_\w+|compare_exchange_\w+|wait|test_and_set|clear)\(")
DECLARATION = re.compile(r"\batomic(?:<.*>|_flag)\S*\s+(\w+)")
STRONG = re.compile(r"memory_order(_|::)(acquire|release|acq_rel|seq_cst|consume)")
IMPLICIT = re.compile(r"\.(load\(\)|(fetch_add|fetch_sub|fetch_or|fetch_and|exchange)\([^(),]*\);)")
ANCHOR = re.compile(r"\b([\w/]+\.md)#([\w-]+)")
CONTEXT = re.compile(r"#\s*include\s*<boost/context/(?!detail/fcontext\.hpp>)")
SLEEP = re.compile(r"\b(sleep_for|sleep_until|usleep|nanosleep)\b")


def tracked():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=False)
    if listed.returncode == 0:
        paths = [ROOT / name for name in listed.stdout.decode().split("\0") if name]
    else:  # an unpacked archive
        paths = [p for p in ROOT.rglob("*") if not p.relative_to(ROOT).parts[0].startswith("build")]
    return [p for p in paths if p.is_file() and p != pathlib.Path(__file__).resolve()]


def slug(heading):
    """The anchor that a Markdown heading gets."""
    text = re.sub(r"[^\w\s-]", "", heading.strip().lower())
    return re.sub(r"\s", "-", text)


def anchors(document):
    text = document.read_text()
    found = {slug(h) for h in re.findall(r"^#+ (.*)$", text, re.M)}
    return found | set(re.findall(r'<a (?:id|name)="([\w-]+)"', text))


def off_or_unfinished(lines):
    for number, line in enumerate(lines, 1):
        if re.search(r"^\s*#\s*if\s+0\b|\bDISABLED_|\bGTEST_SKIP\(", line):
            yield number, "switched off: " + line.strip()
        if re.search(r"\b(TODO|FIXME|XXX|HACK)\b(?!\(#\d+\))", line):
            yield number, "unfinished, without an issue number as in TO" "DO(#12): " + line.strip()


def commented(lines, index):
    """Whether a comment stands on the line or above it, with at most a constant in between."""
    if "//" in lines[index]:
        return True
    above = lines[max(0, index - 2):index]
    return any(line.strip().startswith("//") for line in above) and "" not in above[-1:]


def explained_atomics():
    """The atomics whose declaration carries a comment, beside it or above it."""
    found = set()
    for layer in LAYERS:
        for path in (ROOT / layer).rglob("*.?pp"):
            lines = path.read_text().splitlines()
            for number, line in enumerate(lines):
                declared = DECLARATION.search(line)
                if declared and commented(lines, number):
                    found.add(declared.group(1))
    return found


EXPLAINED = explained_atomics()


def orders(lines):
    for number, line in enumerate(lines, 1):
        code = line.split("//")[0]
        statement = " ".join(lines[max(0, number - 4):number])
        if STRONG.search(code) and not REASON.search(statement):
            names = OPERATION.findall(statement)
            is_fence = "atomic_thread_fence" in code
            if not (commented(lines, number - 1) if is_fence else EXPLAINED & set(names[-1:])):
                yield number, "memory order without a tag or partner: " + line.strip()
        if IMPLICIT.search(code):
            yield number, "atomic operation with the implicit order: " + line.strip()


def waits_by_time(lines):
    for number, line in enumerate(lines, 1):
        if SLEEP.search(line.split("//")[0]) and "this_fiber::" not in line and \
                "this_thread::" not in line:
            yield number, "test waits by time: " + line.strip()
        if re.search(r"std::this_thread::sleep", line):
            yield number, "test waits by time: " + line.strip()


def boost_context(lines):
    for number, line in enumerate(lines, 1):
        if CONTEXT.search(line):
            yield number, "Boost.Context but for its fcontext: " + line.strip()


def cited_anchors(lines, path):
    for number, line in enumerate(lines, 1):
        for name, anchor in ANCHOR.findall(line):
            beside = [base / name for base in (ROOT, path.parent)]
            document = next((p for p in beside if p.is_file()), None)
            if document is None or anchor not in anchors(document):
                yield number, f"no such anchor: {name}#{anchor}"


def size(lines, path):
    limit = 250 if path.suffix == ".hpp" else 500
    if len(lines) > limit:
        yield len(lines), f"longer than {limit} lines"


def readme():
    shown = re.findall(r"^```cpp\n(.*?)^```$", (ROOT / "README.md").read_text(), re.M | re.S)
    if (ROOT / "examples/readme.cpp").read_text() not in shown:
        yield 1, "does not show examples/readme.cpp as it is"


def conformance_table(path):
    tests, named = set(), set()
    for source in path.parent.glob("*.cpp"):
        found = re.findall(r"^(?:CONFORMANCE_TEST|TEST_F)\((\w+), (\w+)\)", source.read_text(), re.M)
        tests |= {f"{suite}.{name}" for suite, name in found}
    for line in path.read_text().splitlines():
        suite = ""
        for word in re.findall(r"`([A-Z]\w+\.(?:\w+|\*)|\.\w+)`", line):
            suite, name = word.split(".") if word[0] != "." else (suite, word[1:])
            named |= {t for t in tests if t.startswith(suite + ".")} if name == "*" else {f"{suite}.{name}"}
    for name in sorted(tests ^ named):
        yield 1, f"the table and the tests differ: {name}"


def umbrella(path):
    public = {str(header.relative_to(ROOT / layer / "include"))
              for layer in LAYERS[1:] for header in (ROOT / layer / "include/ramie" / layer).glob("*.hpp")}
    included = set(re.findall(r"#include <(ramie/.*)>", path.read_text()))
    for header in sorted(public - included - INNER_HEADERS):
        yield 1, f"does not include <{header}>"


def findings(path):
    relative = path.relative_to(ROOT)
    if relative == pathlib.Path("README.md"):
        yield from readme()
    if relative == pathlib.Path("tests/conformance/README.md"):
        yield from conformance_table(path)
    if path.name == "ramie.hpp":
        yield from umbrella(path)
    if path.suffix not in CODE | {".py", ".sh", ".md", ".cmake", ".txt"}:
        return
    lines = path.read_text(errors="replace").splitlines()
    yield from cited_anchors(lines, path)
    if path.suffix == ".md":
        return
    yield from off_or_unfinished(lines)
    if path.suffix not in CODE:
        return
    yield from size(lines, path)
    for number, header, name in std_includes.missing(path, INCLUDE_ROOTS):
        yield number, f"uses std::{name} without <{header}>"
    if relative.parts[0] in LAYERS:
        yield from orders(lines)
        yield from boost_context(lines)
    if relative.parts[0] == "tests" and relative.parts[1] != "bench":
        yield from waits_by_time(lines)


def main():
    count = 0
    for path in tracked():
        for number, text in findings(path):
            print(f"{path.relative_to(ROOT)}:{number}: {text}")
            count += 1
    print(f"lint: {count} findings" if count else "lint: clean")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
