//! The declaration of a table of proxy.toml: every key once, with its type, default and documentation.

/// Declares a table. Each key has its documentation, its name, the version in which it appeared unless that is the first,
/// the type of its value, and the [`KeyField`](super::KeyField) that reads it. `with head` adds the place of the table.
/// `checked by` names a method that runs after all keys are read.
///
/// The struct with the values and their places, the function that reads it, the tables of the reference and the JSON
/// Schema come from this one declaration, so that they cannot differ.
///
/// ```text
/// section! {
///     /// `[demo]`
///     struct DemoSection with head checked by check {
///         /// The time for one request.
///         timeout: Spanned<Duration> = duration("1s", "1m").or("5s"),
///         /// Whether the certificate of the server is not verified.
///         unsafe_skip_verification since "0.2.0": Spanned<bool> = boolean().or(false).warn_if_true("…"),
///     }
/// }
/// ```
macro_rules! section {
    (
        $(#[doc = $about:literal])*
        struct $name:ident $(with $head:ident)? $(checked by $check:ident)? {
            $( $(#[doc = $doc:literal])+ $key:ident $(since $since:literal)? : $type:ty = $field:expr, )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        pub(crate) struct $name {
            $(
                /// The place of the table, and its written keys.
                pub(crate) $head: $crate::config::parse::TableHead,
            )?
            $( $(#[doc = $doc])+ pub(crate) $key: $type, )*
        }

        impl $crate::config::parse::TableSchema for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($key)),*];

            fn keys() -> Vec<$crate::config::parse::KeyInfo> {
                use $crate::config::parse::{FIRST_VERSION, KeyField};
                vec![$(KeyField::<$type>::info(
                    &$field,
                    stringify!($key),
                    concat!($($doc),+),
                    [$($since,)? FIRST_VERSION].first().copied().unwrap_or_default(),
                )),*]
            }

            fn read(reader: &mut $crate::config::parse::TableReader<'_>) -> Option<Self> {
                use $crate::config::parse::KeyField;
                $( let $key = KeyField::<$type>::read(&$field, stringify!($key), reader); )*
                let section = Self { $( $head: reader.head(), )? $( $key: $key?, )* };
                $( let mut section = section; section.$check(reader); )?
                Some(section)
            }
        }
    };
}
pub(crate) use section;
