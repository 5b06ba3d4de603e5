//! Replica choice: least outstanding requests among healthy replicas.
