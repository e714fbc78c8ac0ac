//! A kind of table that this program was built without, turned into what its user can do.

use super::asker::Ask;
use super::spec::{Loaded, Spec};
use crate::error::Error;

/// Says how to build a program that can read the table.
pub(super) fn error(spec: &Spec, what: &str, feature: &str) -> Error {
    let message = format!("table {} is of {what}, and this program was built without it", spec.name);
    Error::user("table.feature", message).at(spec.place()).help(format!("build it with --features {feature}"))
}

/// In the place of the reader of PostgreSQL.
#[cfg(not(feature = "postgres"))]
pub(super) mod postgres {
    use super::{Ask, Error, Loaded, Spec};
    use crate::config::TablePostgres;

    pub(in super::super) fn load(spec: &Spec, _: &TablePostgres) -> Result<Loaded, Error> {
        Err(super::error(spec, "PostgreSQL", "postgres"))
    }

    pub(in super::super) fn asker(spec: &Spec, _: &TablePostgres) -> Result<Box<dyn Ask>, Error> {
        Err(super::error(spec, "PostgreSQL", "postgres"))
    }
}

/// In the place of the reader of Redis.
#[cfg(not(feature = "redis"))]
pub(super) mod redis {
    use super::{Ask, Error, Loaded, Spec};
    use crate::config::TableRedis;

    pub(in super::super) fn load(spec: &Spec, _: &TableRedis) -> Result<Loaded, Error> {
        Err(super::error(spec, "Redis", "redis"))
    }

    pub(in super::super) fn asker(spec: &Spec, _: &TableRedis) -> Result<Box<dyn Ask>, Error> {
        Err(super::error(spec, "Redis", "redis"))
    }
}
