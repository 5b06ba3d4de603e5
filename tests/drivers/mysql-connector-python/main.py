"""mysql-connector-python, both of its implementations: pure Python, and C with the MySQL client library."""
import io
import warnings

# First: it brings a newer libssl than Debian 12's, which Python's own ssl module would load otherwise.
import _mysql_connector  # noqa: F401
import mysql.connector

import scenario

# stored_results() is to become a property; it is still the way to a procedure's results.
warnings.simplefilter("ignore", DeprecationWarning)


class Connector(scenario.DbApi):
    def __init__(self, pure):
        self.pure = pure
        self.name = "connector_python"
        self.label = " (pure)" if pure else " (C)"

    def connect(self, arguments):
        tls = {"ssl_disabled": arguments.tls == "disabled"}
        if arguments.ca and arguments.tls != "disabled":
            tls |= {"ssl_ca": arguments.ca, "ssl_verify_cert": True}
        connection = mysql.connector.connect(
            host=arguments.host, port=arguments.port, user=arguments.user, password=arguments.password,
            database=arguments.database, charset="utf8mb4", autocommit=True, allow_local_infile=True,
            use_pure=self.pure, **tls,
        )
        scenario.same(type(connection).__name__, "MySQLConnection" if self.pure else "CMySQLConnection", "implementation")
        return connection

    def code(self, error):
        return error.errno

    def sqlstate(self, error):
        return error.sqlstate

    def cursor(self, connection):
        return connection.cursor(buffered=True)

    def prepared_cursor(self, connection):
        # The C implementation's prepared statements fail straight at a server too: it binds a float as a 4-byte
        # FLOAT, and neither a TIME nor an integer beyond 2^63.
        return connection.cursor(prepared=True) if self.pure else self.cursor(connection)

    def streaming_cursor(self, connection):
        return connection.cursor(buffered=False)

    def statements(self, connection, sql):
        cursor = connection.cursor()
        results = []
        cursor.execute(sql)
        while True:
            if cursor.with_rows:
                results.append(cursor.fetchall())
            if not cursor.nextset():
                break
        cursor.close()
        return results

    def call(self, connection, procedure):
        cursor = connection.cursor()
        cursor.callproc(procedure)
        results = [result.fetchall() for result in cursor.stored_results()]
        cursor.close()
        return results

    def long_data(self, connection, sql, body):
        if not self.pure:
            raise scenario.Skip("no COM_STMT_SEND_LONG_DATA in the C implementation")
        cursor = self.prepared_cursor(connection)
        cursor.execute(sql, (io.BytesIO(body),))
        cursor.close()

    def change_user(self, connection, arguments):
        connection.cmd_change_user(arguments.user, arguments.password, arguments.database)

    def reset(self, connection):
        connection.cmd_reset_connection()


scenario.main(Connector(pure=True), Connector(pure=False))
