//! mysql_async: the common scenario (`../README.md`), text and prepared.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use driver_scenario::{self as scenario, Arguments, BIG, DOCUMENT, Tls, WORDS, same, skip, step};
use futures_util::{StreamExt, stream};
use mysql_async::prelude::Queryable;
use mysql_async::{ChangeUserOpts, Conn, Error, OptsBuilder, Params, Row, SslOpts, TxOpts, Value};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    scenario::report(run().await)
}

async fn run() -> Result<()> {
    let arguments = Arguments::parse()?;
    let mut connection = None;
    step("login", async {
        connection = Some(login(&arguments).await?);
        Ok(())
    })
    .await?;
    let connection = connection.context("no connection")?;
    let mut run = Run { connection, table: scenario::table("mysql_async"), arguments };
    let result = run.steps().await;
    let closed = step("close", run.close()).await;
    result.and(closed)
}

async fn login(arguments: &Arguments) -> Result<Conn> {
    // The driver knows no `preferred`, and with roots it always checks the name too (its way to skip that misses
    // certificates without any name).
    let tls = (arguments.tls == Tls::Required).then(|| match &arguments.ca {
        Some(ca) => SslOpts::default().with_root_certs(vec![ca.clone().into()]).with_disable_built_in_roots(true),
        None => SslOpts::default().with_danger_accept_invalid_certs(true),
    });
    let options = OptsBuilder::default()
        .ip_or_hostname(&arguments.host)
        .tcp_port(arguments.port)
        .user(Some(&arguments.user))
        .pass(Some(&arguments.password))
        .db_name(Some(&arguments.database))
        .prefer_socket(false)
        .ssl_opts(tls);
    let mut connection = Conn::new(options).await?;
    let user: String = connection.query_first("SELECT CURRENT_USER()").await?.context("no row")?;
    same(user.split('@').next(), Some(arguments.user.as_str()), "CURRENT_USER()")?;
    Ok(connection)
}

struct Run {
    connection: Conn,
    table: String,
    arguments: Arguments,
}

impl Run {
    async fn steps(&mut self) -> Result<()> {
        step("select-one", self.select_one()).await?;
        step("text-insert", self.text_insert()).await?;
        step("types", self.types()).await?;
        step("transactions", self.transactions()).await?;
        step("local-infile", self.local_infile()).await?;
        step("multi-statement", self.multi_statement()).await?;
        step("procedure", self.procedure()).await?;
        step("big-packet", self.big_packet()).await?;
        // Only a statement longer than max_allowed_packet makes the driver send its parameters in pieces.
        step("long-data", self.long_data()).await?;
        skip("cursor", "no server-side cursor");
        step("change-user", self.change_user()).await?;
        step("reset", self.reset()).await?;
        step("errors", self.errors()).await?;
        step("thousand-rows", self.thousand_rows()).await
    }

    async fn count(&mut self) -> Result<i64> {
        let sql = format!("SELECT COUNT(*) FROM {}", self.table);
        self.connection.query_first(sql).await?.context("no row")
    }

    async fn select_one(&mut self) -> Result<()> {
        same(self.connection.query_first("SELECT 1").await?, Some(1), "SELECT 1")
    }

    async fn text_insert(&mut self) -> Result<()> {
        let table = &self.table;
        let create = format!("CREATE TABLE {table} (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE)");
        self.connection.query_drop(create).await?;
        for (values, last, affected) in [("('one'), ('two'), ('three')", 1, 3), ("('four')", 4, 1)] {
            self.connection.query_drop(format!("INSERT INTO {table} (name) VALUES {values}")).await?;
            let found = (self.connection.last_insert_id(), self.connection.affected_rows());
            same(found, (Some(last), affected), "last insert id and affected rows")?;
        }
        Ok(())
    }

    async fn types(&mut self) -> Result<()> {
        self.connection.query_drop(scenario::create_types(&self.table)).await?;
        let row = vec![
            Value::Int(7),
            Value::Int(i8::MIN.into()),
            Value::Int(i16::MIN.into()),
            Value::Int(i32::MIN.into()),
            Value::Int(i64::MIN),
            Value::UInt(u64::MAX),
            Value::Bytes(b"12345678901234567890.0123456789".to_vec()),
            Value::Double(0.1),
            Value::Date(2024, 2, 29, 0, 0, 0, 0),
            Value::Time(false, 0, 12, 34, 56, 0),
            Value::Date(2024, 2, 29, 23, 59, 58, 123_456),
            Value::Bytes((0..=255).collect()),
            Value::NULL,
            Value::Bytes(WORDS.into()),
            Value::Bytes(DOCUMENT.into()),
        ];
        let insert = format!("INSERT INTO {}_types VALUES (?{})", self.table, ", ?".repeat(14));
        for id in [7, 8] {
            let mut row = row.clone();
            row[0] = Value::Int(id);
            self.connection.exec_drop(&insert, Params::Positional(row)).await?;
            same(self.connection.affected_rows(), 1, "affected rows")?;
        }
        let select = format!("SELECT * FROM {}_types WHERE id = ?", self.table);
        let found: Row = self.connection.exec_first(select, (7,)).await?.context("no row")?;
        same(found.unwrap(), row, "row")
    }

