//! sqlx: the common scenario (`../README.md`). It prepares every statement that has parameters.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use driver_scenario::{self as scenario, Arguments, BIG, DOCUMENT, Tls, WORDS, same, skip, step};
use futures_util::TryStreamExt;
use sqlx::mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlSslMode};
use sqlx::types::BigDecimal;
use sqlx::types::time::{Date, PrimitiveDateTime, Time};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Either, Executor, MySqlConnection, Row};

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
    let mut run = Run { connection, table: scenario::table("sqlx") };
    let result = run.steps().await;
    let closed = step("close", run.close()).await;
    result.and(closed)
}

async fn login(arguments: &Arguments) -> Result<MySqlConnection> {
    let mut options = MySqlConnectOptions::new()
        .host(&arguments.host)
        .port(arguments.port)
        .username(&arguments.user)
        .password(&arguments.password)
        .database(&arguments.database)
        .ssl_mode(match (arguments.tls, &arguments.ca) {
            (Tls::Disabled, _) => MySqlSslMode::Disabled,
            (_, Some(_)) => MySqlSslMode::VerifyCa,
            (Tls::Required, None) => MySqlSslMode::Required,
            (Tls::Preferred, None) => MySqlSslMode::Preferred,
        });
    if let Some(ca) = &arguments.ca {
        options = options.ssl_ca(ca);
    }
    let mut connection = options.connect().await?;
    let user: String = sqlx::query_scalar("SELECT CURRENT_USER()").fetch_one(&mut connection).await?;
    same(user.split('@').next(), Some(arguments.user.as_str()), "CURRENT_USER()")?;
    Ok(connection)
}

struct Run {
    connection: MySqlConnection,
    table: String,
}

impl Run {
    async fn steps(&mut self) -> Result<()> {
        step("select-one", self.select_one()).await?;
        step("text-insert", self.text_insert()).await?;
        step("types", self.types()).await?;
        step("transactions", self.transactions()).await?;
        skip("local-infile", "no LOCAL INFILE");
        step("multi-statement", self.multi_statement()).await?;
        step("procedure", self.procedure()).await?;
        step("big-packet", self.big_packet()).await?;
        skip("long-data", "no COM_STMT_SEND_LONG_DATA");
        skip("cursor", "no server-side cursor");
        skip("change-user", "no COM_CHANGE_USER");
        skip("reset", "no COM_RESET_CONNECTION");
        step("errors", self.errors()).await?;
        step("thousand-rows", self.thousand_rows()).await
    }

    /// Runs one statement by the text protocol; returns (last insert id, affected rows).
    async fn text(&mut self, sql: String) -> Result<(u64, u64)> {
        let done = self.connection.execute(sqlx::raw_sql(AssertSqlSafe(sql))).await?;
        Ok((done.last_insert_id(), done.rows_affected()))
    }

