//! Types whose names stand in columns come back as what they are. A name that nothing here has is an error: it is never taken
//! for something else.

use duckdb::{
    ToSql,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use crate::{
    fault::FaultCode,
    submission::{Channel, NetworkState, SignatureVerdict, Trust},
};

macro_rules! named_columns {
    ($($name:ty),+ $(,)?) => {
        $(impl ToSql for $name {
            fn to_sql(&self) -> duckdb::Result<ToSqlOutput<'_>> {
                Ok(ToSqlOutput::from(self.as_str()))
            }
        }

        impl FromSql for $name {
            fn column_result(value: ValueRef<'_>) -> FromSqlResult<$name> {
                let name = value.as_str()?;
                <$name>::from_name(name).ok_or_else(|| {
                    FromSqlError::Other(format!("`{name}` is no {}", stringify!($name)).into())
                })
            }
        })+
    };
}

named_columns!(Trust, Channel, NetworkState, FaultCode, SignatureVerdict);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixtures::memory;

    #[test]
    fn names_come_back_as_values_and_unknown_ones_are_errors() {
        let conn = memory();
        let trust: Trust = conn.query_row("SELECT 'network'", [], |row| row.get(0)).unwrap();
        let none: Option<Channel> = conn.query_row("SELECT NULL::VARCHAR", [], |row| row.get(0)).unwrap();
        assert_eq!((trust, none), (Trust::Network, None));
        let error = conn.query_row("SELECT 'of-tomorrow'", [], |row| row.get::<_, Trust>(0)).unwrap_err();
        assert!(error.to_string().contains("`of-tomorrow` is no Trust"), "{error}");
    }
}
