// go-sql-driver: the common scenario (../README.md).
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

const typesTable = `CREATE TABLE %s (id INT PRIMARY KEY, tiny TINYINT, small SMALLINT, plain INT, big BIGINT,
	unsigned_big BIGINT UNSIGNED, amount DECIMAL(30,10), ratio DOUBLE, day DATE, clock TIME, moment DATETIME(6),
	bytes BLOB, nothing INT NULL, words VARCHAR(200) CHARACTER SET utf8mb4, document JSON)`

const bigLength = 20 << 20

type options struct {
	host, user, password, database, tls, ca, label, flavour string
	port                                                    int
}

type scenario struct {
	options options
	db      *sql.DB
	conn    *sql.Conn
	table   string
}

// errSkip says that the driver has no such thing.
type errSkip string

func (e errSkip) Error() string { return string(e) }

func main() {
	var o options
	flag.StringVar(&o.host, "host", "", "")
	flag.IntVar(&o.port, "port", 0, "")
	flag.StringVar(&o.user, "user", "", "")
	flag.StringVar(&o.password, "password", "", "")
	flag.StringVar(&o.database, "database", "", "")
	flag.StringVar(&o.tls, "tls", "", "required, preferred or disabled")
	flag.StringVar(&o.ca, "ca", "", "")
	flag.StringVar(&o.label, "plugin-label", "", "")
	flag.StringVar(&o.flavour, "flavour", "mysql", "")
	flag.Parse()

	s := &scenario{options: o, table: fmt.Sprintf("driver_go_%d", os.Getpid())}
	steps := []struct {
		name string
		run  func() error
	}{
		{"login", s.login}, {"select-one", s.selectOne}, {"text-insert", s.textInsert}, {"types", s.types},
		{"transactions", s.transactions}, {"local-infile", s.localInfile}, {"multi-statement", s.multiStatement},
		{"procedure", s.procedure}, {"big-packet", s.bigPacket}, {"long-data", s.longData}, {"cursor", skip("no server-side cursor")},
		{"change-user", skip("no COM_CHANGE_USER")}, {"reset", skip("no COM_RESET_CONNECTION")},
		{"errors", s.errors}, {"thousand-rows", s.thousandRows}, {"close", s.close},
	}
	for _, step := range steps {
		var why errSkip
		switch err := step.run(); {
		case err == nil:
			fmt.Println("ok", step.name)
		case errors.As(err, &why):
			fmt.Printf("skip %s: %s\n", step.name, why)
		default:
			fmt.Fprintf(os.Stderr, "FAIL %s %s: %v\n", step.name, o.label, err)
			_ = s.cleanUp()
			os.Exit(1)
		}
	}
}

func skip(why string) func() error { return func() error { return errSkip(why) } }

func same(found, wanted any, what string) error {
	if !reflect.DeepEqual(found, wanted) {
		return fmt.Errorf("%s: found %.300v, wanted %.300v", what, found, wanted)
	}
	return nil
}

func (s *scenario) login() error {
	o := s.options
	config := mysql.NewConfig()
	config.Net, config.Addr = "tcp", fmt.Sprintf("%s:%d", o.host, o.port)
	config.User, config.Passwd, config.DBName = o.user, o.password, o.database
	config.MultiStatements, config.ParseTime, config.Loc = true, true, time.UTC
	switch {
	case o.tls == "disabled":
		config.TLSConfig = "false"
	case o.ca != "":
		verified, err := verifyChain(o.ca)
		if err != nil {
			return err
		}
		config.TLS = verified
	case o.tls == "required":
		config.TLSConfig = "skip-verify"
	default:
		config.TLSConfig = "preferred"
	}
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return err
	}
	s.db = sql.OpenDB(connector)
	if s.conn, err = s.db.Conn(context.Background()); err != nil {
		return err
	}
	user, err := s.value("SELECT CURRENT_USER()")
	if err != nil {
		return err
	}
	return same(strings.Split(string(user.([]byte)), "@")[0], o.user, "CURRENT_USER()")
}

// verifyChain checks the chain and not the name: the certificates that servers make for themselves bear none.
func verifyChain(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{
		InsecureSkipVerify: true,
		VerifyConnection: func(state tls.ConnectionState) error {
			intermediates := x509.NewCertPool()
			for _, certificate := range state.PeerCertificates[1:] {
				intermediates.AddCert(certificate)
			}
			_, err := state.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates})
			return err
		},
	}, nil
}

func (s *scenario) exec(query string, args ...any) (sql.Result, error) {
	return s.conn.ExecContext(context.Background(), query, args...)
}

func (s *scenario) value(query string, args ...any) (value any, err error) {
	err = s.conn.QueryRowContext(context.Background(), query, args...).Scan(&value)
	return value, err
}

