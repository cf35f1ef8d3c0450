//! Rows for one table, gathered column by column and handed to DuckDB at once: it takes a column much quicker than its values
//! one by one.

use std::{collections::HashMap, sync::Arc};

use chrono::{DateTime, NaiveDate, Utc};
use duckdb::{
    Appender,
    arrow::{
        array::{
            ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, FixedSizeBinaryBuilder, Int32Builder, Int64Builder,
            StringBuilder, TimestampMicrosecondBuilder,
        },
        datatypes::{DataType, Field, Schema, TimeUnit},
        error::ArrowError,
        record_batch::RecordBatch,
    },
};
use uuid::Uuid;

/// The type of a column, as DuckDB names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    Uuid,
    Varchar,
    Date,
    Timestamp,
    Integer,
    Bigint,
    Boolean,
    Blob,
}

/// The types of a table's columns, one after the other.
macro_rules! columns {
    ($($column:ident)*) => { &[$($crate::store::tables::columns::ColumnType::$column),*] };
}
pub(super) use columns;

/// One value on its way into a column.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Null,
    Uuid(Uuid),
    Text(&'a str),
    Day(NaiveDate),
    Time(DateTime<Utc>),
    Int(i32),
    Long(i64),
    Bool(bool),
    Bytes(&'a [u8]),
}

macro_rules! cells {
    ($($from:ty => $cell:ident,)*) => {
        $(impl<'a> From<$from> for Cell<'a> {
            fn from(value: $from) -> Cell<'a> {
                Cell::$cell(value)
            }
        })*
    };
}

cells! {
    Uuid => Uuid,
    &'a str => Text,
    &'a String => Text,
    NaiveDate => Day,
    DateTime<Utc> => Time,
    i32 => Int,
    i64 => Long,
    bool => Bool,
    &'a [u8] => Bytes,
}

impl<'a, T: Into<Cell<'a>>> From<Option<T>> for Cell<'a> {
    fn from(value: Option<T>) -> Cell<'a> {
        value.map_or(Cell::Null, Into::into)
    }
}

enum Builder {
    Uuid(FixedSizeBinaryBuilder),
    Varchar(StringBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder),
    Integer(Int32Builder),
    Bigint(Int64Builder),
    Boolean(BooleanBuilder),
    Blob(BinaryBuilder),
}

/// The rows gathered so far.
pub(super) struct Columns {
    types: &'static [ColumnType],
    builders: Vec<Builder>,
    rows: usize,
}

const UUID_BYTES: i32 = 16;

impl Columns {
    pub(super) fn new(types: &'static [ColumnType]) -> Columns {
        Columns { types, builders: Vec::new(), rows: 0 }
    }

    /// Adds one row. A cell that does not fit the type of its column is an error.
    pub(super) fn push(&mut self, row: &[Cell<'_>]) -> duckdb::Result<()> {
        if self.builders.is_empty() {
            self.builders = self.types.iter().map(|column| Builder::of(*column)).collect();
        }
        if row.len() != self.builders.len() {
            return Err(unfit(format!("{} values for {} columns", row.len(), self.builders.len())));
        }
        for (at, (builder, cell)) in self.builders.iter_mut().zip(row).enumerate() {
            builder.push(*cell).map_err(|error| unfit(format!("column {at}: {error}")))?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Hands the rows to the table that `open` opens; nothing happens where there are none. Errors of single rows show only here.
    pub(super) fn flush<'c>(self, open: impl FnOnce() -> duckdb::Result<Appender<'c>>) -> duckdb::Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let fields: Vec<Field> = self.types.iter().map(|column| column.field()).collect();
        let columns: Vec<ArrayRef> = self.builders.into_iter().map(Builder::finish).collect();
        let batch =
            RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| unfit(error.to_string()))?;
        let mut table = open()?;
        table.append_record_batch(batch)?;
        table.flush()
    }
}

fn unfit(what: String) -> duckdb::Error {
    duckdb::Error::ToSqlConversionFailure(what.into())
}

