//! Every mistake with its line, and what a configuration means.

use super::*;

#[test]
fn servers_alone_are_a_configuration() {
    let config = Config::from_yaml("servers:\n  - address: db0\n  - address: 10.0.0.2:3307\n").unwrap();
    let Source::Servers(servers) = &config.source else { panic!("{:?}", config.source) };
    assert_eq!(servers.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["db0:3306", "10.0.0.2:3307"]);
}

#[test]
fn mistakes_come_all_at_once_with_their_lines() {
    let text = "\
listeners:
  - address: 3306
  - adress: 0.0.0.0:3307
    mode: replcia
servers:
  - address: db0
  - address: db0:3306
backend:
  tls: {mode: off}
  connect_timeout: 5
limits:
routing: {reads_on_primary: often, hold_timeout: 5 weeks}
workers: 0
workers: 2
";
    let mistakes = Config::from_yaml(text).unwrap_err();
    let expected = "\
configuration:2:14: listeners[0].address: the number 3306 cannot stand here: write an address such as `0.0.0.0:3306` or `/path/to.sock`
configuration:3:5: listeners[1].adress: there is no such option: write `address`
configuration:4:11: listeners[1].mode: `replcia` is not known: write `replica`
configuration:7:14: servers[1].address: `db0:3306` stands in line 6 already: delete one of the two
configuration:10:20: backend.connect_timeout: the number 5 cannot stand here: write a duration with a unit, such as `5s` or `250ms`
configuration:12:29: routing.reads_on_primary: `often` is not known: write one of `when-no-replica`, `never`, `always`
configuration:12:50: routing.hold_timeout: 1month 4days 13h 26m 24s is out of range: write 0s to 1h
configuration:13:10: workers: 0 is out of range: write 1 to 1024
configuration:14:1: workers: stands here again, first in line 13: keep one of them";
    assert_eq!(mistakes.to_string(), expected);
}
