//! Composed and parsed filters.

use super::*;
use proptest::prelude::*;

/// Encodes an element of less than 256 bytes as the client does.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, 0x84, 0, 0, 0, u8::try_from(content.len()).unwrap()], content].concat()
}

fn octets(text: &str) -> Vec<u8> {
    element(4, text.as_bytes())
}

fn parsed(text: &str) -> Vec<u8> {
    SearchFilter::parse(text).unwrap().encoded
}

#[test]
fn a_value_is_escaped_in_the_text() {
    let cases = [
        ("alice@corp.example", "(upn=alice@corp.example)"),
        ("*)(objectClass=*", r"(upn=\2a\29\28objectClass=\2a)"),
        ("*", r"(upn=\2a)"),
        ("a\0b", r"(upn=a\00b)"),
        (r"\2a", r"(upn=\5c2a)"),
        ("é\u{202e}", r"(upn=\c3\a9\e2\80\ae)"),
        (" a|!&b ", r"(upn= a\7c\21\26b )"),
        ("X509:<I>DC=corp,CN=CA<SR>12", "(upn=X509:<I>DC=corp,CN=CA<SR>12)"),
        ("", "(upn=)"),
    ];
    for (value, text) in cases {
        assert_eq!(SearchFilter::equals("upn", value).as_str(), text);
    }
}

#[test]
fn filters_are_combined() {
    let two = || [SearchFilter::equals("a", "1"), SearchFilter::present("b")];
    assert_eq!(SearchFilter::all(two()).as_str(), "(&(a=1)(b=*))");
    assert_eq!(SearchFilter::any(two()).unwrap().as_str(), "(|(a=1)(b=*))");
    assert_eq!(SearchFilter::any([]), None);
}

/// RFC 4511 4.5.1.7 and RFC 4515 4, encoded by hand.
#[test]
fn each_kind_of_filter_has_its_encoding() {
    let equality = element(0xa3, &[octets("a"), octets("1")].concat());
    let present = element(0x87, b"b");
    assert_eq!(parsed("(a=1)"), equality);
    assert_eq!(parsed("(b=*)"), present);
    assert_eq!(parsed("(&(a=1)(b=*))"), element(0xa0, &[equality.clone(), present.clone()].concat()));
    assert_eq!(parsed("(|(a=1)(b=*))"), element(0xa1, &[equality.clone(), present].concat()));
    assert_eq!(parsed("(!(a=1))"), element(0xa2, &equality));
    assert_eq!(parsed("(a>=1)"), element(0xa5, &[octets("a"), octets("1")].concat()));
    assert_eq!(parsed("(a<=1)"), element(0xa6, &[octets("a"), octets("1")].concat()));
    assert_eq!(parsed("(a~=1)"), element(0xa8, &[octets("a"), octets("1")].concat()));
    let substrings = |parts: &[u8]| element(0xa4, &[octets("cn"), element(0x30, parts)].concat());
    let part = |tag, text: &str| element(tag, text.as_bytes());
    assert_eq!(
        parsed("(cn=univ*of*mich*n)"),
        substrings(&[part(0x80, "univ"), part(0x81, "of"), part(0x81, "mich"), part(0x82, "n")].concat())
    );
    assert_eq!(parsed("(cn=a*)"), substrings(&part(0x80, "a")));
    assert_eq!(parsed("(cn=*a)"), substrings(&part(0x82, "a")));
    assert_eq!(parsed("(cn=*a*)"), substrings(&part(0x81, "a")));
    let extensible = |fields: &[Vec<u8>]| element(0xa9, &fields.concat());
    let (rule, attribute) = (part(0x81, "caseExactMatch"), part(0x82, "cn"));
    let (value, dn) = (part(0x83, "Fred"), vec![0x84, 1, 0xff]);
    assert_eq!(
        parsed("(cn:caseExactMatch:=Fred)"),
        extensible(&[rule.clone(), attribute.clone(), value.clone()])
    );
    assert_eq!(parsed("(cn:=Fred)"), extensible(&[attribute.clone(), value.clone()]));
    assert_eq!(
        parsed("(cn:dn:caseExactMatch:=Fred)"),
        extensible(&[rule.clone(), attribute.clone(), value.clone(), dn.clone()])
    );
    assert_eq!(parsed("(cn:dn:=Fred)"), extensible(&[attribute, value.clone(), dn.clone()]));
    assert_eq!(parsed("(:DN:caseExactMatch:=Fred)"), extensible(&[rule, value, dn]));
    assert_eq!(
        parsed("(member:1.2.840.113556.1.4.1941:=cn=x)"),
        extensible(&[part(0x81, "1.2.840.113556.1.4.1941"), part(0x82, "member"), part(0x83, "cn=x")])
    );
}

