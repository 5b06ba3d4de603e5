"""The common scenario (../README.md) for DB-API drivers; each driver's main.py says how it differs.

A driver is an object with
  connect(arguments)          a connection with autocommit on, LOCAL INFILE and multi-statements allowed
  code(error)                 the server's error number
  sqlstate(error)             its SQLSTATE, or None where the driver does not keep it
  skips                       {step: why} for what the driver cannot do
and, where its ways differ from DB-API's, the methods below by the same names.
"""
import argparse
import datetime
import decimal
import json
import os
import sys
import tempfile

TYPES = """CREATE TABLE {} (id INT PRIMARY KEY, tiny TINYINT, small SMALLINT, plain INT, big BIGINT,
    unsigned_big BIGINT UNSIGNED, amount DECIMAL(30,10), ratio DOUBLE, day DATE, clock TIME, moment DATETIME(6),
    bytes BLOB, nothing INT NULL, words VARCHAR(200) CHARACTER SET utf8mb4, document JSON)"""
VALUES = [
    7, -128, -32768, -2147483648, -9223372036854775808, 18446744073709551615,
    decimal.Decimal("12345678901234567890.0123456789"), 0.1, datetime.date(2024, 2, 29),
    datetime.timedelta(hours=12, minutes=34, seconds=56), datetime.datetime(2024, 2, 29, 23, 59, 58, 123456),
    bytes(range(256)), None, "héllo 😀 漢字 'quoted' \\ back", '{"a": [1, null, "😀"]}',
]
BIG = 20 * 1024 * 1024


class Skip(Exception):
    """A step that the driver cannot do."""


class DbApi:
    """What every DB-API driver does alike."""

    skips = {}

    def code(self, error):
        return error.args[0]

    def sqlstate(self, error):
        return None

    def cursor(self, connection):
        return connection.cursor()

    def prepared_cursor(self, connection):
        return self.cursor(connection)

    def streaming_cursor(self, connection):
        raise Skip("no such cursor")

    def statements(self, connection, sql):
        """Runs several statements and returns all result sets."""
        cursor = self.cursor(connection)
        cursor.execute(sql)
        results = [cursor.fetchall()]
        while cursor.nextset():
            if cursor.description:
                results.append(cursor.fetchall())
        cursor.close()
        return results

    def call(self, connection, procedure):
        """Calls a procedure without arguments and returns all result sets."""
        return self.statements(connection, f"CALL {procedure}()")

    def long_data(self, connection, sql, body):
        """Executes a prepared INSERT whose one parameter is sent in pieces."""
        raise Skip("no COM_STMT_SEND_LONG_DATA")

    def change_user(self, connection, arguments):
        raise Skip("no COM_CHANGE_USER")

    def reset(self, connection):
        raise Skip("no COM_RESET_CONNECTION")


def parse_arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--database", required=True)
    parser.add_argument("--tls", choices=["required", "preferred", "disabled"], required=True)
    parser.add_argument("--ca")
    parser.add_argument("--plugin-label", default="")
    parser.add_argument("--flavour", choices=["mysql", "mariadb"], default="mysql")
    return parser.parse_args()


def same(found, wanted, what=""):
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r:.300}, wanted {wanted!r:.300}")


