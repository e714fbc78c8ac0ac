//! Actions, inhibitions and silences: what they mean, what is wrong with them, and that no secret is shown.

use super::*;

/// What `text` behind a good file says.
fn said(text: &str) -> String {
    parse("shop.toml", &format!("{GOOD}{text}"), &[], &no_env).1.to_string()
}

fn config(text: &str) -> Config {
    settings(&format!("{GOOD}{text}"), &[])
}

#[test]
fn what_is_not_said_goes_by_the_kind_of_receiver() {
    let config = config(
        "[actions.w]\ntype = 'webhook'\nurl = 'http://h/x'\n[actions.l]\ntype = 'log'\n[actions.a]\ntype = 'alertmanager'\n\
         url = ['http://a:1', 'http://b:1']\n[actions.e]\ntype = 'webhook'\nurl = 'http://h/x'\ngroup_by = '...'\n\
         group_interval = '1m'\nrepeat_interval = '0s'\n",
    );
    let of = |i: usize| {
        let Grouping { by, wait, interval, repeat, .. } = config.actions[i].grouping.clone();
        (by, wait.0, interval.0 / 1_000_000, repeat.map(|span| span.0 / 1_000_000))
    };
    let rule = || Some(vec!["alert".to_owned()]);
    assert_eq!(of(0), (rule(), 0, 300, Some(4 * 3600)));
    assert_eq!(of(1), (None, 0, 0, None));
    assert_eq!(of(2), (rule(), 0, 5, Some(60)));
    assert_eq!(of(3), (None, 0, 60, None));
    let built_in = ActionConfig::built_in();
    assert_eq!((built_in.name.as_str(), &built_in.kind), ("log", &ActionKind::Log { level: LogLevel::Warn }));
    assert_eq!(built_in.grouping, config.actions[1].grouping);
}

#[test]
fn what_is_wrong_is_said_all_at_once() {
    let text = said(
        "[actions.log]\ntype = 'log'\n[actions.a]\ntype = 'webhook'\nurl = 'ftp://x'\ntoken = 't'\nuser = 'u'\n\
         headers = { 'a b' = 'c' }\n[actions.b]\ntype = 'slack'\nurl = 'http://'\n[actions.c]\ntype = 'email'\n\
         host = 'h'\nfrom = 'me'\nto = ['a@b', 'x y@z']\ntls = 'none'\npassword = 'p'\n[actions.d]\ntype = 'sms'\n\
         [actions.e]\ntype = 'command'\nargs = 'x'\n[actions.f]\ntype = 'webhook'\nurl = 'http://h'\n\
         group_by = ['a', '...']\nprogram = 'x'\nbody = 'x'\n[inhibitions.i]\nsource = 'a'\n\
         [silences.s]\nmatch = 'a'\nfrom = 2026-01-02T00:00:00Z\nuntil = 2026-01-01T00:00:00Z\n[notify]\nsilence = 'x'\n",
    );
    for what in [
        "error[action.name]: an action cannot be named 'log'",
        "error[action.url]: this is not an address of HTTP\n  --> shop.toml:19  actions.a.url",
        "error[action.login]: both token and user say who logs in\n  --> shop.toml:20  actions.a.token = ***",
        "error[action.login]: a user needs a password",
        "error[action.header]: 'a b' is not a header: its name has a character that is not allowed",
        "error[action.url]: this is not an address of HTTP\n  --> shop.toml:25  actions.b.url",
        "error[action.address]: this is not an address of mail\n  --> shop.toml:29  actions.c.from",
        "error[action.address]: this is not an address of mail\n  --> shop.toml:30  actions.c.to",
        "error[action.login]: a password needs a user",
        "error[config.value]: type cannot be 'sms'",
        "error[config.required]: an action of type command needs program",
        "error[config.type]: args must be a list of texts, found text",
        "error[action.group_by]: \"...\" stands for all labels",
        "error[config.key]: 'program' is a key of an action of type command, not of an action of type webhook",
        "error[config.type]: body must be a table of any values, found text",
        "error[config.required]: an inhibition needs target",
        "error[silence.until]: until is not after from, which is 2026-01-02T00:00:00Z",
        "error[config.key]: [notify] has no key 'silence'",
    ] {
        assert!(text.contains(what), "{what}\n\n{text}");
    }
}

