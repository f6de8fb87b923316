//! Which backends are warned of because strangers could read who the user is.

use super::{only_mistake_with, rendered_with};

#[test]
fn an_identity_in_the_clear_to_an_address_that_is_not_private_is_warned_of() {
    assert_eq!(
        only_mistake_with("http://10.0.0.5", "http://203.0.113.5"),
        "Warning backend.rms.servers[0]: who the user is goes in the clear to 203.0.113.5, which is not on a private \
         network (write https:// and `ca`, or reach the server over a network of your own)"
    );
    let kerberos =
        "servers = [\"http://[2001:db8::5]\"]\nidentity = \"kerberos\"\nspn = \"HTTP/rms\"\nkeytab = \"k\"";
    let mistake = only_mistake_with("servers = [\"http://10.0.0.5\"]", kerberos);
    assert!(mistake.contains("2001:db8::5, which is not on a private network"), "{mistake}");
}

#[test]
fn nothing_is_said_of_private_networks_names_tls_and_servers_that_are_told_nothing() {
    for servers in [
        "servers = [\"http://192.168.1.5\", \"http://[fd00::5]\", \"http://169.254.1.1\"]",
        // Of a name nothing is known here; `check --online` looks it up.
        "servers = [\"http://rms.corp.example\"]",
        "servers = [\"https://203.0.113.5\"]\nca = \"pki/servers.pem\"",
        "servers = [\"http://203.0.113.5\"]\nheaders = { sets = [] }",
    ] {
        assert_eq!(rendered_with("servers = [\"http://10.0.0.5\"]", servers), "", "{servers}");
    }
}
