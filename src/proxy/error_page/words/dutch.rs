//! The texts of all denials in Dutch.

use crate::policy::DenialId;
use crate::proxy::error_page::text::{DenialHint, DenialText, PageLabels};

pub(super) const LABELS: PageLabels = PageLabels {
    steps: "Wat u kunt doen",
    help: "Waar u hulp krijgt",
    reason: "Reden",
    code: "Foutcode",
    request_id: "Verzoeknummer",
};

const TRY_LATER: &str = "Wacht een paar minuten en probeer het opnieuw.";
const TRY_SOON: &str = "Wacht even en probeer het opnieuw.";
const TRY_AGAIN: &str = "Probeer het opnieuw.";
const OTHER_CERTIFICATE: &str = "Hebt u meer dan één certificaat of kaart? Sluit dan alle vensters van de \
    browser of het programma, open het opnieuw en kies de andere.";
const IF_IT_CONTINUES: &str = "Blijft dit gebeuren? Geef dan het verzoeknummer door aan uw helpdesk.";
const OTHERWISE_ASK: &str = "Helpt dat niet? Geef dan het verzoeknummer door aan uw helpdesk.";
const ASK: &str = "Geef het verzoeknummer door aan uw helpdesk.";

pub(super) const fn hint_text(hint: DenialHint) -> &'static str {
    match hint {
        DenialHint::Tls13WithoutPss => {
            "Voor de helpdesk: via TLS 1.3 is om een certificaat gevraagd, en er is geen gestuurd. Kaarten en \
             kaartsoftware die niet met RSA-PSS kunnen ondertekenen, hebben dit gevolg. Ze werken als TLS voor \
             deze site wordt beperkt tot versie 1.2."
        }
        DenialHint::PasswordAccepted => {
            "Zonder kaart kunt u hier inloggen met uw gebruikersnaam en wachtwoord: laad de pagina opnieuw, dan \
             vraagt uw browser erom."
        }
        DenialHint::ProofExpired => {
            "Uw kaart is op deze verbinding al een tijd niet gebruikt en moet opnieuw worden gebruikt."
        }
    }
}

