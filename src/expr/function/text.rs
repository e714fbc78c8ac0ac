//! The functions over text, one line each: names, texts, arguments, result, code.

use super::Returns::Always;
use super::{Code, Function, MANY, regex, scalar, special};
use crate::expr::tree::Type::{Any, Bool, Int, Str};
use crate::expr::{pattern, text, words};

#[rustfmt::skip]
pub(super) const LIST: &[Function] = &[
    scalar(&["lower"], ["lower(text)", "the text in lower case", "lower('Ärger')", "ärger"], &[Str], (1, 1), Always(Str), text::lower),
    scalar(&["upper"], ["upper(text)", "the text in upper case", "upper('get')", "GET"], &[Str], (1, 1), Always(Str), text::upper),
    scalar(&["initcap"], ["initcap(text)", "each word with a capital first letter, the rest in lower case", "initcap('new yORK')", "New York"], &[Str], (1, 1), Always(Str), words::initcap),
    scalar(&["length", "char_length", "character_length"], ["length(text)", "the number of characters", "length('näh')", "3"], &[Str], (1, 1), Always(Int), text::length),
    scalar(&["octet_length"], ["octet_length(text)", "the number of bytes in UTF-8", "octet_length('näh')", "4"], &[Str], (1, 1), Always(Int), words::octet_length),
    scalar(&["substr", "substring"], ["substr(text, start[, count])", "count characters from start (the first is 1), or all from there", "substr('alphabet', 3, 2)", "ph"], &[Str, Int, Int], (2, 3), Always(Str), text::substr),
    scalar(&["left"], ["left(text, n)", "the first n characters; all but the last |n| where n is negative", "left('alphabet', 5)", "alpha"], &[Str, Int], (2, 2), Always(Str), text::left),
    scalar(&["right"], ["right(text, n)", "the last n characters; all but the first |n| where n is negative", "right('alphabet', -5)", "bet"], &[Str, Int], (2, 2), Always(Str), text::right),
    scalar(&["trim", "btrim"], ["trim(text[, characters])", "without spaces (or any of the characters) at both ends", "trim('  a b ')", "a b"], &[Str, Str], (1, 2), Always(Str), text::trim),
    scalar(&["ltrim"], ["ltrim(text[, characters])", "without spaces (or any of the characters) at the start", "ltrim('007', '0')", "7"], &[Str, Str], (1, 2), Always(Str), text::ltrim),
    scalar(&["rtrim"], ["rtrim(text[, characters])", "without spaces (or any of the characters) at the end", "rtrim('/a/b//', '/')", "/a/b"], &[Str, Str], (1, 2), Always(Str), text::rtrim),
    scalar(&["replace"], ["replace(text, from, to)", "every from in the text becomes to", "replace('a-b-c', '-', '+')", "a+b+c"], &[Str, Str, Str], (3, 3), Always(Str), text::replace),
    scalar(&["translate"], ["translate(text, from, to)", "each character that is in from becomes the one at that place in to, or goes where there is none", "translate('2-14:5', '-:', '/')", "2/145"], &[Str, Str, Str], (3, 3), Always(Str), words::translate),
    scalar(&["overlay"], ["overlay(text, part, start[, count])", "part in place of count characters (as many as part has) from start; also overlay(text PLACING part FROM start FOR count)", "overlay('Txxxxas', 'hom', 2, 4)", "Thomas"], &[Str, Str, Int, Int], (3, 4), Always(Str), words::overlay),
    scalar(&["reverse"], ["reverse(text)", "the characters from the last to the first", "reverse('häng')", "gnäh"], &[Str], (1, 1), Always(Str), words::reverse),
    scalar(&["repeat"], ["repeat(text, n)", "the text n times; NULL above 65536 bytes", "repeat('ab', 3)", "ababab"], &[Str, Int], (2, 2), Always(Str), words::repeat),
    scalar(&["lpad"], ["lpad(text, n[, fill])", "filled at the start (with spaces) to n characters, cut where it has more; NULL above 65536 bytes", "lpad('7', 3, '0')", "007"], &[Str, Int, Str], (2, 3), Always(Str), words::lpad),
    scalar(&["rpad"], ["rpad(text, n[, fill])", "filled at the end (with spaces) to n characters, cut where it has more; NULL above 65536 bytes", "rpad('ab', 5, 'xy')", "abxyx"], &[Str, Int, Str], (2, 3), Always(Str), words::rpad),
    special(&["concat"], ["concat(a, b, ...)", "the values as text, one after the other; NULLs are skipped", "concat('n=', 3, NULL)", "n=3"], &[Any], (1, MANY), Always(Str), Code::Concat),
    special(&["concat_ws"], ["concat_ws(by, a, b, ...)", "the values as text with by between them; NULLs are skipped, NULL where by is", "concat_ws('-', 'a', NULL, 3)", "a-3"], &[Str, Any], (2, MANY), Always(Str), Code::ConcatWs),
    scalar(&["starts_with"], ["starts_with(text, part)", "TRUE where the text begins with part", "starts_with('/api/x', '/api')", "true"], &[Str, Str], (2, 2), Always(Bool), text::starts_with),
    scalar(&["ends_with"], ["ends_with(text, part)", "TRUE where the text ends with part", "ends_with('a.png', '.jpg')", "false"], &[Str, Str], (2, 2), Always(Bool), text::ends_with),
    scalar(&["contains"], ["contains(text, part)", "TRUE where part is somewhere in the text", "contains('timed out', 'out')", "true"], &[Str, Str], (2, 2), Always(Bool), text::contains),
    scalar(&["strpos"], ["strpos(text, part)", "where part first is in the text, from 1; 0 where it is not; also position(part IN text)", "strpos('häuser', 'user')", "3"], &[Str, Str], (2, 2), Always(Int), text::strpos),
    scalar(&["split_part"], ["split_part(text, by, n)", "the nth part of the text cut at each by; negative n counts from the end", "split_part('a/b/c', '/', -1)", "c"], &[Str, Str, Int], (3, 3), Always(Str), text::split_part),
    scalar(&["ascii"], ["ascii(text)", "the code point of the first character; 0 of an empty text", "ascii('x')", "120"], &[Str], (1, 1), Always(Int), words::ascii),
    scalar(&["chr"], ["chr(n)", "the character of that code point", "chr(228)", "ä"], &[Int], (1, 1), Always(Str), words::chr),
    scalar(&["levenshtein"], ["levenshtein(a, b)", "how many characters must be put in, left out or changed to make b of a; NULL above 255 characters", "levenshtein('kitten', 'sitting')", "3"], &[Str, Str], (2, 2), Always(Int), words::levenshtein),
    regex(&["regexp_like", "regexp_matches"], ["regexp_like(text, pattern[, flags])", "whether the pattern, a literal, matches somewhere; flags: i any case, m lines, s dot takes line ends, x spaces left out; also text ~ pattern, ~*, !~, !~*", "regexp_like('GET /a', '^(get|put) ', 'i')", "true"], &[Str, Str, Str], (2, 3), Always(Bool), (2, pattern::like)),
    regex(&["regexp_count"], ["regexp_count(text, pattern[, flags])", "how often the pattern matches", "regexp_count('a1b22', '[0-9]+')", "2"], &[Str, Str, Str], (2, 3), Always(Int), (2, pattern::count)),
    regex(&["regexp_substr", "regexp_extract"], ["regexp_substr(text, pattern[, group])", "the first match: of that group, or of group 1 where the pattern has one (0 is the whole); NULL where there is none", "regexp_substr('id=42;', 'id=([0-9]+)')", "42"], &[Str, Str, Int], (2, 3), Always(Str), (9, pattern::substr)),
    regex(&["regexp_replace"], ["regexp_replace(text, pattern, with[, flags])", "the first match (all of them with the flag g) becomes with, in which \\1 to \\9 are groups and \\& is the match", "regexp_replace('/u/17/x/4', '[0-9]+', '<\\&>', 'g')", "/u/<17>/x/<4>"], &[Str, Str, Str, Str], (3, 4), Always(Str), (3, pattern::replace)),
];
