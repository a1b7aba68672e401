package archive

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"time"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// version is the version of the schema. The file stores it as its user_version.
const version = 1

// schema creates the table of events, with columns for queries and one column for the whole event.
const schema = `
CREATE TABLE IF NOT EXISTS events (
	id       TEXT PRIMARY KEY, -- ID of the event
	tid      TEXT NOT NULL,
	type     TEXT NOT NULL,    -- routing key
	match    TEXT NOT NULL,    -- match ID; '' if the event has none
	time     INTEGER NOT NULL, -- when the page was read, Unix microseconds
	epoch    TEXT NOT NULL,
	seq      INTEGER NOT NULL, -- 1, 2, 3… within the epoch
	incident TEXT NOT NULL,
	rev      INTEGER NOT NULL,
	kind     TEXT NOT NULL,
	action   TEXT NOT NULL,    -- new, corrected, retracted
	team     TEXT NOT NULL,
	player   TEXT NOT NULL,
	event    TEXT NOT NULL     -- the CloudEvents object as JSON
);
CREATE INDEX IF NOT EXISTS events_of_match ON events (match, epoch, seq);
CREATE INDEX IF NOT EXISTS events_by_time ON events (time);
PRAGMA user_version = 1;`

// insert adds an event. After the parser loses its state, it can publish an event again with the
// same ID. The row then contains the copy with the lower (time, epoch, seq), regardless of the
// order of arrival.
const insert = `INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)
ON CONFLICT (id) DO UPDATE SET
	tid=excluded.tid, time=excluded.time, epoch=excluded.epoch, seq=excluded.seq, event=excluded.event
WHERE (excluded.time, excluded.epoch, excluded.seq) < (time, epoch, seq)`

// A database is an archive file.
type database struct{ *sql.DB }

// dial prepares access to a file. additional contains further parameters for the driver. dial does not open
// the file. Committed transactions survive a power cut.
func dial(file, additional string) (*database, error) {
	const parameters = "?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)"
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+parameters+additional)
	if err != nil {
		return nil, err
	}
	return &database{db}, nil
}

// create opens a file for writing. It creates the file and its tables if they do not exist.
func create(ctx context.Context, file string) (*database, error) {
	db, err := dial(file, "&_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // SQLite allows one writer
	if err = db.check(ctx); err == nil {
		_, err = db.ExecContext(ctx, schema)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// check returns an error if the schema of the file is newer than version.
func (db *database) check(ctx context.Context) error {
	var v int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
		return err
	}
	if v > version {
		return fmt.Errorf("schema version %d, but this matchwire supports at most %d: use a newer matchwire", v, version)
	}
	return nil
}

// insert writes events in one transaction.
func (db *database) insert(ctx context.Context, events []event.Event) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	statement, err := tx.PrepareContext(ctx, insert)
	if err != nil {
		return err
	}
	defer statement.Close()
	for _, e := range events {
		m, err := broker.NewMessage(e)
		if err != nil {
			return broker.Permanent(err)
		}
		epoch, seq := e.Position()
		d := e.Data
		if _, err := statement.ExecContext(ctx, e.ID, e.TID.String(), e.Type, e.Subject, e.Time.UnixMicro(), epoch, seq,
			d.Incident, d.Rev, string(d.Kind), string(d.Action), d.Team, d.Player, string(m.Body)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// A query selects events.
type query struct {
	match        string    // match ID; "" selects the events of all matches
	since, until time.Time // since is inclusive, until is exclusive; a zero time means no bound
}

// each calls f for each event that q selects, ordered by time, epoch, seq and ID. If f returns an
// error, each stops and returns that error. body is the event as JSON. body is valid until f returns.
func (db *database) each(ctx context.Context, q query, f func(body []byte) error) error {
	until := int64(1<<63 - 1)
	if !q.until.IsZero() {
		until = q.until.UnixMicro()
	}
	since := int64(-1 << 63)
	if !q.since.IsZero() {
		since = q.since.UnixMicro()
	}
	rows, err := db.QueryContext(ctx, `SELECT event FROM events
WHERE (? = '' OR match = ?) AND time >= ? AND time < ? ORDER BY time, epoch, seq, id`, q.match, q.match, since, until)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var body []byte
		if err := rows.Scan(&body); err != nil {
			return err
		}
		if err := f(body); err != nil {
			return err
		}
	}
	return rows.Err()
}