class Scenario:
    """One run of all steps over one connection."""

    def __init__(self, driver, arguments, label=""):
        self.driver, self.arguments, self.label = driver, arguments, label
        self.table = f"driver_{driver.name}_{os.getpid()}{label.strip(' ()')}"
        self.connection = None

    def run(self):
        steps = [
            "login", "select_one", "text_insert", "types", "transactions", "local_infile", "multi_statement",
            "procedure", "big_packet", "long_data", "cursor", "change_user", "reset", "errors", "thousand_rows", "close",
        ]
        for step in steps:
            name = step.replace("_", "-") + self.label
            try:
                if step in self.driver.skips:
                    raise Skip(self.driver.skips[step])
                getattr(self, step)()
                print(f"ok {name}", flush=True)
            except Skip as reason:
                print(f"skip {name}: {reason}", flush=True)
            except Exception as error:
                print(f"FAIL {name} {self.arguments.plugin_label}: {type(error).__name__}: {error}", file=sys.stderr)
                self.clean_up()
                return False
        return True

    def execute(self, sql, parameters=None):
        """Runs one statement by the text protocol; returns (rows, last insert id, affected rows)."""
        cursor = self.driver.cursor(self.connection)
        cursor.execute(sql, parameters) if parameters is not None else cursor.execute(sql)
        rows = [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        result = rows, cursor.lastrowid, cursor.rowcount
        cursor.close()
        return result

    def login(self):
        self.connection = self.driver.connect(self.arguments)
        user = self.execute("SELECT CURRENT_USER()")[0][0][0]
        same(user.split("@")[0], self.arguments.user, "CURRENT_USER()")

    def select_one(self):
        same(self.execute("SELECT 1")[0], [(1,)], "SELECT 1")

    def text_insert(self):
        self.execute(f"CREATE TABLE {self.table} (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE)")
        _, last, affected = self.execute(f"INSERT INTO {self.table} (name) VALUES ('one'), ('two'), ('three')")
        same((last, affected), (1, 3), "last insert id and affected rows")
        _, last, affected = self.execute(f"INSERT INTO {self.table} (name) VALUES ('four')")
        same((last, affected), (4, 1), "last insert id and affected rows")
        same(self.execute(f"UPDATE {self.table} SET name = 'FOUR' WHERE id = 4")[2], 1, "affected rows")

    def types(self):
        table = f"{self.table}_types"
        self.execute(TYPES.format(table))
        cursor = self.driver.prepared_cursor(self.connection)
        for round in (7, 8):
            cursor.execute(f"INSERT INTO {table} VALUES ({', '.join(['%s'] * len(VALUES))})", [round, *VALUES[1:]])
            same(cursor.rowcount, 1, "affected rows")
        cursor.execute(f"SELECT * FROM {table} WHERE id = %s", (7,))
        row = list(cursor.fetchone())
        cursor.close()
        row[11] = bytes(row[11])
        row[13:] = [value.decode() if isinstance(value, (bytes, bytearray)) else value for value in row[13:]]
        row[14] = json.loads(row[14]) if isinstance(row[14], str) else row[14]
        for found, wanted in zip(row, [*VALUES[:14], json.loads(VALUES[14])], strict=True):
            same(found, wanted, "value")

    def transactions(self):
        count = f"SELECT COUNT(*) FROM {self.table}"
        before = self.execute(count)[0][0][0]
        for end, wanted in (("ROLLBACK", before), ("COMMIT", before + 1)):
            self.execute("START TRANSACTION")
            self.execute(f"INSERT INTO {self.table} (name) VALUES ('transaction')")
            same(self.execute(count)[0][0][0], before + 1, "rows inside")
            self.execute(end)
            same(self.execute(count)[0][0][0], wanted, f"rows after {end}")

    def local_infile(self):
        with tempfile.NamedTemporaryFile("w", suffix=".tsv") as file:
            file.writelines(f"{1000 + number}\tline {number}\n" for number in range(1000))
            file.flush()
            affected = self.execute(f"LOAD DATA LOCAL INFILE '{file.name}' INTO TABLE {self.table}")[2]
        same(affected, 1000, "affected rows")
        same(self.execute(f"SELECT COUNT(*) FROM {self.table} WHERE name LIKE 'line %'")[0], [(1000,)], "rows loaded")

    def multi_statement(self):
        results = self.driver.statements(self.connection, "SELECT 1; SELECT 2, 3; SELECT 'four'")
        same([[tuple(row) for row in rows] for rows in results], [[(1,)], [(2, 3)], [("four",)]], "results")
        same(self.execute("SELECT 5")[0], [(5,)], "the statement after")

    def procedure(self):
        self.execute(f"CREATE PROCEDURE {self.table}_two() BEGIN SELECT 1 AS a; SELECT 2 AS b UNION SELECT 3; END")
        results = self.driver.call(self.connection, f"{self.table}_two")
        same([[tuple(row) for row in rows] for rows in results], [[(1,)], [(2,), (3,)]], "results")
        same(self.execute("SELECT 5")[0], [(5,)], "the statement after")

    def big_packet(self):
        self.execute(f"CREATE TABLE {self.table}_big (id INT, body LONGBLOB)")
        body = os.urandom(1024) * (BIG // 1024)
        self.execute(f"INSERT INTO {self.table}_big VALUES (1, %s)", (body,))
        self.read_back(1, body)

    def long_data(self):
        body = os.urandom(1024) * 1024
        self.driver.long_data(self.connection, f"INSERT INTO {self.table}_big VALUES (2, %s)", body)
        self.read_back(2, body)

    def read_back(self, row, body):
        found = bytes(self.execute(f"SELECT body FROM {self.table}_big WHERE id = {row}")[0][0][0])
        same(len(found), len(body), "length")
        if found != body:
            raise AssertionError(f"{len(body)} bytes came back changed")

    def cursor(self):
        cursor = self.driver.streaming_cursor(self.connection)
        values = " UNION ALL ".join(f"SELECT {number} AS n" for number in range(50))
        cursor.execute(f"SELECT * FROM ({values}) AS numbers ORDER BY n")
        same([cursor.fetchone()[0] for _ in range(10)], list(range(10)), "first rows")
        same(len(cursor.fetchall()), 40, "rows left")
        cursor.close()

    def change_user(self):
        self.execute("SET @before = 1")
        self.driver.change_user(self.connection, self.arguments)
        same(self.execute("SELECT @before, DATABASE()")[0], [(None, self.arguments.database)], "state after it")

    def reset(self):
        self.execute("SET @before = 1")
        self.driver.reset(self.connection)
        same(self.execute("SELECT @before, DATABASE()")[0], [(None, self.arguments.database)], "state after it")

    def errors(self):
        name = self.execute(f"SELECT name FROM {self.table} WHERE id = 1")[0][0][0]
        for sql, code, sqlstate in (
            ("SELEC 1", 1064, "42000"),
            (f"INSERT INTO {self.table} (name) VALUES ('{name}')", 1062, "23000"),
        ):
            try:
                self.execute(sql)
            except Exception as error:
                same(self.driver.code(error), code, "error code")
                if self.driver.sqlstate(error) is not None:
                    same(self.driver.sqlstate(error), sqlstate, "SQLSTATE")
            else:
                raise AssertionError(f"{sql} went through")
        same(self.execute("SELECT 1")[0], [(1,)], "the statement after")

    def thousand_rows(self):
        digits = "(SELECT 0 d " + " ".join(f"UNION ALL SELECT {digit}" for digit in range(1, 10)) + ")"
        rows = self.execute(
            f"SELECT a.d * 100 + b.d * 10 + c.d AS n, REPEAT('x', 100) FROM {digits} a, {digits} b, {digits} c ORDER BY n"
        )[0]
        same(rows, [(number, "x" * 100) for number in range(1000)], "rows")

    def close(self):
        self.clean_up(ignore=False)

    def clean_up(self, ignore=True):
        try:
            self.execute(f"DROP PROCEDURE IF EXISTS {self.table}_two")
            self.execute(f"DROP TABLE IF EXISTS {self.table}, {self.table}_types, {self.table}_big")
            self.connection.close()
        except Exception:
            if not ignore:
                raise


def main(*drivers):
    """Runs the scenario with each of the drivers (a label tells them apart); exits with the status."""
    arguments = parse_arguments()
    for driver in drivers:
        if not Scenario(driver, arguments, getattr(driver, "label", "")).run():
            sys.exit(1)