    async fn transactions(&mut self) -> Result<()> {
        let before = self.count().await?;
        for commit in [false, true] {
            let mut transaction = self.connection.start_transaction(TxOpts::default()).await?;
            transaction.query_drop(format!("INSERT INTO {} (name) VALUES ('transaction')", self.table)).await?;
            let inside = transaction.query_first(format!("SELECT COUNT(*) FROM {}", self.table)).await?;
            same(inside, Some(before + 1), "rows inside")?;
            if commit {
                transaction.commit().await?;
            } else {
                transaction.rollback().await?;
            }
            same(self.count().await?, before + i64::from(commit), "rows after")?;
        }
        Ok(())
    }

    async fn local_infile(&mut self) -> Result<()> {
        self.connection.set_infile_handler(async {
            let lines = (0..1000).map(|number| Ok(format!("{}\tline {number}\n", 1000 + number).into()));
            Ok(stream::iter(lines).boxed())
        });
        let table = &self.table;
        self.connection.query_drop(format!("LOAD DATA LOCAL INFILE 'lines' INTO TABLE {table}")).await?;
        same(self.connection.affected_rows(), 1000, "affected rows")?;
        let count = format!("SELECT COUNT(*) FROM {table} WHERE name LIKE 'line %'");
        same(self.connection.query_first(count).await?, Some(1000), "rows loaded")
    }

    /// All result sets of a text query, as the first column's integers.
    async fn results(&mut self, sql: String) -> Result<Vec<Vec<i64>>> {
        let mut results = Vec::new();
        let mut result = self.connection.query_iter(sql).await?;
        while !result.is_empty() {
            let rows: Vec<i64> = result.collect().await?;
            results.push(rows);
        }
        result.drop_result().await?;
        results.retain(|rows| !rows.is_empty());
        Ok(results)
    }

    async fn multi_statement(&mut self) -> Result<()> {
        let results = self.results("SELECT 1; SELECT 2; SELECT 4".to_owned()).await?;
        same(results, vec![vec![1], vec![2], vec![4]], "results")?;
        self.select_one().await
    }

    async fn procedure(&mut self) -> Result<()> {
        let table = &self.table.clone();
        let body = "BEGIN SELECT 1 AS a; SELECT 2 AS b UNION SELECT 3; END";
        self.connection.query_drop(format!("CREATE PROCEDURE {table}_two() {body}")).await?;
        let results = self.results(format!("CALL {table}_two()")).await?;
        same(results, vec![vec![1], vec![2, 3]], "results")?;
        self.select_one().await
    }

    async fn big_packet(&mut self) -> Result<()> {
        let create = format!("CREATE TABLE {}_big (id INT, body LONGBLOB, more LONGBLOB)", self.table);
        self.connection.query_drop(create).await?;
        let body = scenario::body(BIG);
        self.connection.exec_drop(format!("INSERT INTO {}_big VALUES (1, ?, NULL)", self.table), (&body,)).await?;
        let select = format!("SELECT body FROM {}_big WHERE id = ?", self.table);
        let found: Vec<u8> = self.connection.exec_first(select, (1,)).await?.context("no row")?;
        same(found == body, true, "20 MiB come back unchanged")
    }

    async fn long_data(&mut self) -> Result<()> {
        let body = scenario::body(33 << 20);
        let insert = format!("INSERT INTO {}_big VALUES (2, ?, ?)", self.table);
        self.connection.exec_drop(insert, (&body, &body)).await?;
        for column in ["body", "more"] {
            let select = format!("SELECT {column} FROM {}_big WHERE id = ?", self.table);
            let found: Vec<u8> = self.connection.exec_first(select, (2,)).await?.context("no row")?;
            same(found == body, true, "33 MiB come back unchanged")?;
        }
        Ok(())
    }

    async fn change_user(&mut self) -> Result<()> {
        self.connection.query_drop("SET @before = 1").await?;
        self.connection.change_user(ChangeUserOpts::default()).await?;
        self.fresh().await
    }

    async fn reset(&mut self) -> Result<()> {
        self.connection.query_drop("SET @before = 1").await?;
        same(self.connection.reset().await?, true, "the driver's COM_RESET_CONNECTION")?;
        self.fresh().await
    }

    async fn fresh(&mut self) -> Result<()> {
        let found: Option<(Option<i64>, String)> = self.connection.query_first("SELECT @before, DATABASE()").await?;
        same(found, Some((None, self.arguments.database.clone())), "state after it")
    }

    async fn errors(&mut self) -> Result<()> {
        let again = format!("INSERT INTO {} (id, name) VALUES (1, 'again')", self.table);
        for (sql, code, state) in [("SELEC 1".to_owned(), 1064, "42000"), (again, 1062, "23000")] {
            match self.connection.query_drop(&sql).await {
                Err(Error::Server(error)) => same((error.code, error.state.as_str()), (code, state), "error")?,
                other => bail!("{sql}: found {other:?}, wanted error {code}"),
            }
        }
        self.select_one().await
    }

    async fn thousand_rows(&mut self) -> Result<()> {
        let rows: Vec<(i64, String)> = self.connection.query(scenario::thousand_rows()).await?;
        same(rows, (0..1000).map(|number| (number, "x".repeat(100))).collect(), "rows")
    }

    async fn close(mut self) -> Result<()> {
        let table = &self.table;
        self.connection.query_drop(format!("DROP PROCEDURE IF EXISTS {table}_two")).await?;
        self.connection.query_drop(format!("DROP TABLE IF EXISTS {table}, {table}_types, {table}_big")).await?;
        Ok(self.connection.disconnect().await?)
    }
}
