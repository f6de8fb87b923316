//! The complete output for keys and values that are wrong by themselves.

use super::rendered;

#[test]
fn many_errors_are_reported_in_one_run() {
    let text = r#"workers = 0

[[site]]
hosts = ["rms.corp.example", "https://rms.corp.example/"]
listen = ["443"]
certificate = ["pki/server-ecdsa.pem", "pki/server-rsa.pem"]
private_key = ["pki/server-ecdsa.key"]
realm = "staf"
backend = "rms"

[[site.path]]
path = "/_wmcs/certification/certification.asmx"
client_certificate = "required"
max_body = "12 apples"

[[site.path]]
path = "/_wmcs/licensing/license.asmx"
client_certifcate = "accept"
password = "directori"
methods = ["GET", "TRACE"]

[realm.staff]
trust_anchors = ["pki/root.pem"]
revocation = { mode = "require", crl = ["pki/crl/"], fetch = true }
verdict_cache_ttl = 300

[backend.rms]
servers = ["http://10.0.0.5/"]
"#;
    insta::assert_snapshot!(rendered(text), @r#"
error: 0 is out of range
 --> proxy.toml:1:11
  |
1 | workers = 0
  |           ^
  |
  = help: from 1 to 1024

error: "https://rms.corp.example/" is not a host name
 --> proxy.toml:4:30
  |
4 | hosts = ["rms.corp.example", "https://rms.corp.example/"]
  |                              ^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write the host name only, without a scheme or a path

error: "443" is not an IP address with a port
 --> proxy.toml:5:11
  |
5 | listen = ["443"]
  |           ^^^^^
  |
  = help: such as "0.0.0.0:443" (every IPv4 address), "[::]:443" or "192.0.2.1:443"

error: certificates (2) and private keys (1) do not pair up
 --> proxy.toml:7:16
  |
7 | private_key = ["pki/server-ecdsa.key"]
  |                ^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: write one key for each certificate, in the same order

error: there is no realm named "staf"
 --> proxy.toml:8:9
  |
8 | realm = "staf"
  |         ^^^^^^
  |
  = help: did you mean "staff"?

error: "required" is not a value of this key
  --> proxy.toml:13:22
   |
13 | client_certificate = "required"
   |                      ^^^^^^^^^^
   |
   = help: did you mean "require"?

error: "12 apples" is not a size
  --> proxy.toml:14:12
   |
14 | max_body = "12 apples"
   |            ^^^^^^^^^^^
   |
   = help: from 0B to 4GiB, such as "64KiB", "1MiB" or "12MiB"

error: unknown key `client_certifcate` in [[site.path]]
  --> proxy.toml:18:1
   |
18 | client_certifcate = "accept"
   | ^^^^^^^^^^^^^^^^^
   |
   = help: did you mean `client_certificate`?

error: "directori" is not a value of this key
  --> proxy.toml:19:12
   |
19 | password = "directori"
   |            ^^^^^^^^^^^
   |
   = help: did you mean "directory"?

error: TRACE is never allowed
  --> proxy.toml:20:19
   |
20 | methods = ["GET", "TRACE"]
   |                   ^^^^^^^
   |
   = help: remove it

warning: the realm "staff" denies every client certificate: `mapping.strength` is "strong", and the realm has neither a directory nor a rule for one certificate
  --> proxy.toml:22:1
   |
22 | [realm.staff]
   | ^^^^^^^^^^^^^
   |
   = help: add a [realm.staff.directory] table, or a [[realm.staff.rule]] with `certificate_sha256`; strength = "weak" also accepts a name that may be assigned to another user

error: nothing can be fetched: `hosts` names no host
  --> proxy.toml:24:62
   |
24 | revocation = { mode = "require", crl = ["pki/crl/"], fetch = true }
   |                                                              ^^^^
   |
   = help: write hosts = ["pki.corp.example"]

error: a duration needs a unit, in quotes
  --> proxy.toml:25:21
   |
25 | verdict_cache_ttl = 300
   |                     ^^^
   |
   = help: from 1s to 1h, such as "30s" or "5m"

error: "http://10.0.0.5/" has a path; the path of the request is forwarded
  --> proxy.toml:28:12
   |
28 | servers = ["http://10.0.0.5/"]
   |            ^^^^^^^^^^^^^^^^^^
   |
   = help: write "http://10.0.0.5"

13 errors, 1 warning in proxy.toml
"#);
}

#[test]
fn values_of_a_wrong_type_or_range_are_reported_with_the_fix() {
    let text = r#"workers = "2"
log = "json"
realm = 3

[admin]
listen = "127.0.0.1:9090"

[limits]
validation_timeout = "30"
shutdown_timeout = "2h"
max_header_bytes = "1KiB"
validation_concurrency = 0
client_idle_timeout = 1.5

[[site]]
hosts = ["rms.corp.example", 7]
listen = ["*:443"]
certificate = ["pki/server.pem"]
private_key = ["pki/server.key"]
backend = "rms"
default = "true"
path = []

[backend]
rms = "http://10.0.0.5"
"#;
    insta::assert_snapshot!(rendered(text), @r#"
error: expected a whole number, found a string
 --> proxy.toml:1:11
  |
1 | workers = "2"
  |           ^^^

error: expected a table, found a string
 --> proxy.toml:2:7
  |
2 | log = "json"
  |       ^^^^^^

error: expected named tables, found an integer
 --> proxy.toml:3:9
  |
3 | realm = 3
  |         ^
  |
  = help: write a table with a name: [realm.some-name]

error: expected a list, found a string
 --> proxy.toml:6:10
  |
6 | listen = "127.0.0.1:9090"
  |          ^^^^^^^^^^^^^^^^
  |
  = help: write it in brackets: `listen = ["127.0.0.1:9090"]`

error: "30" is not a duration: time unit needed, for example 30sec or 30ms
 --> proxy.toml:9:22
  |
9 | validation_timeout = "30"
  |                      ^^^^
  |
  = help: from 1s to 2m, such as "30s"

error: "2h" is out of range
  --> proxy.toml:10:20
   |
10 | shutdown_timeout = "2h"
   |                    ^^^^
   |
   = help: from 0s to 1h, such as "500ms", "30s" or "5m"

error: "1KiB" is out of range
  --> proxy.toml:11:20
   |
11 | max_header_bytes = "1KiB"
   |                    ^^^^^^
   |
   = help: from 4KiB to 1MiB, such as "64KiB", "1MiB" or "12MiB"

error: 0 is out of range
  --> proxy.toml:12:26
   |
12 | validation_concurrency = 0
   |                          ^
   |
   = help: from 1 to 65536

error: expected a string, found a float
  --> proxy.toml:13:23
   |
13 | client_idle_timeout = 1.5
   |                       ^^^

error: expected a string, found an integer
  --> proxy.toml:16:30
   |
16 | hosts = ["rms.corp.example", 7]
   |                              ^

error: "*:443" is not an IP address with a port
  --> proxy.toml:17:11
   |
17 | listen = ["*:443"]
   |           ^^^^^^^
   |
   = help: such as "0.0.0.0:443" (every IPv4 address), "[::]:443" or "192.0.2.1:443"

error: there is no backend named "rms"
  --> proxy.toml:20:11
   |
20 | backend = "rms"
   |           ^^^^^
   |
   = help: add a [backend.rms] table

error: expected true or false, found a string
  --> proxy.toml:21:11
   |
21 | default = "true"
   |           ^^^^^^
   |
   = help: write true without quotes

error: expected a table, found a string
  --> proxy.toml:25:7
   |
25 | rms = "http://10.0.0.5"
   |       ^^^^^^^^^^^^^^^^^
   |
   = help: `backend` contains named tables: [backend.some-name]

14 errors in proxy.toml
"#);
}

#[test]
fn unknown_keys_and_words_are_reported_with_a_suggestion() {
    let text = r#"[logs]
format = "json"

[[site]]
hosts = ["rms.corp.example"]
listen = ["0.0.0.0:443"]
certificate = ["pki/server.pem"]
private_key = ["pki/server.key"]
backend = "rms"
Client-Certificate = "require"
card_reauth_intervall = "1h"
colour = "red"
path = [{ path = "/x", client_certificate = "ignor" }]

[backend.rms]
servers = ["http://10.0.0.5"]
headers = { sets = ["acount", "arr"] }
"#;
    insta::assert_snapshot!(rendered(text), @r#"
error: unknown key `logs` at the top of the file
 --> proxy.toml:1:2
  |
1 | [logs]
  |  ^^^^
  |
  = help: did you mean `log`?

error: unknown key `Client-Certificate` in [[site]]
  --> proxy.toml:10:1
   |
10 | Client-Certificate = "require"
   | ^^^^^^^^^^^^^^^^^^
   |
   = help: `client_certificate` belongs in [[site.path]]

error: unknown key `card_reauth_intervall` in [[site]]
  --> proxy.toml:11:1
   |
11 | card_reauth_intervall = "1h"
   | ^^^^^^^^^^^^^^^^^^^^^
   |
   = help: did you mean `card_reauth_interval`?

error: unknown key `colour` in [[site]]
  --> proxy.toml:12:1
   |
12 | colour = "red"
   | ^^^^^^
   |
   = help: the keys here are name, hosts, listen, http_listen, http_action, default, certificate, private_key, tls, http2, realm, backend, card_reauth_interval, on_bad_certificate, ca_hints, path_case, cross_site, help_desk, path

error: "ignor" is not a value of this key
  --> proxy.toml:13:45
   |
13 | path = [{ path = "/x", client_certificate = "ignor" }]
   |                                             ^^^^^^^
   |
   = help: did you mean "ignore"?

error: "acount" is not a value of this key
  --> proxy.toml:17:21
   |
17 | headers = { sets = ["acount", "arr"] }
   |                     ^^^^^^^^
   |
   = help: did you mean "account"?

6 errors in proxy.toml
"#);
}
