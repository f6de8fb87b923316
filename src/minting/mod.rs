//! Makes certificates of minutes' life that name one account, under a subordinate CA of the gate's own.
