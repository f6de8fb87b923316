//! The texts of every denial in Dutch.

use crate::policy::DenialId;
use crate::proxy::error_page::text::{Hint, Labels, Words};

pub(super) const LABELS: Labels = Labels {
    steps: "Wat u kunt doen",
    help: "Wie u kan helpen",
    reason: "Reden",
    code: "Foutcode",
    request_id: "Verzoeknummer",
};

const TRY_LATER: &str = "Wacht een paar minuten en probeer het opnieuw.";
const TRY_AGAIN: &str = "Probeer het opnieuw.";
const OTHER_CERTIFICATE: &str = "Hebt u meer dan één certificaat of kaart? Sluit dan alle vensters van de browser of \
    het programma, open het opnieuw en kies de andere.";
const IF_IT_LASTS: &str = "Blijft dit gebeuren? Geef dan het verzoeknummer door aan uw helpdesk.";
const ASK: &str = "Helpt dat niet? Geef dan het verzoeknummer door aan uw helpdesk.";
const TELL: &str = "Geef het verzoeknummer door aan uw helpdesk.";

pub(super) const fn hint(hint: Hint) -> &'static str {
    match hint {
        Hint::Tls13WithoutPss => {
            "Voor de helpdesk: de computer is om een certificaat gevraagd en stuurde er geen, via TLS 1.3. Kaarten en \
             kaartsoftware die niet met RSA-PSS kunnen ondertekenen, zwijgen dan; wordt deze site beperkt tot TLS 1.2, \
             dan werken ze wel."
        }
        Hint::PasswordTaken => {
            "Zonder kaart kunt u hier inloggen met uw gebruikersnaam en wachtwoord: laad de pagina opnieuw, dan vraagt \
             uw browser erom."
        }
        Hint::CardProofEnded => {
            "Uw kaart is op deze verbinding al een tijd niet gebruikt en moet daarom opnieuw worden gebruikt."
        }
    }
}

