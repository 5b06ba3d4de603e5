//! Cases that are nothing but statements.

use std::sync::Arc;

use rolecall_protocol::Capabilities;
use rolecall_tests::{Stage, Trial};

/// Runs `steps` under each set of capabilities that clients have in practice: modern, old, and with everything.
pub fn run(stage: &Arc<Stage>, name: &str, setup: &[&str], steps: &[&str]) {
    let all = Capabilities::SESSION_TRACK | Capabilities::MULTI_STATEMENTS;
    let modern = Trial::new(stage, short(name)).setup(setup);
    let old = Trial::new(stage, short(name)).setup(setup).without(Capabilities::DEPRECATE_EOF);
    let tracking = Trial::new(stage, short(name)).setup(setup).with(all);
    for trial in [modern, old, tracking] {
        trial.run(|run| {
            for step in steps {
                let reply = run.query(step);
                if reply.closed {
                    break;
                }
            }
        });
    }
}

/// A test's name as far as it fits a user's name.
pub fn short(name: &str) -> &str {
    &name[..name.len().min(32)]
}

/// `fn NAME { setup: [SQL…], steps: [SQL…] }`: errors are results like others.
macro_rules! scripts {
    ($($(#[$attribute:meta])* fn $name:ident { setup: $setup:expr, steps: $steps:expr $(,)? })*) => {$(
        $(#[$attribute])*
        mod $name {
            #[test]
            fn mysql() {
                rolecall_tests::judge(module_path!(), "mysql", || {
                    $crate::script::run(&rolecall_tests::Stage::mysql(), stringify!($name), &$setup, &$steps);
                });
            }

            #[test]
            fn mariadb() {
                rolecall_tests::judge(module_path!(), "mariadb", || {
                    $crate::script::run(&rolecall_tests::Stage::mariadb(), stringify!($name), &$setup, &$steps);
                });
            }
        }
    )*};
}
