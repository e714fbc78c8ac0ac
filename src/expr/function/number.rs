//! The functions over numbers, one line each: names, texts, arguments, result, code.

use super::Returns::{Always, FirstNumber, Remainder};
use super::{Function, scalar};
use crate::expr::tree::Type::{Float, Int, Number};
use crate::expr::{maths, number};

#[rustfmt::skip]
pub(super) const LIST: &[Function] = &[
    scalar(&["abs"], ["abs(x)", "without its sign", "abs(-3)", "3"], &[Number], (1, 1), FirstNumber, number::abs),
    scalar(&["floor"], ["floor(x)", "the greatest whole number that is not above x", "floor(-1.5)", "-2"], &[Number], (1, 1), FirstNumber, number::floor),
    scalar(&["ceil", "ceiling"], ["ceil(x)", "the least whole number that is not below x", "ceil(1.2)", "2"], &[Number], (1, 1), FirstNumber, number::ceil),
    scalar(&["trunc"], ["trunc(x)", "without its fraction", "trunc(-1.9)", "-1"], &[Number], (1, 1), FirstNumber, number::trunc),
    scalar(&["round"], ["round(x[, places])", "the nearest number with that many decimal places (0), ties away from zero", "round(3.14159, 2)", "3.14"], &[Number, Int], (1, 2), FirstNumber, number::round),
    scalar(&["sign"], ["sign(x)", "-1, 0 or 1", "sign(-0.5)", "-1"], &[Number], (1, 1), FirstNumber, number::sign),
    scalar(&["sqrt"], ["sqrt(x)", "the square root; NULL below 0", "sqrt(2.25)", "1.5"], &[Number], (1, 1), Always(Float), number::sqrt),
    scalar(&["cbrt"], ["cbrt(x)", "the cube root", "cbrt(27)", "3"], &[Number], (1, 1), Always(Float), maths::cbrt),
    scalar(&["power", "pow"], ["power(x, y)", "x to the power of y, as a float", "power(2, 10)", "1024"], &[Number, Number], (2, 2), Always(Float), number::power),
    scalar(&["exp"], ["exp(x)", "e to the power of x", "exp(0)", "1"], &[Number], (1, 1), Always(Float), number::exp),
    scalar(&["ln"], ["ln(x)", "the natural logarithm; NULL at 0 and below", "ln(1)", "0"], &[Number], (1, 1), Always(Float), number::ln),
    scalar(&["log", "log10"], ["log([base, ]x)", "the logarithm to that base (10); NULL at 0 and below", "log(1000)", "3"], &[Number], (1, 2), Always(Float), number::log),
    scalar(&["log2"], ["log2(x)", "the logarithm to base 2; NULL at 0 and below", "log2(8)", "3"], &[Number], (1, 1), Always(Float), maths::log2),
    scalar(&["mod"], ["mod(a, b)", "the remainder of a / b, with the sign of a; the same as a % b", "mod(-7, 3)", "-1"], &[Number, Number], (2, 2), Remainder, number::remainder),
    scalar(&["gcd"], ["gcd(a, b)", "the greatest common divisor", "gcd(12, 18)", "6"], &[Int, Int], (2, 2), Always(Int), maths::gcd),
    scalar(&["lcm"], ["lcm(a, b)", "the least common multiple", "lcm(4, 6)", "12"], &[Int, Int], (2, 2), Always(Int), maths::lcm),
    scalar(&["width_bucket"], ["width_bucket(x, low, high, n)", "which of n equal parts of low to high x is in, from 1; 0 below, n + 1 above", "width_bucket(5.35, 0, 10, 5)", "3"], &[Number, Number, Number, Int], (4, 4), Always(Int), maths::width_bucket),
    scalar(&["pi"], ["pi()", "the ratio of a circle to its diameter", "pi()", "3.141592653589793"], &[], (0, 0), Always(Float), maths::pi),
    scalar(&["degrees"], ["degrees(x)", "radians as degrees", "degrees(pi())", "180"], &[Number], (1, 1), Always(Float), maths::degrees),
    scalar(&["radians"], ["radians(x)", "degrees as radians", "radians(180)", "3.141592653589793"], &[Number], (1, 1), Always(Float), maths::radians),
    scalar(&["sin"], ["sin(x)", "the sine of radians", "sin(0)", "0"], &[Number], (1, 1), Always(Float), maths::sin),
    scalar(&["cos"], ["cos(x)", "the cosine of radians", "cos(0)", "1"], &[Number], (1, 1), Always(Float), maths::cos),
    scalar(&["tan"], ["tan(x)", "the tangent of radians", "tan(0)", "0"], &[Number], (1, 1), Always(Float), maths::tan),
    scalar(&["asin"], ["asin(x)", "the angle of a sine, radians; NULL outside of -1 to 1", "asin(0)", "0"], &[Number], (1, 1), Always(Float), maths::asin),
    scalar(&["acos"], ["acos(x)", "the angle of a cosine, radians; NULL outside of -1 to 1", "acos(1)", "0"], &[Number], (1, 1), Always(Float), maths::acos),
    scalar(&["atan"], ["atan(x)", "the angle of a tangent, radians", "atan(0)", "0"], &[Number], (1, 1), Always(Float), maths::atan),
    scalar(&["atan2"], ["atan2(y, x)", "the angle of the point (x, y), radians", "atan2(0, 1)", "0"], &[Number, Number], (2, 2), Always(Float), maths::atan2),
    scalar(&["sinh"], ["sinh(x)", "the hyperbolic sine", "sinh(0)", "0"], &[Number], (1, 1), Always(Float), maths::sinh),
    scalar(&["cosh"], ["cosh(x)", "the hyperbolic cosine", "cosh(0)", "1"], &[Number], (1, 1), Always(Float), maths::cosh),
    scalar(&["tanh"], ["tanh(x)", "the hyperbolic tangent", "tanh(0)", "0"], &[Number], (1, 1), Always(Float), maths::tanh),
    scalar(&["bitand"], ["bitand(a, b)", "the bits that are in both; also a & b", "bitand(12, 10)", "8"], &[Int, Int], (2, 2), Always(Int), maths::bitand),
    scalar(&["bitor"], ["bitor(a, b)", "the bits that are in one or both; also a | b", "bitor(12, 10)", "14"], &[Int, Int], (2, 2), Always(Int), maths::bitor),
    scalar(&["bitxor"], ["bitxor(a, b)", "the bits that are in one only; also a # b", "bitxor(12, 10)", "6"], &[Int, Int], (2, 2), Always(Int), maths::bitxor),
    scalar(&["bitnot"], ["bitnot(a)", "the opposite bits; also ~a", "bitnot(0)", "-1"], &[Int], (1, 1), Always(Int), maths::bitnot),
    scalar(&["shift_left"], ["shift_left(a, n)", "the bits n places up; NULL where n is not 0 to 63; also a << n", "shift_left(1, 4)", "16"], &[Int, Int], (2, 2), Always(Int), maths::shift_left),
    scalar(&["shift_right"], ["shift_right(a, n)", "the bits n places down, with the sign; NULL where n is not 0 to 63; also a >> n", "shift_right(-16, 2)", "-4"], &[Int, Int], (2, 2), Always(Int), maths::shift_right),
    scalar(&["bit_count"], ["bit_count(a)", "how many bits are 1", "bit_count(7)", "3"], &[Int], (1, 1), Always(Int), maths::bit_count),
];
