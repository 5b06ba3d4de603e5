//! Hot reload: on a change of the configuration's files and on SIGHUP, whole or not at all. (Being written.)
