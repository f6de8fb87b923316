//! The complete output for tables that contradict each other.

use super::rendered;

#[test]
fn contradictions_are_reported_with_both_places() {
    let text = r#"[[site]]
hosts = ["a.example", "*.b.example"]
listen = ["0.0.0.0:443"]
http_listen = ["0.0.0.0:443"]
default = true
certificate = ["a.pem"]
private_key = ["a.key"]
backend = "rms"
path = [{ path = "/x", client_certificate = "accept" }]

[[site]]
name = "a.example"
hosts = ["A.example."]
listen = ["0.0.0.0:443", "127.0.0.1:9090"]
default = true
certificate = ["b.pem"]
private_key = ["b.key"]
http_action = "redirect"
backend = "rsm"
realm = "staff"
tls = { min = "1.3", max = "1.2" }
path = [{ path = "/x", client_certificate = "ignore", issuers = ["ca.pem"] }]

[realm.staff]
trust_anchors = []
revocation = { mode = "off", crl = ["crl/"] }

[[realm.staff.rule]]
name = "card"
certificate = "card.pem"
issuer = "ca.pem"
account = { upn = "alice" }
deny = true

[backend.rms]
servers = ["https://10.0.0.5"]
client_certificate = "gateway.pem"
headers = { names = { user = "X-Remote-Upn" } }

[backend.spare]
servers = ["http://127.0.0.1"]
"#;
    insta::assert_snapshot!(rendered(text), @r#"
error: the site requests client certificates and has no realm to validate them
 --> proxy.toml:1:1
  |
1 | [[site]]
  | ^^^^^^^^
...
9 | path = [{ path = "/x", client_certificate = "accept" }]
  |                                             -------- a client certificate is requested here
  |
  = help: add `realm = "staff"` and a [realm.staff] table

error: 0.0.0.0:443 is used for TLS and cannot be used for plain HTTP too
 --> proxy.toml:4:16
  |
3 | listen = ["0.0.0.0:443"]
  |           ------------- the first time
4 | http_listen = ["0.0.0.0:443"]
  |                ^^^^^^^^^^^^^

error: two sites are named "a.example"
  --> proxy.toml:12:8
   |
 1 | [[site]]
   | -------- the first one
...
12 | name = "a.example"
   |        ^^^^^^^^^^^
   |
   = help: records and metrics use this name: give each site its own

error: the host "a.example" is given twice
  --> proxy.toml:13:10
   |
 2 | hosts = ["a.example", "*.b.example"]
   |          ----------- the first time
...
13 | hosts = ["A.example."]
   |          ^^^^^^^^^^^^
   |
   = help: a host belongs to one site: keep one of them

error: 127.0.0.1:9090 is used for the admin listener and cannot be used for TLS too
  --> proxy.toml:14:26
   |
14 | listen = ["0.0.0.0:443", "127.0.0.1:9090"]
   |                          ^^^^^^^^^^^^^^^^
   |
   = help: this is the default of the admin listener: write another address here or in [admin]

error: 0.0.0.0:443 has two default sites
  --> proxy.toml:15:11
   |
 5 | default = true
   |           ---- the first one
...
15 | default = true
   |           ^^^^
   |
   = help: only one site can get the connections that name no host

error: `http_action` does nothing: the site has no `http_listen` address
  --> proxy.toml:18:1
   |
18 | http_action = "redirect"
   | ^^^^^^^^^^^
   |
   = help: add `http_listen = ["0.0.0.0:80"]`, or remove `http_action`

error: there is no backend named "rsm"
  --> proxy.toml:19:11
   |
19 | backend = "rsm"
   |           ^^^^^
   |
   = help: did you mean "rms"?

warning: no path of this site uses client certificates, so its realm has no effect
  --> proxy.toml:20:9
   |
20 | realm = "staff"
   |         ^^^^^^^

error: `min` is newer than `max`, so that no version is left
  --> proxy.toml:21:15
   |
21 | tls = { min = "1.3", max = "1.2" }
   |               ^^^^^        ----- the newest version
   |
   = help: TLS 1.2 is the oldest version that is supported: { min = "1.2", max = "1.3" }

error: `issuers` does nothing on a path that ignores certificates
  --> proxy.toml:22:66
   |
22 | path = [{ path = "/x", client_certificate = "ignore", issuers = ["ca.pem"] }]
   |                                             --------             ^^^^^^^^
   |                                             |
   |                                             certificates are ignored
   |
   = help: write client_certificate = "require", or remove the condition

warning: the realm "staff" denies every client certificate: `mapping.strength` is "strong", and the realm has neither a directory nor a rule for one certificate
  --> proxy.toml:24:1
   |
24 | [realm.staff]
   | ^^^^^^^^^^^^^
   |
   = help: add a [realm.staff.directory] table, or a [[realm.staff.rule]] with `certificate_sha256`; strength = "weak" also accepts a name that may be assigned to another user

error: `trust_anchors` is empty
  --> proxy.toml:25:17
   |
25 | trust_anchors = []
   |                 ^^

warning: revocation is off: a revoked certificate is accepted until it expires
  --> proxy.toml:26:23
   |
26 | revocation = { mode = "off", crl = ["crl/"] }
   |                       ^^^^^

error: `crl` does nothing: the mode is "off"
  --> proxy.toml:26:30
   |
26 | revocation = { mode = "off", crl = ["crl/"] }
   |                              ^^^
   |
   = help: write mode = "require", or remove `crl`

error: the rule selects certificates in several ways: certificate, issuer
  --> proxy.toml:28:1
   |
28 | [[realm.staff.rule]]
   | ^^^^^^^^^^^^^^^^^^^^
   |
   = help: keep one of them

error: the key `user` is missing in [realm.staff.rule.account]
  --> proxy.toml:32:11
   |
32 | account = { upn = "alice" }
   |           ^^^^^^^^^^^^^^^^^
   |
   = help: add `user = 'CORP\alice'`

error: a user principal name contains an `@`
  --> proxy.toml:32:19
   |
32 | account = { upn = "alice" }
   |                   ^^^^^^^
   |
   = help: such as "alice@corp.example"

error: the rule assigns an account and denies it too
  --> proxy.toml:33:8
   |
33 | deny = true
   |        ^^^^
   |
   = help: keep `account` or `deny`

error: `client_certificate` needs `private_key` beside it
  --> proxy.toml:35:1
   |
35 | [backend.rms]
   | ^^^^^^^^^^^^^
   |
   = help: add `private_key`

error: an https:// server needs `ca`, the authority of its certificate
  --> proxy.toml:36:12
   |
36 | servers = ["https://10.0.0.5"]
   |            ^^^^^^^^^^^^^^^^^^
   |
   = help: add `ca = "pki/servers-root.pem"`

error: `x-remote-upn` is already the header of `upn`
  --> proxy.toml:38:30
   |
38 | headers = { names = { user = "X-Remote-Upn" } }
   |                              ^^^^^^^^^^^^^^
   |
   = help: give each fact a header of its own

warning: no site uses the backend "spare"
  --> proxy.toml:40:10
   |
40 | [backend.spare]
   |          ^^^^^

warning: the backend is on this machine: IIS treats its requests as local and returns detailed errors
  --> proxy.toml:41:12
   |
41 | servers = ["http://127.0.0.1"]
   |            ^^^^^^^^^^^^^^^^^^
   |
   = help: run the gateway on a machine of its own if the backend is IIS

19 errors, 5 warnings in proxy.toml
"#);
}

#[test]
fn a_realm_that_accepts_forgeable_signatures_gets_a_warning() {
    let text = r#"[realm.staff]
trust_anchors = ["root.pem"]
unsafe_allow_sha1_and_rsa_1024 = true
revocation = { mode = "require", crl = ["crl/"] }
identity_issuers = [{ certificate = "ca.pem", upn_suffixes = ["corp.example"] }]
"#;
    let warning = r#"
warning: SHA-1 signatures and RSA keys of 1,024 bits are accepted: such certificates can be forged
 --> proxy.toml:3:34
"#;
    assert!(rendered(text).contains(warning.trim()), "{}", rendered(text));
}
