//! Speaks to servers in a user's name with Kerberos tickets that the gate gets by constrained delegation ([MS-SFU]).