#[test]
fn the_examples_of_rfc_4515_are_parsed() {
    let value = |text| parsed(&format!("(o={text})"));
    assert_eq!(value(r"Parens R Us \28for all your parenthetical needs\29"), {
        element(0xa3, &[octets("o"), octets("Parens R Us (for all your parenthetical needs)")].concat())
    });
    assert_eq!(value(r"\04\02\48\69"), element(0xa3, &[octets("o"), octets("\u{4}\u{2}Hi")].concat()));
    assert_eq!(value("Lučić"), value(r"Lu\c4\8di\c4\87"));
    assert_eq!(value("a=b"), element(0xa3, &[octets("o"), octets("a=b")].concat()));
    assert_eq!(value(""), element(0xa3, &[octets("o"), octets("")].concat()));
    assert_eq!(
        parsed("(1.3.6.1.4.1.1466.0;binary=x)"),
        element(0xa3, &[octets("1.3.6.1.4.1.1466.0;binary"), octets("x")].concat())
    );
}

#[test]
fn text_that_is_not_exactly_one_filter_is_rejected() {
    for wrong in [
        "",
        "()",
        "(a)",
        "(=x)",
        "objectClass=person",
        "(a=1",
        "(a=1)(b=2)",
        "(a=1))",
        " (a=1)",
        "(a=1) ",
        "((a=1))",
        "(a=\\zz)",
        "(a=\\2)",
        "(a=(b))",
        "(a=b\0)",
        "(a b=1)",
        "(a;=1)",
        "(1..2=1)",
        "(a=b**c)",
        "(a>=*)",
        "(!(a=1)(b=2))",
        "(!)",
        "(&(a=1)",
        "(:=x)",
        "(:dn:=x)",
        "(a:dn:b:c:=x)",
        "(a:rule one:=x)",
    ] {
        assert_eq!(SearchFilter::parse(wrong), Err(SearchFilterError(wrong.to_owned())));
    }
}

#[test]
fn filters_nest_up_to_a_limit() {
    let nested = |levels: usize| format!("{}(a=1){}", "(!".repeat(levels), ")".repeat(levels));
    assert!(SearchFilter::parse(&nested(31)).is_ok());
    assert!(SearchFilter::parse(&nested(32)).is_err());
    assert!(SearchFilter::parse(&nested(100_000)).is_err());
}

#[test]
fn an_attribute_name_contains_no_syntax_of_filters() {
    assert_eq!(AttributeName::parse("msDS-User").unwrap().as_str(), "msDS-User");
    for wrong in ["", "1.2.3", "a b", "a)", "a;binary", "a=*", "-a", "ä", "*", "+"] {
        assert_eq!(AttributeName::parse(wrong), Err(AttributeNameError(wrong.to_owned())));
    }
}

proptest! {
    #[test]
    fn the_text_of_a_composed_filter_is_parsed_to_the_same_filter(
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 1..4)
    ) {
        let equal = || values.iter().map(|value| SearchFilter::equals("upn", value));
        let filters = [
            SearchFilter::all(equal()),
            SearchFilter::any(equal()).unwrap(),
            SearchFilter::all(equal().chain([SearchFilter::present("objectClass")])),
        ];
        for filter in filters {
            prop_assert_eq!(SearchFilter::parse(filter.as_str()), Ok(filter));
        }
    }

    #[test]
    fn a_value_is_encoded_byte_for_byte(value in prop::collection::vec(any::<u8>(), 0..60)) {
        let expected = element(0xa3, &[octets("upn"), element(4, &value)].concat());
        prop_assert_eq!(SearchFilter::equals("upn", &value).encoded, expected);
    }

    #[test]
    fn no_text_causes_a_panic(text in "[()&|!=*~<>:;a-z0-9.\\\\ -]{0,60}|\\PC{0,40}") {
        drop(SearchFilter::parse(&text));
    }
}
