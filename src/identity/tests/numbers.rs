//! Mapping by EDIPI, FASC-N, UUID and UZI numbers.

use super::*;

fn number(chain: &UnrevokedChain, mapper: Mapper) -> Result<Account, MappingError> {
    mapped(chain, &rule(&[mapper]))
}

/// Issues a certificate with an otherName of this type and value. rcgen writes UTF8String only, so the extension is
/// encoded here.
fn other_name_card(kind: &[u8], value: &[u8]) -> UnrevokedChain {
    let explicit = element(0xa0, value);
    let name = element(0xa0, &[element(6, kind), explicit].concat());
    let names = element(0x30, &name);
    card_with(|params| {
        params.custom_extensions = vec![CustomExtension::from_oid_content(&[2, 5, 29, 17], names)];
    })
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    [&[tag, u8::try_from(content.len()).unwrap()], content].concat()
}

const FASC_N: [u8; 9] = [0x60, 0x86, 0x48, 1, 0x65, 3, 6, 6, 0];
const UZI: [u8; 3] = [0x55, 5, 5];

#[test]
fn an_edipi_is_read_from_a_upn_of_ten_or_sixteen_digits_or_the_end_of_the_common_name() {
    let cases = [
        ("DOE.JANE.Q.1234567890", vec![upn("1234567890@corp.example")], Some("1234567890")),
        ("DOE.JANE.Q.1234567890", vec![upn("1234567890117004@corp.example")], Some("1234567890")),
        ("Jane Doe", vec![upn("1234567890117004@corp.example")], Some("1234567890")),
        ("DOE.JANE.Q.1234567890", vec![], Some("1234567890")),
        // Neither a suffix that the issuer may not write nor another number of digits counts.
        ("Jane Doe", vec![upn("1234567890@other.example")], None),
        ("Jane Doe", vec![upn("123456789012@corp.example")], None),
        ("DOE.JANE.Q.12345", vec![], None),
        ("1234567890", vec![], None),
    ];
    for (name, names, expected) in cases {
        let chain = card(name, names);
        assert_eq!(number(&chain, Mapper::Edipi).ok().map(|account| account.user).as_deref(), expected);
    }
    let chain = card("DOE.JANE.Q.1234567890", vec![upn("1234567891@corp.example")]);
    let conflict = number(&chain, Mapper::Edipi);
    assert!(
        matches!(conflict, Err(MappingError::Conflict { why: IdentityConflict::Numbers(Mapper::Edipi, _) })),
        "{conflict:?}"
    );
}

/// Encodes the characters of a FASC-N, including the check character, as 25 bytes.
fn fasc_n(characters: &[u8; 40]) -> Vec<u8> {
    let bits: Vec<u8> = characters
        .iter()
        .flat_map(|value| {
            let bits: Vec<u8> = (0..4).map(|bit| value >> bit & 1).collect();
            let parity = 1 - bits.iter().sum::<u8>() % 2;
            [bits, vec![parity]].concat()
        })
        .collect();
    bits.chunks(8).map(|byte| byte.iter().fold(0, |value, bit| value << 1 | bit)).collect()
}

const S: u8 = 0xd;
const EXAMPLE: [u8; 40] = [
    0xb, 0, 0, 3, 2, S, 0, 0, 0, 1, S, 0, 9, 2, 4, 4, 6, S, 0, S, 1, S, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 1, 1,
    2, 2, 3, 1, 0xf, 1,
];

#[test]
fn a_fasc_n_has_a_hexadecimal_and_a_decimal_notation() {
    let octets = fasc_n(&EXAMPLE);
    assert_eq!(octets.len(), 25);
    let chain = other_name_card(&FASC_N[..8], &element(4, &octets));
    let account = number(&chain, Mapper::FascN).unwrap();
    let hexadecimal: String = octets.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!((account.user, account.strength), (hexadecimal.clone(), MappingStrength::Weak));
    let step = mapping(&chain, &rule(&[Mapper::FascN])).steps.remove(0);
    assert_eq!(step.values, [hexadecimal, "00320001092446011112223333112231".to_owned()]);
    // With a wrong parity bit there is only the hexadecimal notation.
    let mut odd = octets;
    odd[3] ^= 1;
    let chain = other_name_card(&FASC_N[..8], &element(4, &odd));
    assert_eq!(mapping(&chain, &rule(&[Mapper::FascN])).steps[0].values.len(), 1);
    let short = other_name_card(&FASC_N[..8], &element(4, &odd[1..]));
    assert!(matches!(
        number(&short, Mapper::FascN),
        Err(MappingError::NotMapped { why: NotMappedReason::MalformedNumber { mapper: Mapper::FascN } })
    ));
}

#[test]
fn a_uzi_number_is_the_third_part_of_its_other_name() {
    let text = b"2.16.528.1.1003.1.3.5.5.2-1-900012345-Z-90000111-01.015-00000000";
    let chain = other_name_card(&UZI[1..], &element(0x16, text));
    assert!(number(&chain, Mapper::Uzi).is_err(), "2.5.5 is not 2.5.5.5");
    let chain = other_name_card(&[0x55, 5, 5], &element(0x16, text));
    assert_eq!(number(&chain, Mapper::Uzi).unwrap().user, "900012345");
    for odd in [&b"1-2-3"[..], b"a-1-x-Z-9-01-0", b"a-1--Z-9-01-0"] {
        let chain = other_name_card(&[0x55, 5, 5], &element(0x16, odd));
        assert!(matches!(
            number(&chain, Mapper::Uzi),
            Err(MappingError::NotMapped { why: NotMappedReason::MalformedNumber { mapper: Mapper::Uzi } })
        ));
    }
}

#[test]
fn a_uuid_is_converted_to_lower_case_and_must_be_complete() {
    let uuid = "F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6";
    let chain = card("Alice", vec![uri(&format!("URN:uuid:{uuid}")), uri("https://corp.example/alice")]);
    assert_eq!(number(&chain, Mapper::Uuid).unwrap().user, uuid.to_lowercase());
    for odd in ["urn:uuid:f81d4fae", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bfx"] {
        let refused = number(&card("Alice", vec![uri(odd)]), Mapper::Uuid);
        assert!(matches!(
            refused,
            Err(MappingError::NotMapped { why: NotMappedReason::MalformedNumber { mapper: Mapper::Uuid } })
        ));
    }
}
