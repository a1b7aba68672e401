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

// version is that of the schema, in the file's user_version.
const version = 1

// The members of an event that people ask by stand in columns of their own,
// besides the whole event as JSON.
const schema = `
CREATE TABLE IF NOT EXISTS events (
	id       TEXT PRIMARY KEY, -- the event's
	tid      TEXT NOT NULL,
	type     TEXT NOT NULL,    -- routing key
	match    TEXT NOT NULL,    -- match ID, '' where there is none
	time     INTEGER NOT NULL, -- when the page was read, Unix microseconds
	epoch    TEXT NOT NULL,
	seq      INTEGER NOT NULL, -- of the match's events within the epoch
	incident TEXT NOT NULL,
	rev      INTEGER NOT NULL,
	kind     TEXT NOT NULL,
	action   TEXT NOT NULL,    -- new, corrected, retracted
	team     TEXT NOT NULL,
	player   TEXT NOT NULL,
	event    TEXT NOT NULL     -- the CloudEvents object
);
CREATE INDEX IF NOT EXISTS events_of_match ON events (match, epoch, seq);
CREATE INDEX IF NOT EXISTS events_by_time ON events (time);
PRAGMA user_version = 1;`

// Of two tellings of one event the first is kept, in whichever order they come.
const insert = `INSERT INTO events VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)
ON CONFLICT (id) DO UPDATE SET tid=excluded.tid, time=excluded.time, epoch=excluded.epoch, seq=excluded.seq, event=excluded.event
WHERE (excluded.time, excluded.epoch, excluded.seq) < (time, epoch, seq)`

type database struct{ *sql.DB }

// dial opens a file. What is written to it survives a loss of power.
func dial(file, more string) (*database, error) {
	name := "file:" + (&url.URL{Path: file}).EscapedPath() + "?_txlock=immediate&_pragma=busy_timeout(5000)&_pragma=synchronous(FULL)" + more
	db, err := sql.Open("sqlite", name)
	if err != nil {
		return nil, err
	}
	return &database{db}, nil
}

// create opens the file to write to it, and makes it if there is none.
func create(ctx context.Context, file string) (*database, error) {
	db, err := dial(file, "&_pragma=journal_mode(WAL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1) // there is one writer, whoever asks
	if err = db.check(ctx); err == nil {
		_, err = db.ExecContext(ctx, schema)
	}
	if err != nil {
		db.Close()
		return nil, err
	}
	return db, nil
}

// check refuses a file of a later version.
func (db *database) check(ctx context.Context) error {
	var v int
	if err := db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&v); err != nil {
		return err
	}
	if v > version {
		return fmt.Errorf("the file has schema version %d, and this matchwire knows %d: use a later one", v, version)
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
	row, err := tx.PrepareContext(ctx, insert)
	if err != nil {
		return err
	}
	defer row.Close()
	for _, e := range events {
		m, err := broker.NewMessage(e)
		if err != nil {
			return broker.Permanent(err)
		}
		epoch, seq := e.Position()
		d := e.Data
		if _, err := row.ExecContext(ctx, e.ID, e.TID.String(), e.Type, e.Subject, e.Time.UnixMicro(), epoch, seq,
			d.Incident, d.Rev, string(d.Kind), string(d.Action), d.Team, d.Player, string(m.Body)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// A query says which events are wanted.
type query struct {
	match        string    // "" of every match
	since, until time.Time // until is not included; zero: whenever
}

// each calls f for the events that q wants, by time, and those of a match in
// their order.
func (db *database) each(ctx context.Context, q query, f func(body []byte) error) error {
	until := int64(1<<63 - 1)
	if !q.until.IsZero() {
		until = q.until.UnixMicro()
	}
	since := int64(-1 << 63)
	if !q.since.IsZero() {
		since = q.since.UnixMicro()
	}
	rows, err := db.QueryContext(ctx, `SELECT event FROM events WHERE (? = '' OR match = ?) AND time >= ? AND time < ? ORDER BY time, epoch, seq, id`, q.match, q.match, since, until)
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