func (s *scenario) count(query string) (count int, err error) {
	err = s.conn.QueryRowContext(context.Background(), query).Scan(&count)
	return count, err
}

func (s *scenario) selectOne() error {
	one, err := s.count("SELECT 1")
	if err != nil {
		return err
	}
	return same(one, 1, "SELECT 1")
}

func (s *scenario) textInsert() error {
	if _, err := s.exec("CREATE TABLE " + s.table + " (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE)"); err != nil {
		return err
	}
	for _, insert := range []struct {
		values         string
		last, affected int64
	}{{"('one'), ('two'), ('three')", 1, 3}, {"('four')", 4, 1}} {
		result, err := s.exec("INSERT INTO " + s.table + " (name) VALUES " + insert.values)
		if err != nil {
			return err
		}
		last, _ := result.LastInsertId()
		affected, _ := result.RowsAffected()
		if err := same([]int64{last, affected}, []int64{insert.last, insert.affected}, "last insert id and affected rows"); err != nil {
			return err
		}
	}
	return nil
}

func (s *scenario) types() error {
	if _, err := s.exec(fmt.Sprintf(typesTable, s.table+"_types")); err != nil {
		return err
	}
	bytes := make([]byte, 256)
	for i := range bytes {
		bytes[i] = byte(i)
	}
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)
	moment := time.Date(2024, 2, 29, 23, 59, 58, 123456000, time.UTC)
	words, document := "héllo 😀 漢字 'quoted' \\ back", `{"a": [1, null, "😀"]}`
	values := []any{7, -128, -32768, -2147483648, int64(-9223372036854775808), uint64(18446744073709551615),
		"12345678901234567890.0123456789", 0.1, day, "12:34:56", moment, bytes, nil, words, document}
	insert, err := s.conn.PrepareContext(context.Background(), "INSERT INTO "+s.table+"_types VALUES (?"+strings.Repeat(", ?", 14)+")")
	if err != nil {
		return err
	}
	for _, values[0] = range []any{7, 8} {
		if _, err := insert.Exec(values...); err != nil {
			return err
		}
	}
	if err := insert.Close(); err != nil {
		return err
	}
	var row struct {
		id, tiny, small, plain, big int64
		unsigned                    uint64
		amount, clock               string
		ratio                       float64
		day, moment                 time.Time
		bytes                       []byte
		nothing                     sql.NullInt64
		words, document             string
	}
	err = s.conn.QueryRowContext(context.Background(), "SELECT * FROM "+s.table+"_types WHERE id = ?", 7).Scan(
		&row.id, &row.tiny, &row.small, &row.plain, &row.big, &row.unsigned, &row.amount, &row.ratio, &row.day,
		&row.clock, &row.moment, &row.bytes, &row.nothing, &row.words, &row.document)
	if err != nil {
		return err
	}
	var found, wanted any
	if err := errors.Join(json.Unmarshal([]byte(row.document), &found), json.Unmarshal([]byte(document), &wanted)); err != nil {
		return err
	}
	return same(
		[]any{row.id, row.tiny, row.small, row.plain, row.big, row.unsigned, row.amount, row.ratio, row.day, row.clock,
			row.moment, row.bytes, row.nothing.Valid, row.words, found},
		[]any{int64(7), int64(-128), int64(-32768), int64(-2147483648), int64(-9223372036854775808), uint64(18446744073709551615),
			values[6], 0.1, day, "12:34:56", moment, bytes, false, words, wanted},
		"row")
}

func (s *scenario) transactions() error {
	count := "SELECT COUNT(*) FROM " + s.table
	before, err := s.count(count)
	if err != nil {
		return err
	}
	for _, commit := range []bool{false, true} {
		transaction, err := s.conn.BeginTx(context.Background(), nil)
		if err != nil {
			return err
		}
		if _, err := transaction.Exec("INSERT INTO " + s.table + " (name) VALUES ('transaction')"); err != nil {
			return err
		}
		var inside int
		if err := transaction.QueryRow(count).Scan(&inside); err != nil {
			return err
		}
		end, wanted := transaction.Rollback, before
		if commit {
			end, wanted = transaction.Commit, before+1
		}
		if err := end(); err != nil {
			return err
		}
		after, err := s.count(count)
		if err := errors.Join(err, same([]int{inside, after}, []int{before + 1, wanted}, "rows inside and after")); err != nil {
			return err
		}
	}
	return nil
}

func (s *scenario) localInfile() error {
	mysql.RegisterReaderHandler("lines", func() io.Reader {
		var lines bytes.Buffer
		for i := range 1000 {
			fmt.Fprintf(&lines, "%d\tline %d\n", 1000+i, i)
		}
		return &lines
	})
	result, err := s.exec("LOAD DATA LOCAL INFILE 'Reader::lines' INTO TABLE " + s.table)
	if err != nil {
		return err
	}
	affected, _ := result.RowsAffected()
	loaded, err := s.count("SELECT COUNT(*) FROM " + s.table + " WHERE name LIKE 'line %'")
	return errors.Join(err, same([]int{int(affected), loaded}, []int{1000, 1000}, "affected rows, and rows loaded"))
}

