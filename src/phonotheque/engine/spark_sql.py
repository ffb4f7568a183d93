"""Ibis expressions as Spark SQL that means what the embedded engine's SQL means.

Ibis leaves it to an engine what an operation does at its edges. Here Spark is brought to what
DuckDB does, so that an expression has one meaning (tests/engine/contract.py holds both to it):

| operation | DuckDB | Spark, as Ibis writes it | here |
|---|---|---|---|
| `array[i]` past the end | null | an error | null |
| `array[-1]` | the last | an error | the last |
| `collect()` of nothing | null | an empty array | null |
| `flatten()` with a null inside | skips it | null | skips it |
| `sort()` of structs with nulls | the null field last | first | last |
| `join()` of an empty array | empty text | null | empty text |
| `isnull()` of a NaN | false | true | false |

What needs no bringing: text compares by code point, `%` has the sign of the dividend, `//` goes by
way of a double (exact below 2^53), and both put nulls last when told to.
"""

from functools import lru_cache
from typing import Any, ClassVar

import ibis.expr.datatypes as dt
import sqlglot as sg
import sqlglot.expressions as sge
from ibis.backends.sql.compilers.base import SQLGlotCompiler
from ibis.backends.sql.compilers.pyspark import PySparkCompiler
from ibis.backends.sql.datatypes import PySparkType


class _Compiler(PySparkCompiler):  # type: ignore[misc]
    """As Ibis's own; `SIMPLE_OPS` is empty because what it names would replace these methods."""

    __slots__ = ()
    SIMPLE_OPS: ClassVar[dict[Any, str]] = {}

    def visit_Field(self, op: Any, *, rel: Any, name: str) -> Any:  # noqa: N802
        return SQLGlotCompiler.visit_Field(self, op, rel=rel, name=name)

    def visit_NonNullLiteral(self, op: Any, *, value: Any, dtype: Any) -> Any:  # noqa: N802
        if dtype.is_floating():  # Ibis asks an option here that only its own connection sets
            return self.cast(repr(float(value)), dtype)
        return super().visit_NonNullLiteral(op, value=value, dtype=dtype)

    def visit_IsNull(self, op: Any, *, arg: Any) -> Any:  # noqa: N802
        return arg.is_(sge.null())

    def visit_NotNull(self, op: Any, *, arg: Any) -> Any:  # noqa: N802
        return arg.is_(sg.not_(sge.null()))

    def visit_ArrayIndex(self, op: Any, *, arg: Any, index: Any) -> Any:  # noqa: N802
        from_one = self.if_(sge.paren(index) >= 0, sge.paren(index) + 1, index)
        return self.f.anon.try_element_at(arg, self.cast(from_one, dt.int32))

    def visit_ArrayCollect(self, op: Any, **kwargs: Any) -> Any:  # noqa: N802
        collected = super().visit_ArrayCollect(op, **kwargs)
        return self.if_(self.f.size(collected).eq(0), sge.null(), collected)

    def visit_ArrayFlatten(self, op: Any, *, arg: Any) -> Any:  # noqa: N802
        each = sg.to_identifier("each")
        known = sge.Lambda(this=each.is_(sg.not_(sge.null())), expressions=[each])
        return self.f.flatten(self.f.filter(arg, known))

    def visit_ArrayStringJoin(self, op: Any, *, arg: Any, sep: Any) -> Any:  # noqa: N802
        return self.f.anon.array_join(arg, sep)

    def visit_ArraySort(self, op: Any, *, arg: Any) -> Any:  # noqa: N802
        kind = op.arg.dtype.value_type
        if not kind.is_struct():
            return self.f.array_sort(arg)
        return self.f.anon.array_sort(arg, _in_order_of(list(kind.names)))


def _in_order_of(fields: list[str]) -> sge.Lambda:
    """(l, r) -> -1, 0 or 1: structs by their fields in turn, nulls last."""
    left, right = sg.to_identifier("l"), sg.to_identifier("r")
    ifs = [
        sge.If(
            this=sg.and_(right.is_(sge.null()), sg.not_(left.is_(sge.null()))), true=_number(-1)
        ),
        sge.If(this=sg.and_(left.is_(sge.null()), sg.not_(right.is_(sge.null()))), true=_number(1)),
    ]
    for field in fields:
        mine, theirs = _field(left, field), _field(right, field)
        ifs.append(sge.If(this=_stands_before(mine, theirs), true=_number(-1)))
        ifs.append(sge.If(this=_stands_before(theirs, mine), true=_number(1)))
    return sge.Lambda(this=sge.Case(ifs=ifs, default=_number(0)), expressions=[left, right])


def _number(value: int) -> sge.Expression:
    return sge.convert(value)


def _field(item: sge.Expression, name: str) -> sge.Expression:
    return sge.Dot(this=item.copy(), expression=sg.to_identifier(name, quoted=True))


def _stands_before(one: sge.Expression, other: sge.Expression) -> sge.Expression:
    unknown = sg.and_(other.copy().is_(sge.null()), sg.not_(one.copy().is_(sge.null())))
    return sg.or_(sge.LT(this=one.copy(), expression=other.copy()), unknown)


_COMPILER = _Compiler()


@lru_cache(maxsize=256)
def spark_sql(operation: Any) -> str:
    """The SQL of a relation (`expression.op()`); kept, because compiling costs more than it looks.

    Raises:
        ibis.common.exceptions.OperationNotDefinedError: Spark has no such operation.
    """
    query = _COMPILER.to_sqlglot(operation.to_expr())
    return str(query.sql(dialect=_COMPILER.dialect))


def spark_type(kind: Any) -> str:
    """The name of an Ibis type in Spark's schemas, for example ``ARRAY<STRING>``."""
    return str(PySparkType.to_string(kind))


def quoted(name: str) -> str:
    """A column's name as an identifier."""
    return "`" + name.replace("`", "``") + "`"
