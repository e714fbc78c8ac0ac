//! One value of one event that owns its text, and what programs read of values.

use super::cell::Value;

/// A [`Value`] that owns its text.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub enum OwnedValue {
    /// SQL NULL.
    #[default]
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number. NaN and infinities are no numbers of SQL: where one would be, the value is NULL.
    Float(f64),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Time(i64),
    /// Text.
    Text(String),
    /// The JSON text of an object or array.
    Json(String),
}

impl OwnedValue {
    /// False for what is no value of SQL: a float that is not finite, and text that is no JSON object or array where
    /// it says so.
    pub fn is_value(&self) -> bool {
        match self {
            OwnedValue::Float(v) => v.is_finite(),
            OwnedValue::Json(text) => {
                text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
            }
            _ => true,
        }
    }

    /// The value, borrowed.
    pub fn as_value(&self) -> Value<'_> {
        match self {
            OwnedValue::Null => Value::Null,
            OwnedValue::Bool(v) => Value::Bool(*v),
            OwnedValue::Int(v) => Value::Int(*v),
            OwnedValue::Float(v) => Value::Float(*v),
            OwnedValue::Time(v) => Value::Time(*v),
            OwnedValue::Text(text) => Value::Str(text.as_bytes()),
            OwnedValue::Json(text) => Value::Json(text.as_bytes()),
        }
    }
}

impl<'a> Value<'a> {
    /// True for SQL NULL: the field is missing, or JSON `null`.
    pub fn is_null(self) -> bool {
        matches!(self, Value::Null)
    }

    /// The boolean, where it is one.
    pub fn as_bool(self) -> Option<bool> {
        match self {
            Value::Bool(v) => Some(v),
            _ => None,
        }
    }

    /// The whole number, where it is one.
    pub fn as_i64(self) -> Option<i64> {
        match self {
            Value::Int(v) => Some(v),
            _ => None,
        }
    }

    /// The number, whole or not; a large whole one is the nearest float.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Value::Int(v) => Some(v as f64),
            Value::Float(v) => Some(v),
            _ => None,
        }
    }

    /// The moment, in microseconds since 1970-01-01T00:00:00Z.
    pub fn as_time(self) -> Option<i64> {
        match self {
            Value::Time(us) => Some(us),
            _ => None,
        }
    }

    /// The text, where it is one.
    pub fn as_str(self) -> Option<&'a str> {
        match self {
            Value::Str(text) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// The JSON text of an object or array.
    pub fn as_json(self) -> Option<&'a str> {
        match self {
            Value::Json(text) => std::str::from_utf8(text).ok(),
            _ => None,
        }
    }

    /// The value with its text copied.
    pub fn into_owned(self) -> OwnedValue {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            Value::Null => OwnedValue::Null,
            Value::Bool(v) => OwnedValue::Bool(v),
            Value::Int(v) => OwnedValue::Int(v),
            Value::Float(v) => OwnedValue::Float(v),
            Value::Time(v) => OwnedValue::Time(v),
            Value::Str(bytes) => OwnedValue::Text(text(bytes)),
            Value::Json(bytes) => OwnedValue::Json(text(bytes)),
        }
    }
}

macro_rules! owned {
    ($($from:ty => $of:expr;)*) => {$(
        impl From<$from> for OwnedValue {
            fn from(value: $from) -> Self {
                #[allow(clippy::redundant_closure_call)]
                ($of)(value)
            }
        }
    )*};
}

owned! {
    bool => OwnedValue::Bool;
    i32 => |n| OwnedValue::Int(i64::from(n));
    i64 => OwnedValue::Int;
    u32 => |n| OwnedValue::Int(i64::from(n));
    // Beyond the whole numbers of SQL the nearest float stands for it.
    u64 => |n| i64::try_from(n).map_or(OwnedValue::Float(n as f64), OwnedValue::Int);
    usize => |n: usize| OwnedValue::from(n as u64);
    f64 => OwnedValue::Float;
    &str => |text: &str| OwnedValue::Text(text.to_owned());
    String => OwnedValue::Text;
    Value<'_> => Value::into_owned;
}

impl<T: Into<OwnedValue>> From<Option<T>> for OwnedValue {
    fn from(value: Option<T>) -> Self {
        value.map_or(OwnedValue::Null, Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_as_what_it_is_and_as_nothing_else() {
        let text = Value::Str(b"a");
        assert_eq!((text.as_str(), text.as_json(), text.as_f64(), text.as_bool()), (Some("a"), None, None, None));
        assert_eq!(
            (Value::Int(2).as_f64(), Value::Int(2).as_i64(), Value::Float(2.0).as_i64()),
            (Some(2.0), Some(2), None)
        );
        assert!(Value::Null.is_null() && !Value::Bool(false).is_null());
        assert_eq!((Value::Time(5).as_time(), Value::Bool(true).as_bool()), (Some(5), Some(true)));
        for value in [Value::Null, Value::Time(1), Value::Json(b"[1]"), text, Value::Float(0.5)] {
            assert_eq!(value.into_owned().as_value(), value);
        }
        assert_eq!(OwnedValue::from(None::<i64>), OwnedValue::Null);
        for (value, known) in [("[1]", true), (" {}", true), ("1", false), ("[1", false), ("[1] x", false)] {
            assert_eq!(OwnedValue::Json(value.into()).is_value(), known, "{value}");
        }
        assert!(!OwnedValue::Float(f64::NAN).is_value());
        assert_eq!(OwnedValue::from(u64::MAX), OwnedValue::Float(u64::MAX as f64));
    }
}
