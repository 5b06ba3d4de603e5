// mysql2 for Node: the common scenario (../README.md). No DEPRECATE_EOF.
"use strict";
const assert = require("node:assert/strict");
const crypto = require("node:crypto");
const fs = require("node:fs");
const { Readable } = require("node:stream");
const { parseArgs } = require("node:util");
const mysql = require("mysql2/promise");

const TYPES = `CREATE TABLE ?? (id INT PRIMARY KEY, tiny TINYINT, small SMALLINT, plain INT, big BIGINT,
  unsigned_big BIGINT UNSIGNED, amount DECIMAL(30,10), ratio DOUBLE, day DATE, clock TIME, moment DATETIME(6),
  bytes BLOB, nothing INT NULL, words VARCHAR(200) CHARACTER SET utf8mb4, document JSON)`;
const BIG = 20 * 1024 * 1024;

/** Thrown by a step that the driver cannot do. */
class Skip extends Error {}

const text = { type: "string" };
const { values: options } = parseArgs({
  options: {
    host: text, port: text, user: text, password: text, database: text, tls: text, ca: text,
    "plugin-label": { ...text, default: "" }, flavour: { ...text, default: "mysql" },
  },
});
const table = `driver_mysql2_${process.pid}`;
let connection;

/** First column of the first row of a text query. */
async function value(sql, parameters) {
  const [rows] = await connection.query({ sql, rowsAsArray: true }, parameters);
  return rows[0][0];
}

