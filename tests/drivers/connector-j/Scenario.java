import com.mysql.cj.jdbc.JdbcConnection;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.LocalTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Properties;
import java.util.Random;

/** Connector/J: the common scenario (../README.md). */
public final class Scenario {
    private static final String TYPES =
        "CREATE TABLE %s (id INT PRIMARY KEY, tiny TINYINT, small SMALLINT, plain INT, big BIGINT,"
            + " unsigned_big BIGINT UNSIGNED, amount DECIMAL(30,10), ratio DOUBLE, day DATE, clock TIME,"
            + " moment DATETIME(6), bytes BLOB, nothing INT NULL,"
            + " words VARCHAR(200) CHARACTER SET utf8mb4, document JSON)";
    private static final int BIG = 20 << 20;

    private final Map<String, String> options;
    private final String table = "driver_connector_j_" + ProcessHandle.current().pid();
    private Connection connection;

    private interface Step {
        void run() throws Exception;
    }

    private Scenario(Map<String, String> options) {
        this.options = options;
    }

    public static void main(String[] arguments) {
        Map<String, String> options = new HashMap<>(Map.of("plugin-label", "", "flavour", "mysql"));
        for (int i = 0; i + 1 < arguments.length; i += 2) {
            options.put(arguments[i].substring(2), arguments[i + 1]);
        }
        System.exit(new Scenario(options).runAll() ? 0 : 1);
    }

    private boolean runAll() {
        Map<String, Step> steps = new LinkedHashMap<>();
        steps.put("login", this::login);
        steps.put("select-one", this::selectOne);
        steps.put("text-insert", this::textInsert);
        steps.put("types", this::types);
        steps.put("transactions", this::transactions);
        steps.put("local-infile", this::localInfile);
        steps.put("multi-statement", this::multiStatement);
        steps.put("procedure", this::procedure);
        steps.put("big-packet", this::bigPacket);
        steps.put("long-data", this::longData);
        steps.put("cursor", this::cursor);
        steps.put("change-user", this::changeUser);
        steps.put("reset", this::reset);
        steps.put("errors", this::errors);
        steps.put("thousand-rows", this::thousandRows);
        steps.put("close", this::cleanUp);
        for (Map.Entry<String, Step> step : steps.entrySet()) {
            try {
                step.getValue().run();
                System.out.println("ok " + step.getKey());
            } catch (Exception | AssertionError error) {
                System.err.println("FAIL " + step.getKey() + " " + options.get("plugin-label") + ": " + error);
                for (Throwable cause = error.getCause(); cause != null; cause = cause.getCause()) {
                    System.err.println("  caused by " + cause);
                }
                try {
                    cleanUp();
                } catch (Exception ignored) {
                    // The first failure is the one to tell.
                }
                return false;
            }
        }
        return true;
    }

    private static void same(Object found, Object wanted, String what) {
        if (!Objects.deepEquals(found, wanted)) {
            throw new AssertionError(what + ": found " + found + ", wanted " + wanted);
        }
    }

    private void login() throws Exception {
        Properties properties = new Properties();
        properties.setProperty("user", options.get("user"));
        properties.setProperty("password", options.get("password"));
        properties.setProperty("allowLoadLocalInfile", "true");
        properties.setProperty("allowMultiQueries", "true");
        properties.setProperty("useServerPrepStmts", "true");
        properties.setProperty("useCursorFetch", "true");
        properties.setProperty("allowPublicKeyRetrieval", "true");
        properties.setProperty("connectionTimeZone", "UTC");
        String tls = options.get("tls").toUpperCase();
        if (options.containsKey("ca") && !tls.equals("DISABLED")) {
            tls = "VERIFY_CA";
            properties.setProperty("trustCertificateKeyStoreUrl", trustStore(options.get("ca")).toUri().toString());
            properties.setProperty("trustCertificateKeyStoreType", "PKCS12");
            properties.setProperty("trustCertificateKeyStorePassword", "changeit");
        }
        properties.setProperty("sslMode", tls);
        String url = "jdbc:mysql://" + options.get("host") + ":" + options.get("port") + "/" + options.get("database");
        connection = DriverManager.getConnection(url, properties);
        same(text("SELECT CURRENT_USER()").split("@")[0], options.get("user"), "CURRENT_USER()");
    }

    private static Path trustStore(String pem) throws Exception {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        try (InputStream file = Files.newInputStream(Path.of(pem))) {
            int number = 0;
            for (Certificate certificate : CertificateFactory.getInstance("X.509").generateCertificates(file)) {
                store.setCertificateEntry("ca" + number++, certificate);
            }
        }
        Path path = Files.createTempFile("driver-trust", ".p12");
        path.toFile().deleteOnExit();
        try (OutputStream out = Files.newOutputStream(path)) {
            store.store(out, "changeit".toCharArray());
        }
        return path;
    }

