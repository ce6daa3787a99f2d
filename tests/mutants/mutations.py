"""The small faults that a slip of the hand could make in a source file, each as a change of a few characters."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, replace

COMPARISONS: dict[type[ast.cmpop], tuple[str, tuple[str, ...]]] = {
    ast.Lt: ("<", ("<=", ">=")),
    ast.LtE: ("<=", ("<", ">")),
    ast.Gt: (">", (">=", "<=")),
    ast.GtE: (">=", (">", "<")),
    ast.Eq: ("==", ("!=",)),
    ast.NotEq: ("!=", ("==",)),
    ast.Is: ("is", ("is not",)),
    ast.IsNot: ("is not", ("is",)),
    ast.In: ("in", ("not in",)),
    ast.NotIn: ("not in", ("in",)),
}
ARITHMETIC: dict[type[ast.operator], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.BitAnd: ("&", "|"),
    ast.BitOr: ("|", "&"),
}
OPPOSITES = {"min": "max", "argmin": "argmax", "any": "all", "floor": "ceil", "amin": "amax", "minimum": "maximum"}
OPPOSITES |= {other: name for name, other in OPPOSITES.items()}
# Arguments that guard, or save time or memory: what comes out is the same without them.
QUIET = {"strict", "encoding", "copy", "non_blocking", "check_symmetric", "maxsplit"}


@dataclass(frozen=True)
class Mutation:
    """One change of a source file.

    Args:
        start: The index of the first character that goes.
        end: The index after the last character that goes.
        text: What stands there instead.
        line: The line of the change, counted from 1.
        change: The change for people, as "old -> new".
        kind: The kind of fault, such as "comparison".
        within: The source line in which it begins, without indentation.
    """

    start: int
    end: int
    text: str
    line: int
    change: str
    kind: str
    within: str

    def apply(self, source: str) -> str:
        """The source with this fault."""
        return source[: self.start] + self.text + source[self.end :]


def mutations(source: str) -> list[Mutation]:
    """Every fault that can be planted in a source, from its beginning to its end.

    Docstrings, annotations, decorators, error messages and what is imported for types alone stay as they are.
    """
    found = set(_Planter(source).walk(ast.parse(source)))
    return sorted(found, key=lambda one: (one.start, one.end, one.text))


def compiles(source: str) -> bool:
    """Whether Python understands a source; a fault that it doesn't is none."""
    try:
        compile(source, "mutated", "exec")
    except SyntaxError:
        return False
    return True


