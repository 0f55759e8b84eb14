"""Small faults for a module, one at a time: what the tests of its behaviour should notice. Pure.

Texts, docstrings and annotations stay as they are: words are not decisions.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

_COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
_RECKONED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
_OPPOSITE = {"min": "max", "max": "min", "any": "all", "all": "any"}
# Annotations, the options of a dataclass or Struct, how a figure is written.
_PASSED_OVER = ("returns", "annotation", "decorator_list", "format_spec")


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one fault. `function` is the outermost that holds it, with its first line; None at module level.

    `name` says where and what, `decide: now < due -> now <= due`, and stays the same while those words do.
    """

    name: str
    line: int
    function: tuple[str, int] | None
    tree: ast.Module


@dataclass(frozen=True, slots=True)
class _Place:
    parent: ast.AST
    field: str
    index: int | None
    function: tuple[str, int] | None
    within: str

    @property
    def node(self) -> ast.AST:
        value = getattr(self.parent, self.field)
        found = value if self.index is None else value[self.index]
        assert isinstance(found, ast.AST)
        return found

    def put(self, node: ast.AST) -> None:
        if self.index is None:
            setattr(self.parent, self.field, node)
        else:
            getattr(self.parent, self.field)[self.index] = node


def mutants_of(source: str) -> Iterator[Mutant]:
    """Every mutant, in the order of the text."""
    tree = ast.parse(source)
    names: Counter[str] = Counter()
    for place in list(_places(tree, None, "")):
        before = place.node
        for after in _instead_of(before):
            ast.copy_location(after, before)
            ast.fix_missing_locations(after)
            name = f"{place.within or 'module'}: {_short(before)} -> {_short(after)}"
            names[name] += 1
            place.put(after)
            number = f" #{names[name]}" if names[name] > 1 else ""
            yield Mutant(name + number, getattr(before, "lineno", 0), place.function, deepcopy(tree))
            place.put(before)


def _places(parent: ast.AST, function: tuple[str, int] | None, within: str) -> Iterator[_Place]:
    for field, value in ast.iter_fields(parent):
        if field in _PASSED_OVER or (field == "keywords" and isinstance(parent, ast.ClassDef)):
            continue
        for index, node in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not isinstance(node, ast.AST) or _is_fallback(parent, node):
                continue
            inner, inside = function, within
            if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef) and field == "body":
                first = min([parent.lineno, *(each.lineno for each in parent.decorator_list)])
                inner = function or (within, first)
            yield _Place(parent, field, index, inner, within)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                inside = f"{within}.{node.name}".lstrip(".")
            yield from _places(node, inner, inside)


def _instead_of(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Compare():
            yield from _compared(node)
        case ast.BoolOp():
            yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.BinOp() if type(node.op) in _RECKONED and not _is_text(node.left) and not _is_type(node):
            yield ast.BinOp(node.left, _RECKONED[type(node.op)](), node.right)
        case ast.Constant(value=bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
        case ast.Call(func=ast.Name(id=name)) if name in _OPPOSITE:
            yield ast.Call(ast.Name(_OPPOSITE[name], ast.Load()), node.args, node.keywords)
        case ast.Set() if len(node.elts) > 1:
            yield from (ast.Set(node.elts[:number] + node.elts[number + 1 :]) for number in range(len(node.elts)))
        case _:
            yield from _another_way(node)


def _compared(node: ast.Compare) -> Iterator[ast.AST]:
    for number, op in enumerate(node.ops):
        for other in _COMPARED[type(op)]:
            yield ast.Compare(node.left, [*node.ops[:number], other(), *node.ops[number + 1 :]], node.comparators)


def _another_way(node: ast.AST) -> Iterator[ast.AST]:
    """Branches and statements."""
    match node:
        case ast.If(test=ast.Name() | ast.Attribute() | ast.Call()):
            yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        case ast.IfExp(test=ast.Name() | ast.Attribute() | ast.Call()):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        case ast.Continue():
            yield ast.Break()
        case ast.Expr(value=ast.Call()) | ast.AugAssign():
            yield ast.Pass()
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield ast.Pass()


def _is_fallback(parent: ast.AST, node: ast.AST) -> bool:
    """The 0 of `seen_at or 0`, a moment long before all others: one millisecond more is as good."""
    return isinstance(parent, ast.BoolOp) and isinstance(node, ast.Constant) and node.value == 0


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _is_type(node: ast.BinOp) -> bool:
    """`Incident | None`: a type, also where it is no annotation."""
    return isinstance(node.op, ast.BitOr) and isinstance(node.right, ast.Constant) and node.right.value is None


def _short(node: ast.AST) -> str:
    """The code of a node as one line; of a branch, its condition."""
    if isinstance(node, ast.If):
        return f"if {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())[:160]