    async fn count(&mut self) -> Result<i64> {
        let sql = format!("SELECT COUNT(*) FROM {}", self.table);
        Ok(sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut self.connection).await?)
    }

    async fn select_one(&mut self) -> Result<()> {
        let one: i64 = self.connection.fetch_one(sqlx::raw_sql("SELECT 1")).await?.try_get(0)?;
        same(one, 1, "SELECT 1")
    }

    async fn text_insert(&mut self) -> Result<()> {
        let table = &self.table.clone();
        self.text(format!("CREATE TABLE {table} (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE)")).await?;
        let three = self.text(format!("INSERT INTO {table} (name) VALUES ('one'), ('two'), ('three')")).await?;
        same(three, (1, 3), "last insert id and affected rows")?;
        let one = self.text(format!("INSERT INTO {table} (name) VALUES ('four')")).await?;
        same(one, (4, 1), "last insert id and affected rows")
    }

    async fn types(&mut self) -> Result<()> {
        self.text(scenario::create_types(&self.table)).await?;
        let day = Date::from_calendar_date(2024, 2.try_into()?, 29)?;
        let clock = Time::from_hms(12, 34, 56)?;
        let moment = PrimitiveDateTime::new(day, Time::from_hms_micro(23, 59, 58, 123_456)?);
        let bytes = (0..=255).collect::<Vec<u8>>();
        let amount: BigDecimal = "12345678901234567890.0123456789".parse()?;
        let document: serde_json::Value = serde_json::from_str(DOCUMENT)?;
        let insert = format!("INSERT INTO {}_types VALUES (?{})", self.table, ", ?".repeat(14));
        for id in [7, 8] {
            let done = sqlx::query(AssertSqlSafe(insert.clone()))
                .bind(id)
                .bind(i8::MIN)
                .bind(i16::MIN)
                .bind(i32::MIN)
                .bind(i64::MIN)
                .bind(u64::MAX)
                .bind(&amount)
                .bind(0.1)
                .bind(day)
                .bind(clock)
                .bind(moment)
                .bind(&bytes)
                .bind(None::<i32>)
                .bind(WORDS)
                .bind(&document)
                .execute(&mut self.connection)
                .await?;
            same(done.rows_affected(), 1, "affected rows")?;
        }
        let select = format!("SELECT * FROM {}_types WHERE id = ?", self.table);
        let row = sqlx::query(AssertSqlSafe(select)).bind(7).fetch_one(&mut self.connection).await?;
        same((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?), (7_i32, i8::MIN, i16::MIN), "small integers")?;
        same((row.try_get(3)?, row.try_get(4)?, row.try_get(5)?), (i32::MIN, i64::MIN, u64::MAX), "integers")?;
        same((row.try_get(6)?, row.try_get(7)?), (amount, 0.1_f64), "decimal and double")?;
        same((row.try_get(8)?, row.try_get(9)?, row.try_get(10)?), (day, clock, moment), "times")?;
        same((row.try_get(11)?, row.try_get(12)?), (bytes, None::<i32>), "blob and NULL")?;
        same(row.try_get(13)?, WORDS.to_owned(), "text")?;
        same(row.try_get(14)?, document, "JSON")
    }

    async fn transactions(&mut self) -> Result<()> {
        let before = self.count().await?;
        let insert = format!("INSERT INTO {} (name) VALUES ('transaction')", self.table);
        let count = format!("SELECT COUNT(*) FROM {}", self.table);
        for commit in [false, true] {
            let mut transaction = self.connection.begin().await?;
            sqlx::query(AssertSqlSafe(insert.clone())).execute(&mut *transaction).await?;
            let inside: i64 = sqlx::query_scalar(AssertSqlSafe(count.clone())).fetch_one(&mut *transaction).await?;
            same(inside, before + 1, "rows inside")?;
            if commit {
                transaction.commit().await?;
            } else {
                transaction.rollback().await?;
            }
            same(self.count().await?, before + i64::from(commit), "rows after")?;
        }
        Ok(())
    }

    /// All result sets of a text query, as the first column's integers.
    async fn results(&mut self, sql: String) -> Result<Vec<Vec<i64>>> {
        let mut results = vec![vec![]];
        let mut stream = self.connection.fetch_many(sqlx::raw_sql(AssertSqlSafe(sql)));
        while let Some(item) = stream.try_next().await? {
            match item {
                Either::Left(_) => results.push(vec![]),
                Either::Right(row) => results.last_mut().context("a result")?.push(row.try_get(0)?),
            }
        }
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
        self.text(format!("CREATE PROCEDURE {table}_two() BEGIN SELECT 1 AS a; SELECT 2 AS b UNION SELECT 3; END"))
            .await?;
        let results = self.results(format!("CALL {table}_two()")).await?;
        same(results, vec![vec![1], vec![2, 3]], "results")?;
        self.select_one().await
    }

    async fn big_packet(&mut self) -> Result<()> {
        let table = &self.table.clone();
        self.text(format!("CREATE TABLE {table}_big (body LONGBLOB)")).await?;
        let body = scenario::body(BIG);
        let insert = format!("INSERT INTO {table}_big VALUES (?)");
        sqlx::query(AssertSqlSafe(insert)).bind(&body).execute(&mut self.connection).await?;
        let select = format!("SELECT body FROM {table}_big");
        let found: Vec<u8> = sqlx::query_scalar(AssertSqlSafe(select)).fetch_one(&mut self.connection).await?;
        same(found == body, true, "20 MiB come back unchanged")
    }

    async fn errors(&mut self) -> Result<()> {
        let again = format!("INSERT INTO {} (id, name) VALUES (1, 'again')", self.table);
        for (sql, code, state) in [("SELEC 1".to_owned(), 1064, "42000"), (again, 1062, "23000")] {
            let Err(error) = self.connection.execute(sqlx::raw_sql(AssertSqlSafe(sql.clone()))).await else {
                bail!("{sql} went through");
            };
            let error =
                error.into_database_error().context("no error of the server's")?.downcast::<MySqlDatabaseError>();
            same((error.number(), error.code()), (code, Some(state)), "error")?;
        }
        self.select_one().await
    }

    async fn thousand_rows(&mut self) -> Result<()> {
        let rows: Vec<(i64, String)> =
            sqlx::query_as(AssertSqlSafe(scenario::thousand_rows())).fetch_all(&mut self.connection).await?;
        same(rows, (0..1000).map(|number| (number, "x".repeat(100))).collect(), "rows")
    }

    async fn close(mut self) -> Result<()> {
        let table = &self.table.clone();
        self.text(format!("DROP PROCEDURE IF EXISTS {table}_two")).await?;
        self.text(format!("DROP TABLE IF EXISTS {table}, {table}_types, {table}_big")).await?;
        Ok(self.connection.close().await?)
    }
}
