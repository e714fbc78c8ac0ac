//! The functions that choose among values of any type, one line each: names, texts, arguments, result, code.

use super::Returns::{Common, First};
use super::{Code, Function, MANY, special};
use crate::expr::tree::Type::Any;

#[rustfmt::skip]
pub(super) const LIST: &[Function] = &[
    special(&["coalesce"], ["coalesce(a, b, ...)", "the first value that is not NULL; later ones are not computed", "coalesce(NULL, 'x', 'y')", "x"], &[Any], (1, MANY), Common, Code::Coalesce),
    special(&["nullif"], ["nullif(a, b)", "NULL where a = b, else a", "nullif('n/a', 'n/a')", "NULL"], &[Any, Any], (2, 2), First, Code::NullIf),
    special(&["greatest"], ["greatest(a, b, ...)", "the greatest value; NULLs are skipped", "greatest(1, NULL, 2.5)", "2.5"], &[Any], (1, MANY), Common, Code::Greatest),
    special(&["least"], ["least(a, b, ...)", "the least value; NULLs are skipped", "least('b', 'a', NULL)", "a"], &[Any], (1, MANY), Common, Code::Least),
];
