//! Silences: those there are, made and ended over HTTP.
//!
//! What is made here holds at once and is kept in memory: it does not outlive the run. What must, stands in the pipeline or its file of
//! silences; those are shown here too, and changed there.
//!
//! Invariant: memory is bounded: [`crate::notify::Silences`] takes a bounded number, and texts are bounded by [`LONGEST`].

use super::access::Refusal;
use super::answer::{Answer, Wrong, json};
use super::face::Face;
use super::fields::moment;
use super::routes::Ask;
use crate::config::Access;
use crate::engine::{NoAnswer, Notices};
use crate::notify::{NotAdded, Origin, Silence};
use crate::time::{parse_rfc3339, parse_span};
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json as value};

/// Bytes of a condition; other texts are a quarter of it.
const LONGEST: usize = 4096;

/// Asks of those who are notified; an error where nobody is.
fn asked<T>(face: &Face, ask: impl FnOnce(&Notices) -> Result<T, NoAnswer>) -> Result<T, Wrong> {
    face.of_notices(ask)?.ok_or_else(|| {
        let help = "give an alert notify = \"log\" or an action of the pipeline; a run that has not begun has none yet";
        let message = "nobody is notified of alerts in this run, so there is nothing to silence";
        Wrong::new(StatusCode::CONFLICT, Refusal::Question, "api.silence", message, help)
    })
}

fn shown(silence: &Silence, origin: Origin, now: i64) -> Value {
    let state = match now {
        _ if now < silence.from => "waiting",
        _ if now < silence.until => "active",
        _ => "over",
    };
    let origin = match origin {
        Origin::Pipeline => "pipeline",
        Origin::File => "file",
        Origin::Added => "api",
    };
    value!({
        "id": silence.name,
        "match": silence.matching,
        "from": (silence.from > i64::MIN).then(|| moment(silence.from)),
        "until": moment(silence.until),
        "comment": silence.comment,
        "by": silence.by,
        "origin": origin,
        "state": state,
    })
}

/// `GET /v1/silences`
pub(super) fn list(face: &Face, ask: &Ask) -> Answer {
    let told = face.of_notices(|notices| Ok((notices.silences()?, notices.now()?)))?;
    let may = told.is_some() && face.tokens.check(&ask.head.headers, Some(Access::Operate)).is_ok();
    let (mut all, now) = told.unwrap_or_default();
    all.sort_by(|(_, a), (_, b)| (a.until, &a.name).cmp(&(b.until, &b.name)));
    let silences: Vec<Value> = all.iter().map(|(origin, silence)| shown(silence, *origin, now)).collect();
    Ok(json(&value!({ "silences": silences, "may_change": may, "file": face.silences_file })))
}

fn wrong(message: impl Into<String>) -> Wrong {
    let help = "write {\"match\": \"service = 'api'\", \"duration\": \"2h\", \"comment\": \"why\", \"by\": \"who\"}; \
                labels = {\"service\": \"api\"} instead of match, and from and until in RFC 3339 instead of duration";
    Wrong::question(message, help)
}

fn string<'a>(body: &'a Map<String, Value>, name: &str, most: usize) -> Result<Option<&'a str>, Wrong> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if text.len() <= most => Ok(Some(text)),
        Some(Value::String(_)) => Err(wrong(format!("{name} is longer than {most} bytes"))),
        Some(_) => Err(wrong(format!("{name} is no text"))),
    }
}

fn time(body: &Map<String, Value>, name: &str) -> Result<Option<i64>, Wrong> {
    let Some(text) = string(body, name, LONGEST)? else { return Ok(None) };
    let time = parse_rfc3339(text.as_bytes()).map(|time| time.0);
    time.map(Some).ok_or_else(|| wrong(format!("{name} is '{text}', which is no time such as 2030-01-05T12:00:00Z")))
}

/// The condition: as it is written, or of labels that must be equal.
fn condition(body: &Map<String, Value>) -> Result<String, Wrong> {
    match (string(body, "match", LONGEST)?, body.get("labels")) {
        (Some(text), None) if !text.trim().is_empty() => Ok(text.to_owned()),
        (None, Some(Value::Object(labels))) if !labels.is_empty() => {
            let each = labels.iter().map(|(name, value)| {
                let text = value.as_str().ok_or_else(|| wrong(format!("the label {name} is no text")))?;
                Ok(format!("\"{}\" = '{}'", name.replace('"', "\"\""), text.replace('\'', "''")))
            });
            let text = each.collect::<Result<Vec<_>, Wrong>>()?.join(" AND ");
            if text.len() <= LONGEST { Ok(text) } else { Err(wrong(format!("labels have more than {LONGEST} bytes"))) }
        }
        _ => Err(wrong("a silence has match, or labels, one of the two and not empty")),
    }
}

