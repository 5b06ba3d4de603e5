"""PyMySQL: pure Python, no DEPRECATE_EOF, no prepared statements."""
import pymysql
import pymysql.cursors
from pymysql.constants import CLIENT

import scenario


class PyMySQL(scenario.DbApi):
    name = "pymysql"

    def connect(self, arguments):
        tls = {
            "disabled": {"ssl_disabled": True},
            "preferred": {},
            "required": {"ssl": {"verify_mode": "none"}},
        }[arguments.tls]
        if arguments.ca and arguments.tls != "disabled":
            tls = {"ssl_ca": arguments.ca, "ssl_verify_cert": True, "ssl_verify_identity": False}
        return pymysql.connect(
            host=arguments.host, port=arguments.port, user=arguments.user, password=arguments.password,
            database=arguments.database, charset="utf8mb4", autocommit=True, local_infile=True,
            client_flag=CLIENT.MULTI_STATEMENTS, max_allowed_packet=64 << 20, **tls,
        )

    def streaming_cursor(self, connection):
        return connection.cursor(pymysql.cursors.SSCursor)


scenario.main(PyMySQL())