/// Arm by arm, so that a new denial does not compile without its words.
pub(super) const fn words(denial: DenialId) -> Words {
    match denial {
        DenialId::TlsRequired => Words {
            title: "Dit adres vraagt om een beveiligde verbinding",
            what: "Het adres is geopend via gewoon http. Iedereen onderweg kan dan meelezen en gegevens wijzigen.",
            steps: &["Open hetzelfde adres opnieuw, maar begin met https://.", IF_IT_LASTS],
        },
        DenialId::CertificateRequired => Words {
            title: "Uw smartcard is niet aangeboden",
            what: "Dit adres is alleen toegankelijk met een smartcard, en uw computer stuurde geen certificaat van een \
                kaart.",
            steps: &[
                "Steek uw smartcard in de lezer en wacht tot die de kaart heeft herkend.",
                "Sluit alle vensters van de browser of het programma, open het opnieuw en probeer het nog eens.",
                "Kies, als daarom wordt gevraagd, het certificaat op uw kaart en voer uw pincode in.",
                IF_IT_LASTS,
            ],
        },
        DenialId::CertificateUntrusted => Words {
            title: "Uw certificaat wordt hier niet vertrouwd",
            what: "Uw computer stuurde een certificaat, maar het komt niet van een uitgever die deze site vertrouwt, of \
                het mag niet worden gebruikt om in te loggen.",
            steps: &[OTHER_CERTIFICATE, ASK],
        },
        DenialId::CertificateExpired => Words {
            title: "Uw certificaat is verlopen",
            what: "Het certificaat dat uw computer stuurde, of dat van de uitgever, is niet meer geldig.",
            steps: &[
                "Hebt u een nieuwe kaart of een nieuw certificaat gekregen? Sluit dan alle vensters van de browser of \
                 het programma, open het opnieuw en kies het nieuwe.",
                "Vraag anders uw helpdesk om uw smartcard te vernieuwen.",
            ],
        },
        DenialId::CertificateNotYetValid => Words {
            title: "Uw certificaat is nog niet geldig",
            what: "Het certificaat dat uw computer stuurde, of dat van de uitgever, wordt pas later geldig.",
            steps: &[
                "Is uw kaart zojuist uitgegeven? Wacht dan een paar minuten en probeer het opnieuw.",
                OTHER_CERTIFICATE,
                ASK,
            ],
        },
        DenialId::CertificateRevoked => Words {
            title: "Uw certificaat is ingetrokken",
            what: "De uitgever heeft verklaard dat dit certificaat, of een certificaat erboven, niet meer te vertrouwen \
                is. Dat gebeurt ook als een kaart wordt vervangen of als verloren is gemeld.",
            steps: &[
                "Hebt u een nieuwe kaart gekregen? Sluit dan alle vensters van de browser of het programma, open het \
                 opnieuw en gebruik de nieuwe kaart.",
                ASK,
            ],
        },
        DenialId::RevocationUnknown => Words {
            title: "Uw certificaat kan nu niet worden gecontroleerd",
            what: "Deze site kon niet nagaan of uw certificaat nog van kracht is, en laat niemand binnen zonder dat te \
                weten. Met uw kaart is waarschijnlijk niets mis.",
            steps: &[TRY_LATER, IF_IT_LASTS],
        },
        DenialId::CertificateNotSufficient => Words {
            title: "Dit certificaat is niet voldoende voor dit adres",
            what: "Uw certificaat is geldig, maar dit adres vraagt om een ander soort certificaat.",
            steps: &[OTHER_CERTIFICATE, ASK],
        },
        DenialId::NotMapped => Words {
            title: "Bij uw certificaat hoort geen account",
            what: "Uw certificaat is geldig, maar het is niet gekoppeld aan een gebruikersaccount.",
            steps: &[
                OTHER_CERTIFICATE,
                "Vraag anders uw helpdesk om uw smartcard aan uw account te koppelen.",
            ],
        },
        DenialId::MappingAmbiguous => Words {
            title: "Bij uw certificaat past meer dan één account",
            what: "Uw certificaat is geldig, maar het is aan meerdere gebruikersaccounts gekoppeld, en deze site raadt \
                niet welk account van u is.",
            steps: &["Vraag uw helpdesk om uw smartcard aan één account te koppelen."],
        },
        DenialId::MappingTooWeak => Words {
            title: "Uw certificaat is niet stevig genoeg aan uw account gekoppeld",
            what: "Uw certificaat is geldig, maar het is alleen met een naam aan uw account gekoppeld. Dit adres vraagt \
                om een koppeling die niet op iemand anders kan overgaan.",
            steps: &[OTHER_CERTIFICATE, ASK],
        },
        DenialId::AccountDisabled => Words {
            title: "Uw account kan nu niet worden gebruikt",
            what: "Het account dat bij uw certificaat hoort, is uitgeschakeld, geblokkeerd of verlopen, of mag op dit \
                tijdstip niet worden gebruikt.",
            steps: &["Vraag uw helpdesk wat er met uw account aan de hand is."],
        },
        DenialId::AccessDenied => Words {
            title: "U hebt geen toegang tot dit adres",
            what: "Dit adres is alleen voor bepaalde accounts en plaatsen. Die van u horen daar niet bij.",
            steps: &[
                "Hebt u toegang nodig? Vraag die dan aan bij uw helpdesk of bij de eigenaar van deze dienst.",
            ],
        },
        DenialId::CredentialsRequired => Words {
            title: "U bent niet ingelogd",
            what: "Dit adres moet weten wie u bent, en uw computer bood niets aan waaruit dat blijkt.",
            steps: &[
                "Steek uw smartcard in de lezer en wacht tot die de kaart heeft herkend.",
                "Sluit alle vensters van de browser of het programma, open het opnieuw en probeer het nog eens.",
                "Kies, als daarom wordt gevraagd, het certificaat op uw kaart en voer uw pincode in.",
                IF_IT_LASTS,
            ],
        },
        DenialId::PathNotFound => Words {
            title: "Op dit adres is niets te vinden",
            what: "Het gevraagde adres bestaat niet op deze site.",
            steps: &[
                "Controleer of het adres goed is geschreven.",
                "Kwam u hier via een link? Laat het dan weten aan degene van wie u die kreeg.",
            ],
        },
        DenialId::InvalidPath => Words {
            title: "Zo geschreven wordt dit adres niet aangenomen",
            what: "Het bevat tekens, of heeft een vorm, die deze site niet aanneemt.",
            steps: &[
                "Controleer of het adres goed is geschreven.",
                "Kwam u hier via een link? Laat het dan weten aan degene van wie u die kreeg.",
            ],
        },
        DenialId::MethodNotAllowed => Words {
            title: "Dit adres neemt zo’n verzoek niet aan",
            what: "Het adres bestaat, maar niet voor wat uw browser of programma er probeerde te doen.",
            steps: &["Gebruik het programma waarvoor het adres bedoeld is.", IF_IT_LASTS],
        },
        DenialId::MisdirectedRequest => Words {
            title: "Deze verbinding is niet bruikbaar voor het adres",
            what: "Uw browser of programma stuurde het verzoek over een verbinding die voor een ander adres, of te lang \
                geleden, is geopend.",
            steps: &[
                TRY_AGAIN,
                "Helpt dat niet? Sluit dan alle vensters van de browser of het programma, open het opnieuw en probeer \
                 het nog eens.",
            ],
        },
        DenialId::Http11Required => Words {
            title: "Dit adres is niet bereikbaar over HTTP/2",
            what: "U meldt zich hier aan in een dialoog die alleen HTTP/1.1 kan overbrengen.",
            steps: &[TRY_AGAIN, IF_IT_LASTS],
        },
        DenialId::IdentityConflict => Words {
            title: "Uw certificaat spreekt zichzelf tegen",
            what: "Het noemt meer dan één persoon of account, zodat deze site niet kan vaststellen wie u bent.",
            steps: &[OTHER_CERTIFICATE, "Vraag anders uw helpdesk om een nieuw certificaat."],
        },
        DenialId::InvalidPassword => Words {
            title: "De gebruikersnaam of het wachtwoord is niet aanvaard",
            what: "De twee horen niet bij elkaar, of het account kan nu niet worden gebruikt.",
            steps: &[
                "Controleer de gebruikersnaam, de taal van het toetsenbord en Caps Lock en probeer het opnieuw. Na te \
                 veel pogingen kan het account worden geblokkeerd.",
                ASK,
            ],
        },
        DenialId::CrossSiteRequest => Words {
            title: "Een andere website probeerde uw aanmelding te gebruiken",
            what: "Dit verzoek kwam van een pagina van een andere website. Het is tegengehouden, zodat geen andere site \
                namens u kan handelen.",
            steps: &[
                "Wilt u zelf naar dit adres? Typ het dan in de adresbalk of open uw eigen bladwijzer.",
                "Wilde u juist vanaf die pagina hierheen? Geef dan het verzoeknummer door aan uw helpdesk.",
            ],
        },
        DenialId::MalformedRequest => Words {
            title: "Het verzoek is verminkt",
            what: "Het is niet met zekerheid te zien waar het verzoek begint en eindigt; er is daarom niets mee gedaan.",
            steps: &[TRY_AGAIN, IF_IT_LASTS],
        },
        DenialId::RequestTimeout => Words {
            title: "Het verzoek kwam te langzaam binnen",
            what: "Uw computer begon een verzoek te sturen en was niet op tijd klaar; er is daarom niets mee gedaan.",
            steps: &["Controleer uw netwerkverbinding en probeer het opnieuw.", IF_IT_LASTS],
        },
        DenialId::BodyTooLarge => Words {
            title: "Het verzoek is te groot",
            what: "Uw browser of programma stuurde meer gegevens dan dit adres aanneemt.",
            steps: &["Probeer het opnieuw met een kleiner document.", IF_IT_LASTS],
        },
        DenialId::LoginThrottled => Words {
            title: "Te veel pogingen",
            what: "Van uw computer of netwerk, of voor uw account, kwamen in korte tijd meer verzoeken of verkeerde \
                wachtwoorden dan deze site aanneemt.",
            steps: &["Wacht een kwartier en probeer het opnieuw.", IF_IT_LASTS],
        },
        DenialId::RateLimited => Words {
            title: "Te veel verzoeken",
            what: "Van uw computer, uw netwerk of uw account kwamen in korte tijd meer verzoeken dan deze site aanneemt.",
            steps: &["Wacht even en probeer het opnieuw.", IF_IT_LASTS],
        },
        DenialId::HeadersTooLarge => Words {
            title: "Het verzoek draagt te veel met zich mee",
            what: "Wat uw browser met elk verzoek meestuurt, zoals cookies, is meer dan deze site aanneemt.",
            steps: &["Verwijder in uw browser de cookies van deze site en probeer het opnieuw.", IF_IT_LASTS],
        },
        DenialId::DirectoryUnavailable => Words {
            title: "Inloggen is nu voor niemand mogelijk",
            what: "De lijst met gebruikersaccounts antwoordt niet, en zonder die lijst laat deze site niemand binnen.",
            steps: &[TRY_LATER, IF_IT_LASTS],
        },
        DenialId::ValidationTimeout => Words {
            title: "Het controleren van uw certificaat duurde te lang",
            what: "De controle was niet op tijd klaar. Met uw kaart is waarschijnlijk niets mis.",
            steps: &[TRY_LATER, IF_IT_LASTS],
        },
        DenialId::Overloaded => Words {
            title: "Er loggen nu te veel mensen tegelijk in",
            what: "Uw certificaat kon nog niet worden gecontroleerd, omdat er veel andere aan de beurt zijn.",
            steps: &["Wacht even en probeer het opnieuw.", IF_IT_LASTS],
        },
        DenialId::BackendBusy => Words {
            title: "De dienst is bezet",
            what: "De dienst achter dit adres kan er nu niets meer bij hebben; uw verzoek is daarom niet doorgegeven.",
            steps: &["Wacht even en probeer het opnieuw.", IF_IT_LASTS],
        },
        DenialId::AuditUnavailable => Words {
            title: "De dienst is onderbroken",
            what: "Deze site legt elk verzoek vast en kan dat nu niet. Zolang dat zo is, laat zij niemand door.",
            steps: &[TRY_LATER, IF_IT_LASTS],
        },
        DenialId::BackendUnreachable => Words {
            title: "De dienst antwoordt niet",
            what: "De dienst achter dit adres is nu niet bereikbaar. Met uw kaart is niets mis.",
            steps: &[TRY_LATER, IF_IT_LASTS],
        },
        DenialId::BackendTimeout => Words {
            title: "De dienst antwoordde niet op tijd",
            what: "Uw verzoek is doorgegeven, maar er kwam geen antwoord. Het kan toch zijn uitgevoerd.",
            steps: &["Ga eerst na of is gebeurd wat u vroeg, voordat u het opnieuw probeert.", IF_IT_LASTS],
        },
        DenialId::DelegationFailed => Words {
            title: "U kon niet bij de dienst worden aangemeld",
            what: "U bent herkend, maar aan de dienst achter dit adres kon niet worden doorgegeven wie u bent.",
            steps: &[TRY_LATER, IF_IT_LASTS],
        },
        DenialId::BackendRejectedIdentity => Words {
            title: "De dienst aanvaardde uw aanmelding niet",
            what: "U bent hier herkend, maar de dienst achter dit adres accepteerde uw account niet.",
            steps: &[TELL],
        },
        DenialId::BackendRenegotiation => Words {
            title: "De dienst vroeg zelf om uw kaart",
            what: "De dienst achter dit adres probeerde uw certificaat te controleren op een manier die niet kan \
                worden doorgegeven. De instellingen ervan moeten worden aangepast; met uw kaart is niets mis.",
            steps: &[TELL],
        },
        DenialId::ClientDisconnected => Words {
            title: "Het verzoek is afgebroken",
            what: "De verbinding is gesloten voordat het antwoord compleet was.",
            steps: &["Was dat niet de bedoeling? Probeer het dan opnieuw."],
        },
    }
}
