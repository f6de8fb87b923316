//! Names that mean something in a filter name nobody but who is called so.

use super::{directories, upn, who};
use crate::support::PeopleDirectory;
use portcullis::directory::{DirectoryError, LoginName, LookupKeys, UnusableLookupKeys};

const HOSTILE: [&str; 19] = [
    "*",
    "alice*",
    "al*ce@corp.example",
    "*)(objectClass=*",
    "*)(objectClass=*)(userPrincipalName=*",
    "alice@corp.example)(cn=*",
    "alice@corp.example)(|(objectClass=*",
    "x)(|(objectClass=*)",
    "alice@corp.example\0",
    "alice\0@corp.example",
    r"\2a",
    r"alice\40corp.example",
    r"\",
    "(",
    ")",
    "&(objectClass=*)",
    "|",
    "!",
    // A Cyrillic letter that looks like an a.
    "\u{430}lice@corp.example",
];

#[tokio::test]
async fn no_value_is_read_as_more_than_a_value() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    for text in HOSTILE {
        let value = vec![text.to_owned()];
        let names = [
            upn(text),
            LookupKeys { emails: value.clone(), ..LookupKeys::default() },
            LookupKeys { alt_security_identities: value.clone(), ..LookupKeys::default() },
            LookupKeys { account_names: value, ..LookupKeys::default() },
            LookupKeys {
                attributes: vec![("employeeNumber".to_owned(), text.to_owned())],
                ..LookupKeys::default()
            },
        ];
        for names in names {
            assert_eq!(who(&directories.look_up(&names).await.unwrap()), [""; 0], "{names:?}");
        }
        for login in [LoginName::Upn(text.to_owned()), LoginName::Name(text.to_owned())] {
            assert_eq!(who(&directories.by_login(&login).await.unwrap()), [""; 0], "{login:?}");
        }
    }
}

#[tokio::test]
async fn an_account_with_such_a_name_is_found_and_no_other() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    assert_eq!(who(&directories.look_up(&upn("star*@corp.example")).await.unwrap()), ["star*"]);
}

#[tokio::test]
async fn an_attribute_that_is_no_name_is_refused_before_anybody_is_asked() {
    let Some(directory) = PeopleDirectory::start().await else { return };
    let directories = directories(directory.settings());
    let attribute = "cn=*)(uid";
    let names =
        LookupKeys { attributes: vec![(attribute.to_owned(), "x".to_owned())], ..LookupKeys::default() };
    let refused = directories.look_up(&names).await.unwrap_err();
    let DirectoryError::UnusableLookupKeys(UnusableLookupKeys::Attribute(told)) = refused else {
        panic!("{refused}")
    };
    assert_eq!(told, attribute);
    let many = LookupKeys { upns: vec!["a@b".to_owned(); 65], ..LookupKeys::default() };
    let refused = directories.look_up(&many).await.unwrap_err();
    assert!(matches!(
        refused,
        DirectoryError::UnusableLookupKeys(UnusableLookupKeys::TooMany { count: 65, limit: 64 })
    ));
    assert_eq!(directory.questions("BIND dn="), [""; 0]);
}