    private long execute(String sql) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            return statement.executeUpdate(sql);
        }
    }

    private String text(String sql) throws SQLException {
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            rows.next();
            return rows.getString(1);
        }
    }

    private void selectOne() throws SQLException {
        same(text("SELECT 1"), "1", "SELECT 1");
    }

    private void textInsert() throws SQLException {
        execute("CREATE TABLE " + table + " (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE)");
        insert("('one'), ('two'), ('three')", 1, 3);
        insert("('four')", 4, 1);
    }

    private void insert(String values, long last, int affected) throws SQLException {
        try (Statement statement = connection.createStatement()) {
            String sql = "INSERT INTO " + table + " (name) VALUES " + values;
            same(statement.executeUpdate(sql, Statement.RETURN_GENERATED_KEYS), affected, "affected rows");
            try (ResultSet keys = statement.getGeneratedKeys()) {
                keys.next();
                same(keys.getLong(1), last, "last insert id");
            }
        }
    }

    private void types() throws SQLException {
        execute(String.format(TYPES, table + "_types"));
        byte[] bytes = new byte[256];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) i;
        }
        // MariaDB before 11 announces itself as 5.5.5-…, and the driver sends no fractions to a 5.5.
        boolean fractions = !connection.getMetaData().getDatabaseProductVersion().startsWith("5.5.5-");
        // A BigInteger beyond 2^63 would reach MariaDB as a signed one.
        Object[] row = {
            7, -128, -32768, -2147483648, -9223372036854775808L, new BigDecimal("18446744073709551615"),
            new BigDecimal("12345678901234567890.0123456789"), 0.1, LocalDate.of(2024, 2, 29), LocalTime.of(12, 34, 56),
            LocalDateTime.of(2024, 2, 29, 23, 59, 58, fractions ? 123456000 : 0), bytes, null, "héllo 😀 漢字 'quoted' \\ back",
            "{\"a\": [1, null, \"😀\"]}"};
        String places = String.join(", ", java.util.Collections.nCopies(row.length, "?"));
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO " + table + "_types VALUES (" + places + ")")) {
            for (int id : new int[] {7, 8}) {
                for (int i = 0; i < row.length; i++) {
                    insert.setObject(i + 1, i == 0 ? Integer.valueOf(id) : row[i]);
                }
                same(insert.executeUpdate(), 1, "affected rows");
            }
        }
        String sql = "SELECT * FROM " + table + "_types WHERE id = ?";
        try (PreparedStatement select = connection.prepareStatement(sql)) {
            select.setInt(1, 7);
            try (ResultSet rows = select.executeQuery()) {
                rows.next();
                Object[] found = {
                    rows.getInt(1), rows.getInt(2), rows.getInt(3), rows.getInt(4), rows.getLong(5),
                    rows.getBigDecimal(6), rows.getBigDecimal(7), rows.getDouble(8),
                    rows.getObject(9, LocalDate.class), rows.getObject(10, LocalTime.class),
                    rows.getObject(11, LocalDateTime.class), rows.getBytes(12), rows.getObject(13), rows.getString(14),
                    rows.getString(15)};
                for (int i = 0; i < row.length; i++) {
                    same(found[i], row[i], "column " + (i + 1));
                }
            }
        }
    }

    private void transactions() throws SQLException {
        String count = "SELECT COUNT(*) FROM " + table;
        int before = Integer.parseInt(text(count));
        for (boolean commit : new boolean[] {false, true}) {
            connection.setAutoCommit(false);
            execute("INSERT INTO " + table + " (name) VALUES ('transaction')");
            same(Integer.parseInt(text(count)), before + 1, "rows inside");
            if (commit) {
                connection.commit();
            } else {
                connection.rollback();
            }
            connection.setAutoCommit(true);
            same(Integer.parseInt(text(count)), commit ? before + 1 : before, "rows after");
        }
    }

    private void localInfile() throws Exception {
        Path file = Files.createTempFile("driver-lines", ".tsv");
        try {
            List<String> lines = new ArrayList<>();
            for (int i = 0; i < 1000; i++) {
                lines.add((1000 + i) + "\tline " + i);
            }
            Files.write(file, lines);
            same(execute("LOAD DATA LOCAL INFILE '" + file + "' INTO TABLE " + table), 1000L, "affected rows");
        } finally {
            Files.delete(file);
        }
        same(text("SELECT COUNT(*) FROM " + table + " WHERE name LIKE 'line %'"), "1000", "rows loaded");
    }

    private List<List<String>> results(String sql) throws SQLException {
        List<List<String>> results = new ArrayList<>();
        try (Statement statement = connection.createStatement()) {
            boolean isRows = statement.execute(sql);
            while (isRows || statement.getUpdateCount() != -1) {
                if (isRows) {
                    List<String> column = new ArrayList<>();
                    try (ResultSet rows = statement.getResultSet()) {
                        while (rows.next()) {
                            column.add(rows.getString(1));
                        }
                    }
                    results.add(column);
                }
                isRows = statement.getMoreResults();
            }
        }
        return results;
    }

    private void multiStatement() throws SQLException {
        same(results("SELECT 1; SELECT 2; SELECT 'four'"), List.of(List.of("1"), List.of("2"), List.of("four")), "results");
        selectOne();
    }

    private void procedure() throws SQLException {
        execute("CREATE PROCEDURE " + table + "_two() BEGIN SELECT 1 AS a; SELECT 2 AS b UNION SELECT 3; END");
        same(results("CALL " + table + "_two()"), List.of(List.of("1"), List.of("2", "3")), "results");
        selectOne();
    }

    private void bigPacket() throws SQLException {
        execute("CREATE TABLE " + table + "_big (id INT, body LONGBLOB)");
        byte[] body = new byte[BIG];
        new Random().nextBytes(body);
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO " + table + "_big VALUES (1, ?)")) {
            insert.setBytes(1, body);
            insert.executeUpdate();
        }
        readBack(1, body);
    }

    /** A stream goes to the server in pieces (COM_STMT_SEND_LONG_DATA). */
    private void longData() throws SQLException {
        byte[] body = new byte[1 << 20];
        new Random().nextBytes(body);
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO " + table + "_big VALUES (2, ?)")) {
            insert.setBinaryStream(1, new ByteArrayInputStream(body));
            insert.executeUpdate();
        }
        readBack(2, body);
    }

    private void readBack(int id, byte[] body) throws SQLException {
        String sql = "SELECT body FROM " + table + "_big WHERE id = ?";
        try (PreparedStatement select = connection.prepareStatement(sql)) {
            select.setInt(1, id);
            try (ResultSet rows = select.executeQuery()) {
                rows.next();
                if (!Arrays.equals(rows.getBytes(1), body)) {
                    throw new AssertionError(body.length + " bytes came back changed");
                }
            }
        }
    }

    /** useCursorFetch and a fetch size make a server-side cursor, read by COM_STMT_FETCH. */
    private void cursor() throws SQLException {
        StringBuilder numbers = new StringBuilder("SELECT 0 AS n");
        for (int i = 1; i < 50; i++) {
            numbers.append(" UNION ALL SELECT ").append(i);
        }
        String sql = "SELECT * FROM (" + numbers + ") AS numbers ORDER BY n";
        try (PreparedStatement select = connection.prepareStatement(sql)) {
            select.setFetchSize(7);
            try (ResultSet rows = select.executeQuery()) {
                int number = 0;
                for (; rows.next(); number++) {
                    same(rows.getInt(1), number, "row");
                    if (number == 20) {
                        selectOne(); // another statement while the cursor is open
                    }
                }
                same(number, 50, "rows");
            }
        }
    }

    private void changeUser() throws SQLException {
        execute("SET @before = 1");
        connection.unwrap(JdbcConnection.class).changeUser(options.get("user"), options.get("password"));
        connection.setCatalog(options.get("database"));
        same(text("SELECT @before"), null, "a user variable after it");
        same(text("SELECT DATABASE()"), options.get("database"), "the schema after it");
    }

    private void reset() throws SQLException {
        execute("SET @before = 1");
        connection.unwrap(JdbcConnection.class).resetServerState();
        same(text("SELECT @before"), null, "a user variable after it");
        same(text("SELECT DATABASE()"), options.get("database"), "the schema after it");
    }

    private void errors() throws SQLException {
        error("SELEC 1", 1064, "42000");
        error("INSERT INTO " + table + " (id, name) VALUES (1, 'again')", 1062, "23000");
        selectOne();
    }

    private void error(String sql, int code, String state) {
        try {
            execute(sql);
        } catch (SQLException error) {
            same(List.of(error.getErrorCode(), error.getSQLState()), List.of(code, state), "error");
            return;
        }
        throw new AssertionError(sql + " went through");
    }

    private void thousandRows() throws SQLException {
        String digits = "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4"
            + " UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)";
        String sql = "SELECT a.d * 100 + b.d * 10 + c.d AS n, REPEAT('x', 100) FROM " + digits + " a, " + digits + " b, "
            + digits + " c ORDER BY n";
        try (Statement statement = connection.createStatement(); ResultSet rows = statement.executeQuery(sql)) {
            int number = 0;
            for (; rows.next(); number++) {
                same(rows.getInt(1), number, "number");
                same(rows.getString(2), "x".repeat(100), "text");
            }
            same(number, 1000, "rows");
        }
    }

    private void cleanUp() throws SQLException {
        if (connection == null) {
            return;
        }
        execute("DROP PROCEDURE IF EXISTS " + table + "_two");
        execute("DROP TABLE IF EXISTS " + table + ", " + table + "_types, " + table + "_big");
        connection.close();
    }
}
