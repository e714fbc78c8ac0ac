//! The Rust programs in `examples`, run as they are. Catches one that does not run; what they print is not looked at.

#[path = "../../examples/alerts.rs"]
mod alerts;
#[path = "../../examples/closures.rs"]
mod closures;
#[path = "../../examples/patterns.rs"]
mod patterns;
#[path = "../../examples/quickstart.rs"]
mod quickstart;
#[path = "../../examples/user_aggregate.rs"]
mod user_aggregate;

#[test]
fn every_example_runs() {
    quickstart::main().unwrap();
    closures::main().unwrap();
    user_aggregate::main().unwrap();
    patterns::main().unwrap();
    alerts::main().unwrap();
}