// results runs a query and gives all rows of all its result sets, as text.
func (s *scenario) results(query string) (results [][]string, err error) {
	rows, err := s.conn.QueryContext(context.Background(), query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for {
		// Before the last row is read: then database/sql closes the rows.
		columns, err := rows.Columns()
		if err != nil {
			return nil, err
		}
		result := []string{}
		for rows.Next() {
			var value string
			if err := rows.Scan(&value); err != nil {
				return nil, err
			}
			result = append(result, value)
		}
		if len(columns) > 0 {
			results = append(results, result)
		}
		if !rows.NextResultSet() {
			return results, rows.Err()
		}
	}
}

func (s *scenario) multiStatement() error {
	results, err := s.results("SELECT 1; SELECT 2; SELECT 'four'")
	if err != nil {
		return err
	}
	return errors.Join(same(results, [][]string{{"1"}, {"2"}, {"four"}}, "results"), s.selectOne())
}

func (s *scenario) procedure() error {
	if _, err := s.exec("CREATE PROCEDURE " + s.table + "_two() BEGIN SELECT 1 AS a; SELECT 2 AS b UNION SELECT 3; END"); err != nil {
		return err
	}
	results, err := s.results("CALL " + s.table + "_two()")
	if err != nil {
		return err
	}
	return errors.Join(same(results, [][]string{{"1"}, {"2", "3"}}, "results"), s.selectOne())
}

func (s *scenario) bigPacket() error {
	if _, err := s.exec("CREATE TABLE " + s.table + "_big (id INT, body LONGBLOB)"); err != nil {
		return err
	}
	return s.roundTrip(1, bigLength)
}

// longData: the driver sends a parameter in pieces when it is longer than its share of max_allowed_packet.
func (s *scenario) longData() error { return s.roundTrip(2, 33<<20) }

func (s *scenario) roundTrip(row, length int) error {
	body := make([]byte, length)
	if _, err := rand.Read(body[:1<<20]); err != nil {
		return err
	}
	if _, err := s.exec("INSERT INTO "+s.table+"_big VALUES (?, ?)", row, body); err != nil {
		return err
	}
	found, err := s.value("SELECT body FROM "+s.table+"_big WHERE id = ?", row)
	if err != nil {
		return err
	}
	if !bytes.Equal(found.([]byte), body) {
		return fmt.Errorf("%d bytes came back changed (%d)", length, len(found.([]byte)))
	}
	return nil
}

func (s *scenario) errors() error {
	for _, wrong := range []struct {
		query, sqlstate string
		code            uint16
	}{{"SELEC 1", "42000", 1064}, {"INSERT INTO " + s.table + " (id, name) VALUES (1, 'again')", "23000", 1062}} {
		_, err := s.exec(wrong.query)
		var found *mysql.MySQLError
		if !errors.As(err, &found) {
			return fmt.Errorf("%s: found %v, wanted error %d", wrong.query, err, wrong.code)
		}
		if err := same([]any{found.Number, string(found.SQLState[:])}, []any{wrong.code, wrong.sqlstate}, "error"); err != nil {
			return err
		}
	}
	return s.selectOne()
}

func (s *scenario) thousandRows() error {
	digits := "(SELECT 0 d UNION ALL SELECT 1 UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4" +
		" UNION ALL SELECT 5 UNION ALL SELECT 6 UNION ALL SELECT 7 UNION ALL SELECT 8 UNION ALL SELECT 9)"
	rows, err := s.conn.QueryContext(context.Background(), "SELECT a.d * 100 + b.d * 10 + c.d AS n, REPEAT('x', 100) FROM "+
		digits+" a, "+digits+" b, "+digits+" c ORDER BY n")
	if err != nil {
		return err
	}
	defer rows.Close()
	number := 0
	for ; rows.Next(); number++ {
		var found int
		var text string
		if err := rows.Scan(&found, &text); err != nil {
			return err
		}
		if err := errors.Join(same(found, number, "number"), same(text, strings.Repeat("x", 100), "text")); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), same(number, 1000, "rows"))
}

func (s *scenario) cleanUp() error {
	if s.conn == nil {
		return nil
	}
	_, procedure := s.exec("DROP PROCEDURE IF EXISTS " + s.table + "_two")
	_, tables := s.exec("DROP TABLE IF EXISTS " + s.table + ", " + s.table + "_types, " + s.table + "_big")
	return errors.Join(procedure, tables, s.conn.Close(), s.db.Close())
}

func (s *scenario) close() error { return s.cleanUp() }