const steps = {
  async login() {
    let ssl;
    if (options.tls !== "disabled") {
      ssl = options.ca ? { ca: fs.readFileSync(options.ca) } : { rejectUnauthorized: false };
    }
    connection = await mysql.createConnection({
      host: options.host, port: Number(options.port), user: options.user, password: options.password,
      database: options.database, charset: "utf8mb4", ssl, multipleStatements: true, supportBigNumbers: true,
      dateStrings: true, infileStreamFactory: () => Readable.from(lines()),
    });
    assert.equal((await value("SELECT CURRENT_USER()")).split("@")[0], options.user);
  },

  async "select-one"() {
    assert.equal(await value("SELECT 1"), 1);
  },

  async "text-insert"() {
    await connection.query("CREATE TABLE ?? (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE)", [table]);
    const [three] = await connection.query("INSERT INTO ?? (name) VALUES ('one'), ('two'), ('three')", [table]);
    assert.deepEqual([three.insertId, three.affectedRows], [1, 3]);
    const [one] = await connection.query("INSERT INTO ?? (name) VALUES ('four')", [table]);
    assert.deepEqual([one.insertId, one.affectedRows], [4, 1]);
  },

  async types() {
    await connection.query(TYPES, [`${table}_types`]);
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, index) => index));
    const row = [
      7, -128, -32768, -2147483648, "-9223372036854775808", "18446744073709551615", "12345678901234567890.0123456789",
      0.1, "2024-02-29", "12:34:56", "2024-02-29 23:59:58.123456", bytes, null, "héllo 😀 漢字 'quoted' \\ back",
      '{"a": [1, null, "😀"]}',
    ];
    const places = row.map(() => "?").join(", ");
    for (const id of [7, 8]) {
      const [result] = await connection.execute(`INSERT INTO ${table}_types VALUES (${places})`, [id, ...row.slice(1)]);
      assert.equal(result.affectedRows, 1);
    }
    for (const way of ["execute", "query"]) {
      const [[found]] = await connection[way]({ sql: `SELECT * FROM ${table}_types WHERE id = ?`, rowsAsArray: true }, [7]);
      if (typeof found[14] === "string") found[14] = JSON.parse(found[14]);
      assert.deepEqual(found, [...row.slice(0, 14), JSON.parse(row[14])], way);
    }
  },

  async transactions() {
    const count = `SELECT COUNT(*) FROM ${table}`;
    const before = await value(count);
    for (const [end, after] of [["rollback", before], ["commit", before + 1]]) {
      await connection.beginTransaction();
      await connection.query("INSERT INTO ?? (name) VALUES ('transaction')", [table]);
      assert.equal(await value(count), before + 1);
      await connection[end]();
      assert.equal(await value(count), after, end);
    }
  },

  async "local-infile"() {
    const [result] = await connection.query("LOAD DATA LOCAL INFILE 'lines' INTO TABLE ??", [table]);
    assert.equal(result.affectedRows, 1000);
    assert.equal(await value(`SELECT COUNT(*) FROM ${table} WHERE name LIKE 'line %'`), 1000);
  },

  async "multi-statement"() {
    const [results] = await connection.query({ sql: "SELECT 1; SELECT 2, 3; SELECT 'four'", rowsAsArray: true });
    assert.deepEqual(results, [[[1]], [[2, 3]], [["four"]]]);
    assert.equal(await value("SELECT 5"), 5);
  },

  async procedure() {
    await connection.query(`CREATE PROCEDURE ${table}_two() BEGIN SELECT 1 AS a; SELECT 2 AS b UNION SELECT 3; END`);
    for (const way of ["query", "execute"]) {
      const [results] = await connection[way]({ sql: `CALL ${table}_two()`, rowsAsArray: true });
      assert.deepEqual(results.slice(0, 2), [[[1]], [[2], [3]]], way);
      assert.equal(await value("SELECT 5"), 5);
    }
  },

  async "big-packet"() {
    await connection.query(`CREATE TABLE ${table}_big (id INT, body LONGBLOB)`);
    const body = Buffer.alloc(BIG, crypto.randomBytes(1021));
    await connection.query(`INSERT INTO ${table}_big VALUES (1, ?)`, [body]);
    assert.ok(body.equals(await value(`SELECT body FROM ${table}_big`)), "20 MiB came back changed");
  },

  async "long-data"() {
    throw new Skip("no COM_STMT_SEND_LONG_DATA");
  },

  async cursor() {
    throw new Skip("no server-side cursor");
  },

  async "change-user"() {
    await connection.query("SET @before = 1");
    await connection.changeUser({ user: options.user, password: options.password, database: options.database });
    assert.equal(await value("SELECT @before"), null);
    assert.equal(await value("SELECT DATABASE()"), options.database);
  },

  async reset() {
    if (typeof connection.reset !== "function") throw new Skip("no COM_RESET_CONNECTION");
    await connection.query("SET @before = 1");
    await connection.reset();
    assert.equal(await value("SELECT @before"), null);
    assert.equal(await value("SELECT DATABASE()"), options.database);
  },

  async errors() {
    const wrong = [["SELEC 1", 1064, "42000"], [`INSERT INTO ${table} (id, name) VALUES (1, 'again')`, 1062, "23000"]];
    for (const [sql, errno, sqlState] of wrong) {
      await assert.rejects(connection.query(sql), { errno, sqlState });
    }
    assert.equal(await value("SELECT 1"), 1);
  },

  async "thousand-rows"() {
    const digits = `(SELECT 0 d ${[1, 2, 3, 4, 5, 6, 7, 8, 9].map((digit) => `UNION ALL SELECT ${digit}`).join(" ")})`;
    const sql = `SELECT a.d * 100 + b.d * 10 + c.d AS n, REPEAT('x', 100) FROM ${digits} a, ${digits} b, ${digits} c ORDER BY n`;
    const [rows] = await connection.query({ sql, rowsAsArray: true });
    assert.deepEqual(rows, Array.from({ length: 1000 }, (_, number) => [number, "x".repeat(100)]));
  },

  async close() {
    await cleanUp();
  },
};

function* lines() {
  for (let number = 0; number < 1000; number++) yield Buffer.from(`${1000 + number}\tline ${number}\n`);
}

async function cleanUp() {
  await connection.query(`DROP PROCEDURE IF EXISTS ${table}_two`);
  await connection.query(`DROP TABLE IF EXISTS ${table}, ${table}_types, ${table}_big`);
  await connection.end();
}

async function main() {
  for (const [name, step] of Object.entries(steps)) {
    try {
      await step();
      console.log(`ok ${name}`);
    } catch (error) {
      if (error instanceof Skip) {
        console.log(`skip ${name}: ${error.message}`);
        continue;
      }
      console.error(`FAIL ${name} ${options["plugin-label"]}: ${error.message}`);
      await cleanUp().catch(() => {});
      process.exit(1);
    }
  }
}

main();
