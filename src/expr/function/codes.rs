//! The functions over bytes: hashes, codes, URLs, one line each: names, texts, arguments, result, code.

use super::Returns::Always;
use super::{Function, scalar};
use crate::expr::codes;
use crate::expr::tree::Type::{Any, Bool, Int, Str};

#[rustfmt::skip]
pub(super) const LIST: &[Function] = &[
    scalar(&["md5"], ["md5(text)", "the MD5 of the text, in hex", "md5('a')", "0cc175b9c0f1b6a831c399e269772661"], &[Str], (1, 1), Always(Str), codes::md5),
    scalar(&["sha256"], ["sha256(text)", "the SHA-256 of the text, in hex", "sha256('a')", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"], &[Str], (1, 1), Always(Str), codes::sha256),
    scalar(&["crc32"], ["crc32(text)", "the CRC-32 (IEEE) of the text", "crc32('123456789')", "3421780262"], &[Str], (1, 1), Always(Int), codes::crc32),
    scalar(&["hash"], ["hash(a)", "64 bits of the value as text (FNV-1a), the same on every machine and in every release", "hash('a')", "-5808556873153909620"], &[Any], (1, 1), Always(Int), codes::hash),
    scalar(&["to_hex"], ["to_hex(n)", "the whole number in hex; of a negative one its two's complement", "to_hex(255)", "ff"], &[Int], (1, 1), Always(Str), codes::to_hex),
    scalar(&["encode"], ["encode(text, format)", "the bytes of the text in 'hex' or 'base64'; NULL above 65536 bytes", "encode('hi!', 'base64')", "aGkh"], &[Str, Str], (2, 2), Always(Str), codes::encode),
    scalar(&["decode"], ["decode(text, format)", "the text whose bytes are written in 'hex' or 'base64' (URL-safe too); NULL where they are not UTF-8", "decode('aGkh', 'base64')", "hi!"], &[Str, Str], (2, 2), Always(Str), codes::decode),
    scalar(&["is_uuid"], ["is_uuid(text)", "whether it is a UUID with its four dashes", "is_uuid('123e4567-e89b-12d3-a456-426614174000')", "true"], &[Str], (1, 1), Always(Bool), codes::is_uuid),
    scalar(&["url_encode"], ["url_encode(text)", "all but letters, digits and -_.~ as percent signs and hex; NULL above 65536 bytes", "url_encode('a b/ü')", "a%20b%2F%C3%BC"], &[Str], (1, 1), Always(Str), codes::url_encode),
    scalar(&["url_decode"], ["url_decode(text)", "percent signs and hex as what they stand for; NULL where that is not UTF-8", "url_decode('a%20b')", "a b"], &[Str], (1, 1), Always(Str), codes::url_decode),
    scalar(&["url_host"], ["url_host(url)", "the host, without user and port; NULL where there is none", "url_host('https://shop.example:8443/a?b=c')", "shop.example"], &[Str], (1, 1), Always(Str), codes::url_host),
    scalar(&["url_path"], ["url_path(url)", "the path, as it is written", "url_path('https://shop.example/a/b?c=d')", "/a/b"], &[Str], (1, 1), Always(Str), codes::url_path),
    scalar(&["url_query"], ["url_query(url)", "what is after the ?, as it is written", "url_query('/a?b=c&d#e')", "b=c&d"], &[Str], (1, 1), Always(Str), codes::url_query),
    scalar(&["url_parameter"], ["url_parameter(url, name)", "the first value of that name in the query, decoded; NULL where there is none", "url_parameter('/s?q=red+shoes&p=2', 'q')", "red shoes"], &[Str, Str], (2, 2), Always(Str), codes::url_parameter),
];
