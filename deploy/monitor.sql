-- The account by which Rolecall watches the servers: on the primary, from where it is replicated. Put a password of your own in.
-- It asks for no rows of yours; servers tell a view's definition to who may SELECT from it.

-- MySQL 8.0.20 and later
CREATE USER rolecall IDENTIFIED BY 'change me';
GRANT REPLICATION CLIENT, PROCESS, SHOW_ROUTINE, SHOW VIEW, TRIGGER, SELECT ON *.* TO rolecall;

-- MariaDB 10.11 and later
-- CREATE USER rolecall IDENTIFIED BY 'change me';
-- GRANT BINLOG MONITOR, REPLICA MONITOR, PROCESS, SHOW VIEW, TRIGGER, SELECT ON *.* TO rolecall;
