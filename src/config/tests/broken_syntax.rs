//! The complete output for text that is not TOML.

use super::rendered;

#[test]
fn syntax_errors_are_reported_with_the_errors_of_other_lines() {
    let text = r#"workers = two

[[site]]
hosts = ["rms.corp.example" "x.example"]
listen = ["0.0.0.0:443"]
backend = "rms"
backend = "rms2"
help_desk = "Ask CORP\alice"
relm = "staff"
name = yes
default = True

[limits]
shutdown_timeout =
client_idle_timeout = 120
max_header_bytes = 64KiB
"#;
    insta::assert_snapshot!(rendered(text), @r#"
error: this value has no quotes
 --> proxy.toml:1:11
  |
1 | workers = two
  |           ^^^
  |
  = help: write text in quotes: "…"

error: missing comma between array elements, expected `,`
 --> proxy.toml:4:29
  |
4 | hosts = ["rms.corp.example" "x.example"]
  |                             ^

error: `backend` is a duplicate key
 --> proxy.toml:7:1
  |
7 | backend = "rms2"
  | ^^^^^^^
  |
  = help: keep one of them; a table that may be repeated has two brackets, as in [[site]]

error: missing escaped value, expected `b`, `e`, `f`, `n`, `r`, `\`, `"`, `x`, `u`, `U`
 --> proxy.toml:8:23
  |
8 | help_desk = "Ask CORP\alice"
  |                       ^
  |
  = help: in "…" a backslash starts an escape; in single quotes it is a letter: 'CORP\alice'

error: unknown key `relm` in [[site]]
 --> proxy.toml:9:1
  |
9 | relm = "staff"
  | ^^^^
  |
  = help: did you mean `realm`?

error: this value has no quotes
  --> proxy.toml:10:8
   |
10 | name = yes
   |        ^^^
   |
   = help: write true, or text in quotes: "…"

error: this value has no quotes
  --> proxy.toml:11:11
   |
11 | default = True
   |           ^^^^
   |
   = help: write true, or text in quotes: "…"

error: the key has no value
  --> proxy.toml:14:19
   |
14 | shutdown_timeout =
   |                   ^
   |
   = help: write one, or remove the line for the default

error: a duration needs a unit, in quotes
  --> proxy.toml:15:23
   |
15 | client_idle_timeout = 120
   |                       ^^^
   |
   = help: from 1s to 1day, such as "30s", "5m" or "8h"

error: this value has no quotes
  --> proxy.toml:16:20
   |
16 | max_header_bytes = 64KiB
   |                    ^^^^^
   |
   = help: write text in quotes: "…"

10 errors in proxy.toml
"#);
}

#[test]
fn nothing_is_reported_below_an_unclosed_list() {
    let text = r#"[[site]]
hosts = ["rms.corp.example"]
listen = ["0.0.0.0:443"
certificate = ["pki/server.pem"]
[limits]
"#;
    insta::assert_snapshot!(rendered(text), @r#"
error: a list above this line is not closed
 --> proxy.toml:4:1
  |
4 | certificate = ["pki/server.pem"]
  | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  |
  = help: add the missing `]` and check again: nothing from here on could be read

1 error in proxy.toml
"#);
}

#[test]
fn nothing_is_reported_below_a_broken_table_header() {
    let text = r#"[[site]
hosts = 7

[limits]
drian = "1s"
"#;
    insta::assert_snapshot!(rendered(text), @r#"
error: unclosed array table, expected `]`
 --> proxy.toml:1:8
  |
1 | [[site]
  |        ^

1 error in proxy.toml
"#);
}

#[test]
fn an_error_on_each_of_many_lines_is_counted_and_the_first_hundred_are_drawn() {
    const LINES: usize = 20_000;
    for line in ["k{} = 1\n", "k{} = \n"] {
        let text: String = (0..LINES).map(|index| line.replace("{}", &index.to_string())).collect();
        let rendered = rendered(&text);
        assert_eq!(rendered.matches("\nerror: ").count() + 1, 100, "{line:?}");
        // The first line of the file is drawn first, although tables list their keys by name.
        assert!(rendered.find("1 | k0 =").unwrap() < rendered.find("2 | k1 =").unwrap(), "{line:?}");
        let (counted, _) = rendered.rsplit_once(" errors in proxy.toml").unwrap();
        let (_, counted) = counted.rsplit_once('\n').unwrap();
        assert!(counted.parse::<usize>().unwrap() >= LINES, "{line:?}: {counted}");
    }
}
