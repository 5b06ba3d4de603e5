//! stub
use super::{Options, Screen};
pub(super) fn run(_options: &Options, _screen: Screen) -> anyhow::Result<bool> {
    anyhow::bail!("not yet")
}