#[test]
fn tls_is_asked_for_where_the_program_has_none() {
    let text = said(
        "[actions.a]\ntype = 'webhook'\nurl = 'https://h'\n[actions.b]\ntype = 'pagerduty'\nrouting_key = 'k'\n\
         [actions.c]\ntype = 'email'\nhost = 'h'\nfrom = 'a@b'\nto = 'a@b'\n",
    );
    let asked = text.matches("error[action.tls]: this program was built without TLS").count();
    assert_eq!(asked, if cfg!(feature = "tls") { 0 } else { 3 }, "{text}");
    assert_eq!(text.contains("--features tls"), !cfg!(feature = "tls"));
}

#[test]
fn no_problem_and_no_setting_shows_a_secret() {
    let keys = "password = 77\nsecret = ['hunter2']\ntoken = { a = 'hunter2' }\nheaders = { X-Key = 99, X-Other = 'hun\\nter2' }\n";
    let text = said(&format!("[actions.a]\ntype = 'webhook'\nurl = 'http://h'\n{}", keys.replace('\'', "\"")));
    let flag = ["actions.a.password={hunter2}".to_owned(), "actions.a.token=[\"hunter2\"]".to_owned()];
    let file = format!("{GOOD}[actions.a]\ntype = 'webhook'\nurl = 'http://h'\n");
    let flags = parse("shop.toml", &file, &flag, &no_env).1.to_string();
    let syntax = said("[actions.a]\npassword = \"hunter2\n")
        + &said("[actions]\na = { type = 'webhook', secret = 'hunter2' ]\n");
    for text in [&text, &flags, &syntax] {
        assert!(text.contains("error[config."), "{text}");
        for word in ["hunter2", "hun", "77", "99"] {
            assert!(!text.contains(word), "{word} in {text}");
        }
    }
    let config = config(
        "[actions.a]\ntype = 'webhook'\nurl = 'http://h/hunter2'\nsecret = 'hunter2'\nheaders = { a = 'hunter2' }\n\
         user = 'me'\npassword = 'hunter2'\n[actions.p]\ntype = 'pagerduty'\nurl = 'http://h'\nrouting_key = 'hunter2'\n",
    );
    assert!(!format!("{:?}", config.actions).contains("hunter2"));
}

#[test]
fn one_file_is_not_written_by_two() {
    let text = said(
        "[actions.a]\ntype = 'file'\npath = 'a.ndjson'\n[actions.b]\ntype = 'log'\ndead_letters = './a.ndjson'\n\
         [actions.c]\ntype = 'log'\ndead_letters = 'shop.ndjson'\n",
    );
    for what in [
        "error[config.path]: one file is in use twice: action a writes it\n  --> shop.toml:18  [actions.b]",
        "error[config.path]: one file is in use twice: source events reads it\n  --> shop.toml:21  [actions.c]",
    ] {
        assert!(text.contains(what), "{text}");
    }
}

#[test]
fn bodies_keep_their_values_and_arguments_their_places() {
    let config = config(
        "[actions.a]\ntype = 'webhook'\nurl = 'http://h'\n[actions.a.body]\ntext = '{summary}'\ntoken = true\nlist = [1, -2.5, {}]\n\
         [actions.c]\ntype = 'command'\nprogram = 'p'\nargs = ['-v', '-v', '', '{x}']\n",
    );
    let ActionKind::Webhook(webhook) = &config.actions[0].kind else { panic!() };
    let body = serde_json::json!({ "text": "{summary}", "token": true, "list": [1, -2.5, {}] });
    assert_eq!(webhook.body.as_ref().unwrap().value, body);
    let ActionKind::Command { args, .. } = &config.actions[1].kind else { panic!() };
    assert_eq!(args.iter().map(|arg| arg.value.as_str()).collect::<Vec<_>>(), ["-v", "-v", "", "{x}"]);
}

#[test]
fn a_file_of_silences_is_read_like_the_tables_of_the_pipeline() {
    let good = "[silences.deploy]\nmatch = \"service = 'api'\"\nuntil = 2026-01-05T14:00:00Z\nby = 'ada'\n";
    let silences = parse_silences("s.toml", good, &no_env).unwrap();
    assert_eq!((silences.len(), silences[0].by.as_deref(), silences[0].from), (1, Some("ada"), None));
    assert_eq!(parse_silences("s.toml", "", &no_env), Ok(Vec::new()));
    let wrong = parse_silences("s.toml", "[silence.x]\n[silences.y]\nmatch = 'a'\nuntl = 3\n", &no_env).unwrap_err();
    let text = wrong.to_string();
    assert!(text.contains("a file of silences has no 'silence'") && text.contains("did you mean until?"), "{text}");
    assert!(parse_silences("s.toml", "[silences", &no_env).is_err());
}