class _Planter:
    def __init__(self, source: str) -> None:
        self.source = source
        # -2 means the same as -1 to numpy's reshape, and shape[-1] has other faults.
        self.ones: set[int] = set()
        self.lines = source.splitlines(keepends=True)
        # Columns of the syntax tree count bytes; offsets of a line's start count characters.
        self.starts = [0]
        for line in self.lines:
            self.starts.append(self.starts[-1] + len(line))

    def place(self, line: int, column: int) -> int:
        return self.starts[line - 1] + len(self.lines[line - 1].encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        return self.place(node.lineno, node.col_offset), self.place(node.end_lineno, node.end_col_offset)

    def text(self, node: ast.expr | ast.stmt | ast.keyword) -> str:
        start, end = self.span(node)
        return self.source[start:end]

    def change(self, start: int, end: int, text: str, kind: str) -> Mutation:
        """A change, described for people."""
        line = self.source.count("\n", 0, start) + 1
        old, new = (" ".join(part.split()) or "nothing" for part in (self.source[start:end], text))
        return Mutation(start, end, text, line, f"{old} -> {new}", kind, self.lines[line - 1].strip())

    def walk(self, node: ast.AST) -> Iterator[Mutation]:
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Assert):
            return
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return
        yield from self.here(node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_params"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from self.walk(child)

    def here(self, node: ast.AST) -> Iterator[Mutation]:
        if isinstance(node, ast.Compare):
            yield from self.comparison(node)
        elif isinstance(node, ast.BoolOp):
            old, new = ("and", "or") if isinstance(node.op, ast.And) else ("or", "and")
            for left, right in zip(node.values, node.values[1:]):
                yield from self.between(left, right, old, new, "boolean")
        elif isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC:
            if not isinstance(node.left, ast.Constant) or not isinstance(node.left.value, str):
                yield from self.between(node.left, node.right, *ARITHMETIC[type(node.op)], "arithmetic")
        elif isinstance(node, ast.AugAssign) and type(node.op) in ARITHMETIC:
            old, new = ARITHMETIC[type(node.op)]
            yield from self.between(node.target, node.value, f"{old}=", f"{new}=", "arithmetic")
            yield self.change(*self.span(node), "pass", "statement dropped")
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
            if self.text(node) == "-1":
                self.ones.add(id(node.operand))
            yield self.change(self.span(node)[0], self.span(node.operand)[0], "", "sign or not dropped")
        elif isinstance(node, ast.Constant):
            yield from self.constant(node)
        elif isinstance(node, ast.Call):
            yield from self.call(node)
        elif isinstance(node, ast.Slice):
            for bound, shift in ((node.lower, "+ 1"), (node.upper, "- 1")):
                if bound is not None:
                    yield self.change(*self.span(bound), f"({self.text(bound)}) {shift}", "slice bound")
        elif isinstance(node, ast.If | ast.IfExp | ast.While):
            yield self.change(*self.span(node.test), f"not ({self.text(node.test)})", "condition turned round")
            if isinstance(node, ast.If) and isinstance(node.body[-1], ast.Raise | ast.Return | ast.Continue):
                yield self.change(*self.span(node.test), "False", "branch never taken")
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            yield self.change(*self.span(node), "pass", "statement dropped")
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            # Made again from itself: without the line the old value stays.
            target = node.targets[0]
            names = {name.id for name in ast.walk(node.value) if isinstance(name, ast.Name)}
            if isinstance(target, ast.Subscript) or (isinstance(target, ast.Name) and target.id in names):
                yield self.change(*self.span(node), "pass", "statement dropped")
        elif isinstance(node, ast.FunctionDef):
            yield from self.procedure(node)

    def procedure(self, node: ast.FunctionDef) -> Iterator[Mutation]:
        """A function that gives nothing back does nothing."""
        values = [one for one in ast.walk(node) if isinstance(one, ast.Return | ast.Yield | ast.YieldFrom)]
        body = node.body[1:] if ast.get_docstring(node) else node.body
        if not body or any(one.value is not None for one in values) or isinstance(body[0], ast.Return | ast.Pass):
            return
        start = self.span(body[0])[0]
        indent = " " * body[0].col_offset
        yield replace(
            self.change(start, start, f"return\n{indent}", "return at once"), change=f"{node.name} does nothing"
        )

    def comparison(self, node: ast.Compare) -> Iterator[Mutation]:
        for left, operator, right in zip([node.left, *node.comparators], node.ops, node.comparators):
            old, others = COMPARISONS[type(operator)]
            for new in others:
                yield from self.between(left, right, old, new, "comparison")

    def between(self, left: ast.expr, right: ast.expr, old: str, new: str, kind: str) -> Iterator[Mutation]:
        """The operator between two operands, which brackets may surround."""
        begin, end = self.span(left)[1], self.span(right)[0]
        place = self.source.find(old, begin, end)
        if place >= 0:
            yield self.change(place, place + len(old), new, kind)

    def constant(self, node: ast.Constant) -> Iterator[Mutation]:
        value = node.value
        if id(node) in self.ones:
            return
        if isinstance(value, bool):
            yield self.change(*self.span(node), str(not value), "constant")
        elif isinstance(value, int):
            yield self.change(*self.span(node), str(value + 1), "constant")
        elif isinstance(value, float):
            yield self.change(*self.span(node), repr(value * 2 if value else 1.0), "constant")

    def call(self, node: ast.Call) -> Iterator[Mutation]:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in OPPOSITES:
            end = self.span(node.func)[1]
            yield self.change(end - len(name), end, OPPOSITES[name], "opposite")
        parts = sorted([*node.args, *node.keywords], key=lambda part: self.span(part)[0])
        for number, part in enumerate(parts):
            if isinstance(part, ast.keyword) and part.arg is not None and part.arg not in QUIET:
                start, end = self.span(part)
                if number + 1 < len(parts):
                    end = self.span(parts[number + 1])[0]
                elif number:
                    start = self.span(parts[number - 1])[1]
                yield self.change(start, end, "", "argument dropped")
