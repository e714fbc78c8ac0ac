//! The functions over JSON and arrays, one line each: names, texts, arguments, result, code.

use super::Returns::Always;
use super::{Function, scalar};
use crate::expr::json;
use crate::expr::tree::Type::{Any, Bool, Float, Int, Json, Number, Str};

#[rustfmt::skip]
pub(super) const LIST: &[Function] = &[
    scalar(&["parse_json"], ["parse_json(text)", "the value that a text of JSON stands for; also text::json", "parse_json('{\"a\": [1, 2]}')", "{\"a\": [1, 2]}"], &[Json], (1, 1), Always(Any), json::parse),
    scalar(&["json_extract_path"], ["json_extract_path(json, step, ...)", "the value there: a step is a name, or a place in an array (from 0; negative from the end); also json -> step", "json_extract_path('{\"a\": [5, 6]}', 'a', 1)", "6"], &[Json, Any], (2, 8), Always(Any), json::extract),
    scalar(&["json_extract_path_text"], ["json_extract_path_text(json, step, ...)", "the value there as text; also json ->> step", "json_extract_path_text('{\"a\": {\"b\": 1}}', 'a')", "{\"b\": 1}"], &[Json, Any], (2, 8), Always(Str), json::extract_text),
    scalar(&["json_type", "json_typeof"], ["json_type(json)", "object, array, string, number, boolean or null", "json_type('[1]')", "array"], &[Json], (1, 1), Always(Str), json::kind),
    scalar(&["json_valid"], ["json_valid(text)", "whether the text is JSON", "json_valid('{\"a\": }')", "false"], &[Json], (1, 1), Always(Bool), json::is_valid),
    scalar(&["json_keys"], ["json_keys(json)", "the names in an object, as an array in their order", "json_keys('{\"b\": 1, \"a\": 2}')", "[\"b\",\"a\"]"], &[Json], (1, 1), Always(Json), json::keys),
    scalar(&["array_length", "json_array_length", "cardinality"], ["array_length(array)", "the number of elements", "array_length('[5, null, 7]')", "3"], &[Json], (1, 1), Always(Int), json::length),
    scalar(&["array_get"], ["array_get(array, n)", "the nth element, from 1; negative n counts from the end; NULL where there is none; also array[n]", "array_get('[5, 6, 7]', -1)", "7"], &[Json, Int], (2, 2), Always(Any), json::get_at),
    scalar(&["array_contains"], ["array_contains(array, a)", "whether an element equals a; NULL elements equal nothing; also a = ANY(array)", "array_contains('[\"x\", \"y\"]', 'y')", "true"], &[Json, Any], (2, 2), Always(Bool), json::contains),
    scalar(&["array_position"], ["array_position(array, a)", "the place, from 1, of the first element that equals a; NULL where there is none", "array_position('[\"x\", \"y\"]', 'y')", "2"], &[Json, Any], (2, 2), Always(Int), json::position),
    scalar(&["array_to_string", "array_join"], ["array_to_string(array, by)", "the elements as text with by between them; NULLs are skipped", "array_to_string('[1, null, \"b\"]', '-')", "1-b"], &[Json, Str], (2, 2), Always(Str), json::join),
    scalar(&["array_min"], ["array_min(array)", "the least element; NULLs are skipped; NULL where they are of different classes", "array_min('[3, 1.5, 2]')", "1.5"], &[Json], (1, 1), Always(Any), json::min),
    scalar(&["array_max"], ["array_max(array)", "the greatest element; NULLs are skipped; NULL where they are of different classes", "array_max('[3, 1.5, 2]')", "3"], &[Json], (1, 1), Always(Any), json::max),
    scalar(&["array_sum"], ["array_sum(array)", "the sum of the elements; NULLs are skipped; NULL of none", "array_sum('[1, 2, 3.5]')", "6.5"], &[Json], (1, 1), Always(Number), json::sum),
    scalar(&["array_avg"], ["array_avg(array)", "the mean of the elements; NULLs are skipped; NULL of none", "array_avg('[1, 2]')", "1.5"], &[Json], (1, 1), Always(Float), json::average),
    scalar(&["array_sort"], ["array_sort(array)", "the elements in order: booleans, numbers, text, JSON, NULLs", "array_sort('[3, 1, 2]')", "[1,2,3]"], &[Json], (1, 1), Always(Json), json::sort),
    scalar(&["array_distinct"], ["array_distinct(array)", "each element once, where it first stands", "array_distinct('[2, 1, 2.0]')", "[2,1]"], &[Json], (1, 1), Always(Json), json::unique),
    scalar(&["array_slice"], ["array_slice(array, from, to)", "the elements from one place to another, both counted from 1 and both with it", "array_slice('[5, 6, 7]', 2, 3)", "[6,7]"], &[Json, Int, Int], (3, 3), Always(Json), json::slice),
];
