//! `${NAME}` and `${NAME:-default}` in a string into the values of the environment.
//!
//! `$${` stands for a literal `${`; every other `$` stands for itself, so SQL and patterns need no care. What is
//! filled in is not looked at again. As in a shell, a variable that is set but empty gives way to a default.

/// A string with its variables filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Expanded {
    /// The text.
    pub text: String,
    /// True where it has a reference: then problems show it as written, not as filled in.
    pub from_env: bool,
}

/// What is wrong with a reference, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BadReference {
    pub message: String,
    pub help: String,
}

/// Fills in the variables of `raw`.
pub(super) fn expand(raw: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<Expanded, BadReference> {
    let mut out = Expanded { text: String::with_capacity(raw.len()), from_env: false };
    let mut rest = raw;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.text.push_str(&rest[..at - 1]);
            out.text.push_str("${");
            rest = &rest[at + 2..];
            continue;
        }
        out.text.push_str(&rest[..at]);
        let Some(len) = rest[at + 2..].find('}') else {
            return Err(BadReference {
                message: "'${' is not closed by '}'".into(),
                help: "write ${NAME} or ${NAME:-default}; for a literal '${' write '$${'".into(),
            });
        };
        let inner = &rest[at + 2..at + 2 + len];
        rest = &rest[at + 3 + len..];
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let good = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && name.bytes().next().is_some_and(|b| !b.is_ascii_digit());
        if !good {
            return Err(BadReference {
                message: format!("'{name}' is not the name of an environment variable"),
                help: "write ${NAME} or ${NAME:-default}; for a literal '${' write '$${'".into(),
            });
        }
        out.from_env = true;
        match (env(name), default) {
            (Some(value), _) if !value.is_empty() => out.text.push_str(&value),
            (_, Some(default)) => out.text.push_str(default),
            (Some(_), None) => {}
            (None, None) => {
                return Err(BadReference {
                    message: format!("the environment variable {name} is not set"),
                    help: format!("set it, or give a default: ${{{name}:-default}}"),
                });
            }
        }
    }
    out.text.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "HOME" => Some("/home/me".into()),
            "EMPTY" => Some(String::new()),
            "NESTED" => Some("${HOME}".into()),
            _ => None,
        }
    }

    #[test]
    fn variables_defaults_and_literals_are_filled_in() {
        for (raw, text, from_env) in [
            ("plain", "plain", false),
            ("${HOME}/a/${HOME}", "/home/me/a//home/me", true),
            ("${NOT:-x}", "x", true),
            ("${HOME:-x}", "/home/me", true),
            ("${EMPTY:-x}", "x", true),
            ("a${EMPTY}b", "ab", true),
            ("${NESTED}", "${HOME}", true),
            ("$${HOME} $5 $$ 10$", "${HOME} $5 $$ 10$", false),
            ("ä${NOT:-ö}ü", "äöü", true),
        ] {
            assert_eq!(expand(raw, &env), Ok(Expanded { text: text.into(), from_env }), "{raw}");
        }
    }

    #[test]
    fn bad_references_say_what_to_write() {
        for (raw, message) in [
            ("${NOT}", "the environment variable NOT is not set"),
            ("${", "'${' is not closed by '}'"),
            ("${}", "'' is not the name of an environment variable"),
            ("${a b}", "'a b' is not the name of an environment variable"),
            ("${1a}", "'1a' is not the name of an environment variable"),
        ] {
            assert_eq!(expand(raw, &env).unwrap_err().message, message, "{raw}");
        }
    }
}