/// The match is exhaustive, so that a new denial does not compile without its text.
pub(super) const fn denial_text(denial: DenialId) -> DenialText {
    match denial {
        DenialId::TlsRequired => DenialText {
            title: "Dit adres vraagt om een beveiligde verbinding",
            explanation: "Het adres is geopend via gewoon http. Anderen op het netwerk kunnen dan meelezen en \
                gegevens wijzigen.",
            steps: &["Open hetzelfde adres opnieuw, maar begin met https://.", IF_IT_CONTINUES],
        },
        DenialId::CertificateRequired => DenialText {
            title: "Uw smartcard is niet gebruikt",
            explanation: "Dit adres is alleen toegankelijk met een smartcard, en uw computer stuurde geen \
                certificaat van een kaart.",
            steps: &[
                "Steek uw smartcard in de lezer en wacht tot de kaart is herkend.",
                "Sluit alle vensters van de browser of het programma, open het opnieuw en probeer het nog eens.",
                "Kies, als daarom wordt gevraagd, het certificaat op uw kaart en voer uw pincode in.",
                IF_IT_CONTINUES,
            ],
        },
        DenialId::CertificateUntrusted => DenialText {
            title: "Uw certificaat wordt hier niet geaccepteerd",
            explanation: "Uw computer stuurde een certificaat, maar deze site vertrouwt de uitgever ervan niet, \
                of het mag niet worden gebruikt om in te loggen.",
            steps: &[OTHER_CERTIFICATE, OTHERWISE_ASK],
        },
        DenialId::CertificateExpired => DenialText {
            title: "Uw certificaat is verlopen",
            explanation: "Het certificaat dat uw computer stuurde, of dat van de uitgever, is niet meer geldig.",
            steps: &[
                "Hebt u een nieuwe kaart of een nieuw certificaat gekregen? Sluit dan alle vensters van de \
                 browser of het programma, open het opnieuw en kies het nieuwe.",
                "Vraag anders uw helpdesk om uw smartcard te vernieuwen.",
            ],
        },
        DenialId::CertificateNotYetValid => DenialText {
            title: "Uw certificaat is nog niet geldig",
            explanation: "Het certificaat dat uw computer stuurde, of dat van de uitgever, wordt pas later \
                geldig.",
            steps: &[
                "Is uw kaart zojuist uitgegeven? Wacht dan een paar minuten en probeer het opnieuw.",
                OTHER_CERTIFICATE,
                OTHERWISE_ASK,
            ],
        },
        DenialId::CertificateRevoked => DenialText {
            title: "Uw certificaat is ingetrokken",
            explanation: "Het certificaat dat uw computer stuurde, of dat van de uitgever, is ingetrokken. Dat gebeurt ook \
                als een kaart wordt vervangen of als verloren is gemeld.",
            steps: &[
                "Hebt u een nieuwe kaart gekregen? Sluit dan alle vensters van de browser of het programma, \
                 open het opnieuw en gebruik de nieuwe kaart.",
                OTHERWISE_ASK,
            ],
        },
        DenialId::RevocationUnknown => DenialText {
            title: "Uw certificaat kan nu niet worden gecontroleerd",
            explanation: "Deze site kon niet nagaan of uw certificaat is ingetrokken, en geeft zonder die \
                controle geen toegang. Met uw kaart is waarschijnlijk niets mis.",
            steps: &[TRY_LATER, IF_IT_CONTINUES],
        },
        DenialId::CertificateNotSufficient => DenialText {
            title: "Uw certificaat is niet bruikbaar voor dit adres",
            explanation: "Uw certificaat is geldig, maar dit adres vraagt om een ander soort certificaat.",
            steps: &[OTHER_CERTIFICATE, OTHERWISE_ASK],
        },
        DenialId::NotMapped => DenialText {
            title: "Uw certificaat is niet aan een account gekoppeld",
            explanation: "Uw certificaat is geldig, maar er is geen gebruikersaccount aan gekoppeld.",
            steps: &[
                OTHER_CERTIFICATE,
                "Vraag anders uw helpdesk om uw smartcard aan uw account te koppelen.",
            ],
        },
        DenialId::MappingAmbiguous => DenialText {
            title: "Uw certificaat is aan meer dan één account gekoppeld",
            explanation: "Uw certificaat is geldig, maar het is aan meerdere gebruikersaccounts gekoppeld, en \
                deze site kan niet bepalen welk account van u is.",
            steps: &["Vraag uw helpdesk om uw smartcard aan één account te koppelen."],
        },
        DenialId::MappingTooWeak => DenialText {
            title: "Uw certificaat is niet stevig genoeg aan uw account gekoppeld",
            explanation: "Uw certificaat is geldig, maar het is alleen met een naam aan uw account gekoppeld. \
                Dit adres vraagt om een koppeling die niet voor een andere persoon kan gelden.",
            steps: &[OTHER_CERTIFICATE, OTHERWISE_ASK],
        },
        DenialId::AccountDisabled => DenialText {
            title: "Uw account kan nu niet worden gebruikt",
            explanation: "Uw account is uitgeschakeld, geblokkeerd of verlopen, of mag op dit tijdstip niet \
                worden gebruikt.",
            steps: &["Vraag uw helpdesk om uw account te controleren."],
        },
        DenialId::AccessDenied => DenialText {
            title: "U hebt geen toegang tot dit adres",
            explanation: "Alleen bepaalde accounts en netwerken hebben toegang tot dit adres. Die van u horen \
                daar niet bij.",
            steps: &[
                "Hebt u toegang nodig? Vraag die dan aan bij uw helpdesk of bij de eigenaar van deze dienst.",
            ],
        },
        DenialId::CredentialsRequired => DenialText {
            title: "U bent niet ingelogd",
            explanation: "Op dit adres moet u inloggen, en uw computer stuurde geen certificaat en geen \
                wachtwoord.",
            steps: &[
                "Steek uw smartcard in de lezer en wacht tot de kaart is herkend.",
                "Sluit alle vensters van de browser of het programma, open het opnieuw en probeer het nog eens.",
                "Kies, als daarom wordt gevraagd, het certificaat op uw kaart en voer uw pincode in.",
                IF_IT_CONTINUES,
            ],
        },
        DenialId::PathNotFound => DenialText {
            title: "Dit adres bestaat niet",
            explanation: "Deze site heeft geen pagina of dienst op het gevraagde adres.",
            steps: &[
                "Controleer of het adres goed is geschreven.",
                "Kwam u hier via een link? Laat het dan weten aan degene van wie u die kreeg.",
            ],
        },
        DenialId::InvalidPath => DenialText {
            title: "Dit adres is niet geldig",
            explanation: "Het adres bevat tekens, of heeft een vorm, die deze site niet accepteert.",
            steps: &[
                "Controleer of het adres goed is geschreven.",
                "Kwam u hier via een link? Laat het dan weten aan degene van wie u die kreeg.",
            ],
        },
        DenialId::MethodNotAllowed => DenialText {
            title: "Dit adres accepteert zo’n verzoek niet",
            explanation: "Het adres bestaat, maar het ondersteunt niet wat uw browser of programma probeerde te \
                doen.",
            steps: &["Gebruik het programma waarvoor het adres bedoeld is.", IF_IT_CONTINUES],
        },
        DenialId::MisdirectedRequest => DenialText {
            title: "Deze verbinding is niet bruikbaar voor het adres",
            explanation: "Uw browser of programma gebruikte een verbinding die voor een ander adres, of te lang \
                geleden, is geopend.",
            steps: &[
                TRY_AGAIN,
                "Helpt dat niet? Sluit dan alle vensters van de browser of het programma, open het opnieuw en \
                 probeer het nog eens.",
            ],
        },
        DenialId::Http11Required => DenialText {
            title: "Dit adres is niet bruikbaar over HTTP/2",
            explanation: "Inloggen op dit adres vereist HTTP/1.1, en uw browser of programma gebruikte HTTP/2.",
            steps: &[TRY_AGAIN, IF_IT_CONTINUES],
        },
        DenialId::IdentityConflict => DenialText {
            title: "Uw certificaat spreekt zichzelf tegen",
            explanation: "Uw certificaat noemt meer dan één persoon of account, en deze site kan niet bepalen \
                wie u bent.",
            steps: &[OTHER_CERTIFICATE, "Vraag anders uw helpdesk om een nieuw certificaat."],
        },
        DenialId::InvalidPassword => DenialText {
            title: "De gebruikersnaam of het wachtwoord is niet geaccepteerd",
            explanation: "Ze horen niet bij elkaar, of het account kan nu niet worden gebruikt.",
            steps: &[
                "Controleer de gebruikersnaam, de taal van het toetsenbord en Caps Lock en probeer het opnieuw. \
                 Na te veel pogingen kan het account worden geblokkeerd.",
                OTHERWISE_ASK,
            ],
        },
        DenialId::CrossSiteRequest => DenialText {
            title: "Een andere website probeerde uw aanmelding te gebruiken",
            explanation: "Een pagina van een andere website stuurde dit verzoek namens u. Het verzoek is \
                tegengehouden.",
            steps: &[
                "Wilt u naar dit adres? Typ het dan in de adresbalk of gebruik uw eigen bladwijzer.",
                "Wilde u juist vanaf die pagina hierheen? Geef dan het verzoeknummer door aan uw helpdesk.",
            ],
        },
        DenialId::MalformedRequest => DenialText {
            title: "Het verzoek is beschadigd",
            explanation: "Het verzoek is niet geschreven zoals het hoort, en is daarom niet verwerkt.",
            steps: &[TRY_AGAIN, IF_IT_CONTINUES],
        },
        DenialId::RequestTimeout => DenialText {
            title: "Het verzoek kwam te langzaam binnen",
            explanation: "Uw computer stuurde het verzoek niet op tijd volledig; het is daarom niet verwerkt.",
            steps: &["Controleer uw netwerkverbinding en probeer het opnieuw.", IF_IT_CONTINUES],
        },
        DenialId::BodyTooLarge => DenialText {
            title: "Het verzoek is te groot",
            explanation: "Uw browser of programma stuurde meer gegevens dan dit adres accepteert.",
            steps: &["Probeer het opnieuw met een kleiner document.", IF_IT_CONTINUES],
        },
        DenialId::LoginThrottled => DenialText {
            title: "Te veel mislukte pogingen om in te loggen",
            explanation: "Voor uw account, of vanaf uw computer of netwerk, zijn te veel verkeerde wachtwoorden \
                gestuurd. Er worden nu tijdelijk geen wachtwoorden gecontroleerd.",
            steps: &["Wacht een kwartier en probeer het opnieuw.", IF_IT_CONTINUES],
        },
        DenialId::RateLimited => DenialText {
            title: "Te veel verzoeken",
            explanation: "Van uw computer, netwerk of account kwamen in korte tijd meer verzoeken dan deze site \
                accepteert.",
            steps: &[TRY_SOON, IF_IT_CONTINUES],
        },
        DenialId::HeadersTooLarge => DenialText {
            title: "Het verzoek bevat te veel extra gegevens",
            explanation: "De gegevens die uw browser met elk verzoek meestuurt, zoals cookies, zijn groter dan \
                deze site accepteert.",
            steps: &[
                "Verwijder in uw browser de cookies van deze site en probeer het opnieuw.",
                IF_IT_CONTINUES,
            ],
        },
        DenialId::DirectoryUnavailable => DenialText {
            title: "Inloggen is nu niet mogelijk",
            explanation: "Het systeem dat de gebruikersaccounts beheert, reageert niet, en zonder dat systeem \
                kan deze site geen toegang geven.",
            steps: &[TRY_LATER, IF_IT_CONTINUES],
        },
        DenialId::ValidationTimeout => DenialText {
            title: "Het inloggen duurde te lang",
            explanation: "Uw certificaat of wachtwoord kon niet op tijd worden gecontroleerd. Er is \
                waarschijnlijk niets mis mee.",
            steps: &[TRY_LATER, IF_IT_CONTINUES],
        },
        DenialId::Overloaded => DenialText {
            title: "Er loggen nu te veel mensen tegelijk in",
            explanation: "Uw certificaat of wachtwoord kon nog niet worden gecontroleerd, omdat er veel andere \
                aan de beurt zijn.",
            steps: &[TRY_SOON, IF_IT_CONTINUES],
        },
        DenialId::BackendBusy => DenialText {
            title: "De dienst is bezet",
            explanation: "De dienst op dit adres kan er nu geen verzoeken meer bij hebben. Uw verzoek is niet \
                verwerkt.",
            steps: &[TRY_SOON, IF_IT_CONTINUES],
        },
        DenialId::AuditUnavailable => DenialText {
            title: "De dienst is onderbroken",
            explanation: "Deze site moet elk verzoek vastleggen en kan dat nu niet. Zolang dat zo is, \
                accepteert zij geen verzoeken.",
            steps: &[TRY_LATER, IF_IT_CONTINUES],
        },
        DenialId::BackendUnreachable => DenialText {
            title: "De dienst is niet bereikbaar",
            explanation: "De dienst op dit adres is nu niet bereikbaar. Met uw kaart is niets mis.",
            steps: &[TRY_LATER, IF_IT_CONTINUES],
        },
        DenialId::BackendTimeout => DenialText {
            title: "De dienst antwoordde niet op tijd",
            explanation: "Uw verzoek is doorgegeven, maar er kwam geen antwoord. Het kan toch zijn verwerkt.",
            steps: &["Ga na of uw verzoek is verwerkt, voordat u het opnieuw probeert.", IF_IT_CONTINUES],
        },
        DenialId::DelegationFailed => DenialText {
            title: "U kon niet bij de dienst worden aangemeld",
            explanation: "Deze site heeft u herkend, maar kon u niet aanmelden bij de dienst op dit adres.",
            steps: &[TRY_LATER, IF_IT_CONTINUES],
        },
        DenialId::BackendRejectedIdentity => DenialText {
            title: "De dienst accepteerde uw aanmelding niet",
            explanation: "Deze site heeft u herkend, maar de dienst op dit adres accepteerde uw account niet.",
            steps: &[ASK],
        },
        DenialId::BackendRenegotiation => DenialText {
            title: "De dienst vroeg zelf om uw kaart",
            explanation: "De dienst op dit adres probeerde uw certificaat te controleren op een manier die deze \
                site niet ondersteunt. De instellingen van de dienst moeten worden aangepast. Met uw kaart is \
                niets mis.",
            steps: &[ASK],
        },
        DenialId::ClientDisconnected => DenialText {
            title: "Het verzoek is afgebroken",
            explanation: "De verbinding is gesloten voordat het antwoord compleet was.",
            steps: &["Was dat niet de bedoeling? Probeer het dan opnieuw."],
        },
    }
}
