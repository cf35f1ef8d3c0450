//! What the configuration's manual is made of: structs that know their own doc comments. Pure.
//!
//! `settings!` declares a struct of the configuration as it is written, and keeps the doc comment, the name and the kind of
//! each field beside it. `tlsight config example`, the hints for unknown keys and the reading of environment variables all use
//! these, so that no key can be missing in one of them.

use std::path::PathBuf;

use crate::schedule::Cadence;

/// One key of a section.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub name: &'static str,
    /// The lines of the doc comment, as they stand behind `///`.
    pub doc: &'static [&'static str],
    pub kind: Kind,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// Text: an environment variable needs no quotes, even where it looks like a number.
    Text,
    /// Another TOML value, or a list.
    Value,
    /// A section of its own: `[name]`, or `[[name]]` where it may stand several times.
    Section { doc: &'static [&'static str], fields: &'static [Field], repeated: bool },
}

/// A type that a field of the configuration may have.
pub trait Setting {
    const KIND: Kind;
}

impl<T: Setting> Setting for Option<T> {
    const KIND: Kind = T::KIND;
}

impl<T: Setting> Setting for Vec<T> {
    const KIND: Kind = match T::KIND {
        Kind::Section { doc, fields, .. } => Kind::Section { doc, fields, repeated: true },
        Kind::Text | Kind::Value => Kind::Value,
    };
}

/// Says of types how they stand in the configuration.
macro_rules! setting_kinds {
    ($kind:ident: $($name:ty),+ $(,)?) => {
        $(impl $crate::setting::Setting for $name {
            const KIND: $crate::setting::Kind = $crate::setting::Kind::$kind;
        })+
    };
}
pub(crate) use setting_kinds;

setting_kinds!(Text: String, PathBuf, Cadence);
setting_kinds!(Value: bool, u16, u32, u64, usize, f64);

/// Declares one section of the configuration, with what its doc comments say.
macro_rules! settings {
    (
        $(#[doc = $doc:literal])*
        #[derive($($derive:tt)*)]
        #[serde($($serde:tt)*)]
        $vis:vis struct $name:ident {
            $($(#[doc = $field_doc:literal])* $field_vis:vis $field:ident: $kind:ty,)+
        }
    ) => {
        $(#[doc = $doc])*
        #[derive($($derive)*)]
        #[serde($($serde)*)]
        $vis struct $name {
            $($(#[doc = $field_doc])* $field_vis $field: $kind,)+
        }

        impl $crate::setting::Setting for $name {
            const KIND: $crate::setting::Kind = $crate::setting::Kind::Section {
                doc: &[$($doc),*],
                fields: &[$($crate::setting::Field {
                    name: stringify!($field),
                    doc: &[$($field_doc),*],
                    kind: <$kind as $crate::setting::Setting>::KIND,
                }),+],
                repeated: false,
            };
        }
    };
}
pub(crate) use settings;

#[cfg(test)]
mod tests {
    use super::*;

    settings! {
        /// Where to listen, `[listener]`.
        #[derive(Debug, Default, PartialEq, serde::Deserialize)]
        #[serde(default)]
        struct Example {
            /// Address or "off".
            /// Example: "[::]:25"
            listen: String,
            /// Several.
            names: Vec<String>,
            port: Option<u16>,
        }
    }

    #[test]
    fn a_struct_knows_its_doc_comments_and_kinds() {
        let Kind::Section { doc, fields, repeated } = Example::KIND else { panic!("it is a section") };
        assert_eq!((doc, repeated), (&[" Where to listen, `[listener]`."][..], false));
        let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
        assert_eq!(names, ["listen", "names", "port"]);
        assert_eq!(fields[0].doc, [" Address or \"off\".", " Example: \"[::]:25\""]);
        assert!(matches!(fields[0].kind, Kind::Text) && matches!(fields[1].kind, Kind::Value));
        assert!(matches!(<Vec<Example>>::KIND, Kind::Section { repeated: true, .. }));
    }
}
