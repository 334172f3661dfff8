//! How many sockets a publish goes to.

use super::transcript::check;

#[test]
fn a_socket_counts_once_however_many_of_the_channels_it_has() {
    check(
        "
        a: subscribe one
        a> subscription_succeeded one
        a: subscribe two
        a> subscription_succeeded two
        b: subscribe two
        b> subscription_succeeded two
        c: subscribe three
        c> subscription_succeeded three
        http: reach one
        http> reached 1
        http: reach one two
        http> reached 2
        http: reach one two three nobody
        http> reached 3
        http: reach two except a
        http> reached 1
        http: reach two except c
        http> reached 2
        a: unsubscribe two
        http: reach two
        http> reached 1
        http: reach nobody
        http> reached 0
        ",
    );
}