fn read(body: &[u8], now: i64, id: String) -> Result<Silence, Wrong> {
    let read: Value = serde_json::from_slice(body).map_err(|e| wrong(format!("the body is no JSON: {e}")))?;
    let Value::Object(body) = read else { return Err(wrong("the body is no object")) };
    const KNOWN: [&str; 7] = ["match", "labels", "from", "until", "duration", "comment", "by"];
    if let Some(name) = body.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        return Err(wrong(format!("'{name}' is nothing that a silence has")));
    }
    let from = time(&body, "from")?.unwrap_or(now);
    let until = match (time(&body, "until")?, string(&body, "duration", 100)?) {
        (Some(until), None) => until,
        (None, Some(text)) => {
            let span = parse_span(text).map_err(|why| wrong(format!("duration is '{text}': {why}")))?;
            from.saturating_add(span.0)
        }
        _ => return Err(wrong("a silence has until, or duration: one of the two")),
    };
    let of = |name: &str| string(&body, name, LONGEST / 4).map(|text| text.unwrap_or_default().to_owned());
    Ok(Silence { name: id, matching: condition(&body)?, from, until, comment: of("comment")?, by: of("by")? })
}

/// `POST /v1/silences`
pub(super) fn create(face: &Face, _: &Ask, body: &Bytes) -> Answer {
    let now = asked(face, Notices::now)?;
    let mut bytes = [0; 6];
    getrandom::fill(&mut bytes).map_err(|e| wrong(format!("the system has no random numbers: {e}")))?;
    let id = format!("api-{}", bytes.iter().map(|b| format!("{b:02x}")).collect::<String>());
    let silence = read(body, now, id)?;
    let added = asked(face, |notices| notices.silence(silence.clone()))?;
    added.map_err(|why| match why {
        NotAdded::Condition(list) => {
            let each = list.into_iter().map(|e| match e.help {
                Some(help) => format!("{} ({help})", e.message),
                None => e.message,
            });
            wrong(format!("match is '{}': {}", silence.matching, each.collect::<Vec<_>>().join("; ")))
        }
        NotAdded::Over => wrong("the silence is over already, or ends before it begins"),
        NotAdded::TooMany => {
            let help = "end some with DELETE /v1/silences/{id}, or write one that holds for more";
            let message = "there are too many silences";
            Wrong::new(StatusCode::TOO_MANY_REQUESTS, Refusal::Question, "api.silence", message, help)
        }
    })?;
    tracing::info!(id = silence.name, matching = silence.matching, by = silence.by, "a silence was made");
    let mut response = json(&shown(&silence, Origin::Added, now));
    *response.status_mut() = StatusCode::CREATED;
    if let Ok(place) = HeaderValue::from_str(&format!("/v1/silences/{}", silence.name)) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// `DELETE /v1/silences/{id}`
pub(super) fn expire(face: &Face, ask: &Ask) -> Answer {
    if asked(face, |notices| notices.expire(&ask.name))? {
        tracing::info!(id = ask.name, "a silence was ended");
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        return Ok(response);
    }
    let fixed = asked(face, Notices::silences)?.iter().any(|(_, silence)| silence.name == ask.name);
    let (status, message, help) = match fixed {
        true => (
            StatusCode::CONFLICT,
            "the silence stands in a file",
            "take it out of the pipeline or its file of silences",
        ),
        false => (StatusCode::NOT_FOUND, "there is no such silence", "/v1/silences has all of them"),
    };
    Err(Wrong::new(status, Refusal::Question, "api.silence", message, help))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(body: &str) -> Result<Silence, String> {
        read(body.as_bytes(), 1_000_000, "x".into()).map_err(|wrong| wrong.message)
    }

    #[test]
    fn a_silence_is_read_by_condition_or_labels_and_by_time_or_span() {
        let made = of(r#"{"match": "service = 'api'", "duration": "2s", "comment": "why", "by": "ada"}"#).unwrap();
        assert_eq!(
            (made.from, made.until, made.comment.as_str(), made.by.as_str()),
            (1_000_000, 3_000_000, "why", "ada")
        );
        let made = of(
            r#"{"labels": {"a\"b": "x'y", "tags.env": "p"}, "from": "1970-01-01T00:00:05Z", "until": "1970-01-01T00:00:09Z"}"#,
        );
        let made = made.unwrap();
        assert_eq!(made.matching, r#""a""b" = 'x''y' AND "tags.env" = 'p'"#);
        assert_eq!((made.from, made.until), (5_000_000, 9_000_000));
        let condition = crate::notify::Condition::parse(&made.matching).unwrap();
        let labels = |env: &str| [("a\"b", "x'y"), ("tags.env", env)].map(|(n, v)| (n.to_owned(), v.to_owned())).into();
        assert!(condition.matches(&labels("p")) && !condition.matches(&labels("q")));
    }

    #[test]
    fn what_is_wrong_says_so() {
        for (body, says) in [
            ("", "no JSON"),
            ("[]", "no object"),
            ("{}", "until, or duration"),
            (r#"{"duration": "2s"}"#, "match, or labels"),
            (r#"{"match": "", "duration": "2s"}"#, "match, or labels"),
            (r#"{"match": "a", "labels": {"a": "b"}, "duration": "2s"}"#, "match, or labels"),
            (r#"{"labels": {"a": 1}, "duration": "2s"}"#, "label a is no text"),
            (r#"{"match": "a = 'b'", "duration": "soon"}"#, "duration is 'soon'"),
            (r#"{"match": "a = 'b'", "until": "soon"}"#, "until is 'soon'"),
            (r#"{"match": "a = 'b'", "duration": "2s", "who": "me"}"#, "'who'"),
            (r#"{"match": 5, "duration": "2s"}"#, "match is no text"),
        ] {
            let said = of(body).unwrap_err();
            assert!(said.contains(says), "{body}: {said}");
        }
    }
}
