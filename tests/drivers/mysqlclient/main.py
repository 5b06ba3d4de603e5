"""mysqlclient: the C client library (MariaDB Connector/C on Debian) behind DB-API."""
import MySQLdb
import MySQLdb.cursors
from MySQLdb.constants import CLIENT

import scenario


class MySQLClient(scenario.DbApi):
    name = "mysqlclient"
    skips = {"reset": "the driver has no COM_RESET_CONNECTION"}

    def connect(self, arguments):
        tls = {"disabled": {"ssl_mode": "DISABLED"}, "preferred": {}, "required": {"ssl_mode": "REQUIRED"}}[arguments.tls]
        if arguments.ca and arguments.tls != "disabled":
            tls = {"ssl_mode": "VERIFY_CA", "ssl": {"ca": arguments.ca}}
        return MySQLdb.connect(
            host=arguments.host, port=arguments.port, user=arguments.user, password=arguments.password,
            database=arguments.database, charset="utf8mb4", autocommit=True, local_infile=1,
            client_flag=CLIENT.MULTI_STATEMENTS, **tls,
        )

    def streaming_cursor(self, connection):
        return connection.cursor(MySQLdb.cursors.SSCursor)

    def change_user(self, connection, arguments):
        connection.change_user(arguments.user, arguments.password, arguments.database)


scenario.main(MySQLClient())