impl ColumnType {
    fn field(self) -> Field {
        let data_type = match self {
            ColumnType::Uuid => {
                let uuid = HashMap::from([("ARROW:extension:name".to_owned(), "arrow.uuid".to_owned())]);
                return Field::new("", DataType::FixedSizeBinary(UUID_BYTES), true).with_metadata(uuid);
            }
            ColumnType::Varchar => DataType::Utf8,
            ColumnType::Date => DataType::Date32,
            ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            ColumnType::Integer => DataType::Int32,
            ColumnType::Bigint => DataType::Int64,
            ColumnType::Boolean => DataType::Boolean,
            ColumnType::Blob => DataType::Binary,
        };
        Field::new("", data_type, true)
    }
}

impl Builder {
    fn of(column: ColumnType) -> Builder {
        match column {
            ColumnType::Uuid => Builder::Uuid(FixedSizeBinaryBuilder::with_capacity(0, UUID_BYTES)),
            ColumnType::Varchar => Builder::Varchar(StringBuilder::with_capacity(0, 0)),
            ColumnType::Date => Builder::Date(Date32Builder::with_capacity(0)),
            ColumnType::Timestamp => Builder::Timestamp(TimestampMicrosecondBuilder::with_capacity(0)),
            ColumnType::Integer => Builder::Integer(Int32Builder::with_capacity(0)),
            ColumnType::Bigint => Builder::Bigint(Int64Builder::with_capacity(0)),
            ColumnType::Boolean => Builder::Boolean(BooleanBuilder::with_capacity(0)),
            ColumnType::Blob => Builder::Blob(BinaryBuilder::with_capacity(0, 0)),
        }
    }

    fn push(&mut self, cell: Cell<'_>) -> Result<(), ArrowError> {
        match (self, cell) {
            (Builder::Uuid(column), Cell::Null) => column.append_null(),
            (Builder::Uuid(column), Cell::Uuid(uuid)) => column.append_value(uuid.as_bytes())?,
            (Builder::Varchar(column), Cell::Null) => column.append_null(),
            (Builder::Varchar(column), Cell::Text(text)) => column.append_value(text),
            (Builder::Date(column), Cell::Null) => column.append_null(),
            (Builder::Date(column), Cell::Day(day)) => column.append_value(days_since_1970(day)),
            (Builder::Timestamp(column), Cell::Null) => column.append_null(),
            (Builder::Timestamp(column), Cell::Time(time)) => column.append_value(time.timestamp_micros()),
            (Builder::Integer(column), Cell::Null) => column.append_null(),
            (Builder::Integer(column), Cell::Int(number)) => column.append_value(number),
            (Builder::Bigint(column), Cell::Null) => column.append_null(),
            (Builder::Bigint(column), Cell::Long(number)) => column.append_value(number),
            (Builder::Boolean(column), Cell::Null) => column.append_null(),
            (Builder::Boolean(column), Cell::Bool(value)) => column.append_value(value),
            (Builder::Blob(column), Cell::Null) => column.append_null(),
            (Builder::Blob(column), Cell::Bytes(bytes)) => column.append_value(bytes),
            (_, cell) => return Err(ArrowError::InvalidArgumentError(format!("{cell:?} does not fit"))),
        }
        Ok(())
    }

    fn finish(self) -> ArrayRef {
        match self {
            Builder::Uuid(mut column) => Arc::new(column.finish()),
            Builder::Varchar(mut column) => Arc::new(column.finish()),
            Builder::Date(mut column) => Arc::new(column.finish()),
            Builder::Timestamp(mut column) => Arc::new(column.finish()),
            Builder::Integer(mut column) => Arc::new(column.finish()),
            Builder::Bigint(mut column) => Arc::new(column.finish()),
            Builder::Boolean(mut column) => Arc::new(column.finish()),
            Builder::Blob(mut column) => Arc::new(column.finish()),
        }
    }
}

/// As a `DATE` column counts.
pub(super) fn days_since_1970(day: NaiveDate) -> i32 {
    let days = day.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).unwrap_or(i32::MAX - 1)
}
