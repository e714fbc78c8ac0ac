//! The functions over times, one line each: names, texts, arguments, result, code.

use super::Returns::Always;
use super::{Code, Function, scalar, special, zoned};
use crate::expr::tree::Type::{Any, Int, Number, Str, Time};
use crate::expr::{calendar, zones};

#[rustfmt::skip]
pub(super) const LIST: &[Function] = &[
    special(&["event_time"], ["event_time()", "the event time of the row", "event_time()", "2026-01-05T12:34:56.789Z"], &[], (0, 0), Always(Time), Code::EventTime),
    zoned(&["date_trunc"], ["date_trunc(unit, time[, zone])", "the start of the time's microseconds, milliseconds, second, minute, hour, day, week, month, quarter or year, in the zone (UTC)", "date_trunc('day', event_time(), 'Asia/Tokyo')", "2026-01-04T15:00:00Z"], &[Str, Time, Str], (2, 3), Always(Time), zones::date_trunc),
    zoned(&["date_part"], ["date_part(field, time[, zone])", "the epoch (seconds since 1970), year, quarter, month, day, hour, minute, second, milliseconds, microseconds, dow (0 is Sunday), isodow (1 is Monday) or doy, in the zone (UTC); also extract(field FROM time)", "date_part('hour', event_time(), 'Europe/Berlin')", "13"], &[Str, Any, Str], (2, 3), Always(Number), zones::date_part),
    scalar(&["date_bin"], ["date_bin(seconds, time[, origin])", "the start of the span of that many seconds the time is in; spans are counted from origin (1970)", "date_bin(INTERVAL '15 minutes', event_time())", "2026-01-05T12:30:00Z"], &[Number, Time, Time], (2, 3), Always(Time), zones::date_bin),
    zoned(&["date_add"], ["date_add(unit, n, time[, zone])", "n units later: from days on by the calendar of the zone (UTC), where a day the month does not have is its last", "date_add('month', 1, TIMESTAMP '2026-01-31T12:00:00Z')", "2026-02-28T12:00:00Z"], &[Str, Int, Time, Str], (3, 4), Always(Time), zones::date_add),
    zoned(&["date_diff"], ["date_diff(unit, from, to[, zone])", "how many starts of a unit are between: from days on by the calendar of the zone (UTC)", "date_diff('day', TIMESTAMP '2026-01-04T23:59:00Z', event_time())", "1"], &[Str, Time, Time, Str], (3, 4), Always(Int), zones::date_diff),
    zoned(&["make_timestamp"], ["make_timestamp(year, month, day, hour, minute, seconds[, zone])", "the time at which the clocks of the zone (UTC) show that", "make_timestamp(2026, 7, 1, 12, 0, 0, 'Europe/Paris')", "2026-07-01T10:00:00Z"], &[Int, Int, Int, Int, Int, Number, Str], (6, 7), Always(Time), zones::make_timestamp),
    zoned(&["to_local"], ["to_local(time, zone)", "what the clocks of the zone show, as if it were UTC; also time AT TIME ZONE zone", "to_local(event_time(), 'America/New_York')", "2026-01-05T07:34:56.789Z"], &[Time, Str], (2, 2), Always(Time), zones::to_local),
    zoned(&["from_local"], ["from_local(time, zone)", "the time at which the clocks of the zone show that; the opposite of to_local", "from_local(TIMESTAMP '2026-07-01T12:00:00Z', 'Asia/Kolkata')", "2026-07-01T06:30:00Z"], &[Time, Str], (2, 2), Always(Time), zones::from_local),
    zoned(&["strftime"], ["strftime(time, format[, zone])", "the time as text: %Y year, %m month, %d day, %H %M %S, %f fraction, %b %B month, %a %A day, %j day of the year, %G-W%V week, %z offset, %Z zone", "strftime(event_time(), '%a %d %b %Y, %H:%M', 'Europe/Berlin')", "Mon 05 Jan 2026, 13:34"], &[Time, Str, Str], (2, 3), Always(Str), zones::strftime),
    zoned(&["strptime"], ["strptime(text, format[, zone])", "the time that a text in such a format says; of the zone (UTC) where it has no offset", "strptime('05/01/2026 13:34', '%d/%m/%Y %H:%M', 'Europe/Berlin')", "2026-01-05T12:34:00Z"], &[Str, Str, Str], (2, 3), Always(Time), zones::strptime),
    scalar(&["to_timestamp"], ["to_timestamp(seconds)", "the time that many seconds after 1970-01-01T00:00:00Z", "to_timestamp(1.5)", "1970-01-01T00:00:01.500Z"], &[Number], (1, 1), Always(Time), calendar::to_timestamp),
    scalar(&["epoch_ms"], ["epoch_ms(time)", "whole milliseconds since 1970-01-01T00:00:00Z", "epoch_ms(event_time())", "1767616496789"], &[Time], (1, 1), Always(Int), calendar::epoch_ms),
];
