"""How the code is written, in numbers: lengths of functions and files, types, docstrings and comments.

    python dev.py bench style                    the product
    python dev.py bench style --rev 4b19be0      the same of an older commit, beside it
    python dev.py bench style --list             what is over a limit, and where

Functions are measured from `def` to their last line, docstring included. Arguments leave out self and cls. Public is
what does not begin with an underscore, nor stands in something that does; the hooks' and commands' own rules are not
counted. Comment lines are lines that hold only a comment; directives such as `# noqa` and `# fmt: skip` are none.
Notes beside the code are comments at the end of a line, and the lines of a string below a constant or a field.
Code lines are lines that hold neither nothing, nor only a comment, nor a docstring.
"""

from __future__ import annotations

import argparse
import ast
import io
import re
import statistics
import subprocess
import tokenize
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("aeon_plugin_ft", "hooks", "core")
FUNCTION_LINES, FILE_LINES = 50, 350
"""The limits of the project."""
SHORT = 35
DIRECTIVE = re.compile(r"#\s*(?:noqa|type:|fmt:|mypy:|pragma)")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass
class Style:
    """What was counted in one tree. Lengths are in lines."""

    functions: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    arguments: int = 0
    typed: int = 0
    public: int = 0
    undocumented: list[str] = field(default_factory=list)
    code: int = 0
    comments: int = 0
    notes: int = 0

    def rows(self) -> list[tuple[str, str]]:
        lengths = sorted(self.functions.values())
        return [
            ("functions", f"{len(lengths)}"),
            ("function lines, median", f"{statistics.median(lengths):.0f}"),
            (f"functions under {SHORT} lines", f"{sum(n < SHORT for n in lengths) / len(lengths):.1%}"),
            ("function lines, longest", f"{lengths[-1]}"),
            ("files", f"{len(self.files)}"),
            ("file lines, median", f"{statistics.median(self.files.values()):.0f}"),
            ("file lines, longest", f"{max(self.files.values())}"),
            ("arguments with a type", f"{self.typed / self.arguments:.1%}"),
            ("public functions with a docstring", f"{1 - len(self.undocumented) / self.public:.1%}"),
            ("comment lines per 100 of code", f"{100 * self.comments / self.code:.2f}"),
            ("the same, with notes beside the code", f"{100 * (self.comments + self.notes) / self.code:.2f}"),
            ("code lines", f"{self.code}"),
        ]

    def over(self) -> Iterator[str]:
        """What is longer than the limits, longest first."""
        for lengths, limit in ((self.files, FILE_LINES), (self.functions, FUNCTION_LINES)):
            for name, lines in sorted(lengths.items(), key=lambda item: -item[1]):
                if lines > limit:
                    yield f"{lines:5} {name}"


def measure(sources: dict[str, str]) -> Style:
    """Of Python files, name to text."""
    style = Style()
    for name, text in sources.items():
        style.files[name] = len(text.splitlines())
        tree = ast.parse(text)
        strings, notes = _string_lines(tree)
        whole, beside = _comments(text)
        style.comments += sum(not DIRECTIVE.match(comment) for comment in whole.values())
        style.notes += len(notes) + sum(not DIRECTIVE.match(comment) for comment in beside.values())
        style.code += sum(
            bool(line.strip()) and number not in strings and number not in whole
            for number, line in enumerate(text.splitlines(), 1)
        )
        for path, function, public in _functions(tree):
            _count(style, f"{name}:{function.lineno} {path}", function, public=public)
    return style


def _count(style: Style, where: str, function: Function, *, public: bool) -> None:
    style.functions[where] = (function.end_lineno or function.lineno) - function.lineno + 1
    given = function.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    counted = [one for one in arguments if one is not None and one.arg not in ("self", "cls")]
    style.arguments += len(counted)
    style.typed += sum(one.annotation is not None for one in counted)
    if public:
        style.public += 1
        if ast.get_docstring(function) is None:
            style.undocumented.append(where)


def _functions(node: ast.AST, path: str = "", public: bool = True) -> Iterator[tuple[str, Function, bool]]:
    """Every function with its dotted name; those inside functions are nobody's to call and thus not public."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            name = f"{path}.{child.name}".lstrip(".")
            seen = public and not child.name.startswith("_")
            if isinstance(child, ast.ClassDef):
                yield from _functions(child, name, seen)
            else:
                yield name, child, seen
                yield from _functions(child, name, public=False)
        else:
            yield from _functions(child, path, public)


def _string_lines(tree: ast.Module) -> tuple[set[int], set[int]]:
    """Lines of strings that stand for themselves, and of those that are no docstring but say what is above them."""
    every: set[int] = set()
    docstrings: set[int] = set()
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        for at, child in enumerate(body if isinstance(body, list) else []):
            match child:
                case ast.Expr(value=ast.Constant(value=str())):
                    lines = range(child.lineno, (child.end_lineno or child.lineno) + 1)
                    every.update(lines)
                    docstrings.update(lines if at == 0 else ())
    return every, every - docstrings


def _comments(text: str) -> tuple[dict[int, str], dict[int, str]]:
    """Line number to comment: of lines that hold nothing else, and of lines of code."""
    whole: dict[int, str] = {}
    beside: dict[int, str] = {}
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            (whole if token.line.lstrip().startswith("#") else beside)[token.start[0]] = token.string
    return whole, beside


def of_folder(root: Path, folders: Sequence[str]) -> dict[str, str]:
    files = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    return {str(path.relative_to(root)): path.read_text(encoding="utf-8") for path in files}


def of_revision(revision: str, folders: Sequence[str]) -> dict[str, str]:
    """The same out of the repository's history."""
    listed = _git("ls-tree", "-r", "--name-only", revision, *folders).splitlines()
    return {name: _git("show", f"{revision}:{name}") for name in listed if name.endswith(".py")}


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True)
    return done.stdout.decode("utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rev", help="a commit to show beside the working tree")
    parser.add_argument("--folder", action="append", help=f"a folder to measure (default: {' '.join(FOLDERS)})")
    parser.add_argument("--list", action="store_true", help="name what is over a limit or has no docstring")
    options = parser.parse_args()
    folders = options.folder or FOLDERS
    now = measure(of_folder(ROOT, folders))
    columns = [now.rows()] if options.rev is None else [measure(of_revision(options.rev, folders)).rows(), now.rows()]
    heads = ["now"] if options.rev is None else [options.rev[:9], "now"]
    print(f"{'':36}" + "".join(f"{head:>12}" for head in heads))
    for row in zip(*columns, strict=True):
        print(f"{row[0][0]:36}" + "".join(f"{value:>12}" for _, value in row))
    if options.list:
        print("\nOver a limit:", *now.over(), sep="\n")
        print("\nPublic, without a docstring:", *now.undocumented, sep="\n")


if __name__ == "__main__":
    main()
