//! Takes distinguished names as directories write them (RFC 4514), says which lies below which and what the first part's
//! value is. Two spellings of one name that differ in their escapes count as two names.

/// The parts of a name, the nearest first, as they are written but for blanks around them.
fn parts(dn: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut escaped = false;
    for (at, letter) in dn.char_indices() {
        if letter == ',' && !escaped {
            parts.extend(dn.get(start..at));
            start = at + 1;
        }
        escaped = letter == '\\' && !escaped;
    }
    parts.extend(dn.get(start..));
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Whether the entry is `base` or below it. Case does not matter: in names of entries it does not in any directory that
/// keeps people.
pub(super) fn is_within(dn: &str, base: &str) -> bool {
    let (dn, base) = (parts(dn), parts(base));
    let Some(above) = dn.len().checked_sub(base.len()) else { return false };
    dn.iter().skip(above).zip(&base).all(|(one, other)| same(one, other))
}

/// How many parts the name has: of two bases that an entry is within, the longer one is nearer.
pub(super) fn depth(dn: &str) -> usize {
    parts(dn).len()
}

/// `DC=corp,DC=example` of a name that ends so: its domain (RFC 2247).
pub(super) fn domain(dn: &str) -> String {
    let parts = parts(dn);
    let components = parts.iter().rev().take_while(|part| is_component(part)).count();
    parts.get(parts.len() - components..).unwrap_or_default().join(",").to_lowercase()
}

fn is_component(part: &str) -> bool {
    part.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("dc="))
}

fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The value of the first part, `RMS-Users` of `CN=RMS-Users,OU=Staff`, its escapes resolved (RFC 4514 2.4). `None`
/// where it is no text, or the part has several values.
pub(super) fn first_value(dn: &str) -> Option<String> {
    let (_, value) = parts(dn).first()?.split_once('=')?;
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => {
                let first = rest.next()?;
                match char::from(first).to_digit(16) {
                    Some(high) => {
                        let low = rest.next().and_then(|low| char::from(low).to_digit(16))?;
                        bytes.push(u8::try_from(high << 4 | low).ok()?);
                    }
                    None => bytes.push(first),
                }
            }
            b'+' => return None,
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "OU=Staff,DC=corp,DC=example";

    #[test]
    fn an_entry_is_within_itself_and_whatever_it_ends_in() {
        for dn in [BASE, "ou=staff, dc=Corp,dc=example", r"CN=Doe\, Jane,OU=Staff,DC=corp,DC=example"] {
            assert!(is_within(dn, BASE), "{dn}");
        }
        assert!(is_within(BASE, ""));
    }

    #[test]
    fn an_entry_is_not_within_what_only_looks_like_its_end() {
        let others = [
            "DC=corp,DC=example",
            "OU=OtherStaff,DC=corp,DC=example",
            "CN=alice,OU=Staff,DC=corp,DC=example,DC=org",
            r"CN=a\,OU=Staff,DC=corp,DC=example",
            "",
        ];
        for other in others {
            assert!(!is_within(other, BASE), "{other}");
        }
    }

    #[test]
    fn the_domain_is_what_a_name_ends_in() {
        assert_eq!(domain("CN=alice,DC=lab,OU=Staff,DC=Corp,DC=example"), "dc=corp,dc=example");
        assert_eq!(domain("O=Corp Example"), "");
    }

    #[test]
    fn the_first_value_is_read_without_its_escapes() {
        let cases = [
            ("CN=RMS-Users,OU=Staff", Some("RMS-Users")),
            (r"cn=Sales\, North,ou=x", Some("Sales, North")),
            (r"cn=caf\C3\A9", Some("caf\u{e9}")),
            (r"cn=a\\,ou=x", Some(r"a\")),
            (r"cn=\23x", Some("#x")),
            ("cn=a+sn=b,ou=x", None),
            (r"cn=\FF", None),
            (r"cn=\4", None),
            ("cn=", None),
            ("", None),
        ];
        for (dn, value) in cases {
            assert_eq!(first_value(dn).as_deref(), value, "{dn}");
        }
    }
}
