//! Swapped links, mistakes, and files that are none of the configuration's.

use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;

/// A folder as kubelet mounts a ConfigMap: config.yaml -> ..data/config.yaml, ..data -> ..1.
fn config_map(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("..1")).unwrap();
    std::fs::write(folder.path().join("..1/config.yaml"), text).unwrap();
    symlink("..1", folder.path().join("..data")).unwrap();
    symlink("..data/config.yaml", folder.path().join("config.yaml")).unwrap();
    folder
}

fn swap(folder: &Path, text: &str) {
    std::fs::create_dir(folder.join("..2")).unwrap();
    std::fs::write(folder.join("..2/config.yaml"), text).unwrap();
    symlink("..2", folder.join("..data_tmp")).unwrap();
    std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

fn reloader(folder: &Path) -> (Reloader, watch::Receiver<Arc<Config>>) {
    let loader = Loader { file: Some(folder.join("config.yaml")), ..Loader::default() };
    let config = Arc::new(loader.load().unwrap());
    Reloader::new(loader, config)
}

const BEFORE: &str = "servers: [{address: db0}]\n";

/// Runs a reloader beside `steps`, which get the outcomes as they come.
async fn beside<T>(
    reloader: Reloader,
    steps: impl AsyncFnOnce(&mut tokio::sync::mpsc::UnboundedReceiver<Outcome>) -> T,
) -> T {
    let (sender, mut outcomes) = tokio::sync::mpsc::unbounded_channel();
    let running = reloader.run(move |outcome| sender.send(outcome.clone()).unwrap());
    tokio::select! {
        biased;
        _ = running => unreachable!("the reloader runs for ever"),
        result = tokio::time::timeout(Duration::from_secs(20), steps(&mut outcomes)) => result.unwrap(),
    }
}

#[tokio::test]
async fn other_files_of_the_folder_wake_nobody() {
    let folder = config_map(BEFORE);
    let (reloader, _configs) = reloader(folder.path());
    beside(reloader, async |outcomes| {
        // A log beside the configuration, an editor's copy, the folder of a ConfigMap in the making.
        for number in 0..5 {
            std::fs::write(folder.path().join("rolecall.log"), number.to_string()).unwrap();
            std::fs::write(folder.path().join(".config.yaml.swp"), number.to_string()).unwrap();
            tokio::time::sleep(SETTLE).await;
        }
        assert!(outcomes.try_recv().is_err());
        swap(folder.path(), "servers: [{address: db1}]\n");
        assert_eq!(outcomes.recv().await, Some(Outcome::Applied(vec![Part::Servers])));
    })
    .await;
}

#[tokio::test]
async fn a_file_behind_a_link_is_watched_where_it_is() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(elsewhere.path().join("real.yaml"), BEFORE).unwrap();
    symlink(elsewhere.path().join("real.yaml"), folder.path().join("config.yaml")).unwrap();
    let (reloader, _configs) = reloader(folder.path());
    beside(reloader, async |outcomes| {
        std::fs::write(elsewhere.path().join("real.yaml"), "servers: [{address: db1}]\n").unwrap();
        assert_eq!(outcomes.recv().await, Some(Outcome::Applied(vec![Part::Servers])));
    })
    .await;
}

#[tokio::test]
async fn a_second_swap_is_seen_as_the_first_was() {
    let folder = config_map(BEFORE);
    let (reloader, _configs) = reloader(folder.path());
    beside(reloader, async |outcomes| {
        swap(folder.path(), "servers: [{address: db1}]\n");
        assert_eq!(outcomes.recv().await, Some(Outcome::Applied(vec![Part::Servers])));
        // As kubelet does: the old folder goes, a new one comes.
        std::fs::remove_dir_all(folder.path().join("..1")).unwrap();
        std::fs::rename(folder.path().join("..2"), folder.path().join("..1")).unwrap();
        swap(folder.path(), "servers: [{address: db2}]\n");
        assert_eq!(outcomes.recv().await, Some(Outcome::Applied(vec![Part::Servers])));
    })
    .await;
}

#[tokio::test]
async fn what_a_wrong_configuration_lacks_is_waited_for() {
    let (folder, secrets) = (config_map(BEFORE), tempfile::tempdir().unwrap());
    let (reloader, _configs) = reloader(folder.path());
    let password = secrets.path().join("app/password");
    beside(reloader, async |outcomes| {
        let user = format!("users: [{{name: app, password_file: '{}'}}]", password.display());
        swap(folder.path(), &format!("servers: [{{address: db0}}]\n{user}\n"));
        assert!(matches!(outcomes.recv().await, Some(Outcome::Invalid(_))));
        std::fs::create_dir(secrets.path().join("app")).unwrap();
        std::fs::write(secrets.path().join("app/new"), "secret").unwrap();
        std::fs::rename(secrets.path().join("app/new"), &password).unwrap();
        // The folder's coming may have been noticed first, and the file missed once more.
        while outcomes.recv().await != Some(Outcome::Applied(vec![Part::Users])) {}
    })
    .await;
}

#[tokio::test]
async fn a_swapped_config_map_is_applied() {
    let folder = config_map(BEFORE);
    let (reloader, mut configs) = reloader(folder.path());
    let changed = async {
        swap(folder.path(), "servers: [{address: db0}, {address: db1}]\nlog: {level: debug}\n");
        configs.changed().await.unwrap();
        configs.borrow().log.level.clone()
    };
    let mut applied = Vec::new();
    let running = reloader.run(|outcome| applied.push(outcome.clone()));
    tokio::select! {
        biased;
        _ = running => unreachable!("the reloader runs for ever"),
        level = tokio::time::timeout(Duration::from_secs(20), changed) => assert_eq!(level.unwrap(), "debug"),
    }
}

#[test]
fn mistakes_leave_the_old_configuration() {
    let folder = config_map(BEFORE);
    let (reloader, configs) = reloader(folder.path());
    swap(folder.path(), "servers: []\nlog: {level: debug}\n");
    let Outcome::Invalid(mistakes) = reloader.reload() else { panic!("a list without servers was accepted") };
    assert_eq!(mistakes.list.len(), 1);
    assert_eq!(configs.borrow().log.level, "info");
}

#[test]
fn what_needs_a_restart_keeps_the_rest_back_too() {
    let folder = config_map(BEFORE);
    let (reloader, configs) = reloader(folder.path());
    swap(folder.path(), "servers: [{address: db0}]\nlog: {level: debug}\nworkers: 77\n");
    assert_eq!(reloader.reload(), Outcome::NeedsRestart(vec![Part::Workers]));
    assert_eq!(configs.borrow().log.level, "info");
}

#[test]
fn the_same_text_again_changes_nothing() {
    let folder = config_map(BEFORE);
    let (reloader, configs) = reloader(folder.path());
    swap(folder.path(), "# a comment\nservers: [{address: 'db0:3306'}]\n");
    assert_eq!(reloader.reload(), Outcome::Unchanged);
    assert!(!configs.has_changed().unwrap());
}
