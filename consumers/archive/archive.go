// Package archive is a consumer that stores events in an SQLite file. You can query the file with SQL,
// or export events with matchwire archive export.
//
// Each event ID has one row, even if the event is delivered several times. The file is on one
// machine, so run this consumer on one machine only.
package archive

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"github.com/redis/go-redis/v9"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/event"
)

// Settings holds the archive's section of the config.
type Settings struct {
	// File is the path of the database, relative to the config file. Its folder must exist. The
	// default is archive.db.
	File string `yaml:"file"`
	// Keys are the topic patterns of the events that the archive stores. The default is all events.
	Keys []string `yaml:"keys"`
}

// settings decodes and validates the archive's section of the config. It resolves the path in File.
func settings(h consumers.Host) (Settings, error) {
	set := Settings{File: "archive.db", Keys: []string{"#"}}
	if err := h.Settings(&set); err != nil {
		return set, err
	}
	if set.File == "" {
		return set, errors.New("file: want the name of a file")
	}
	if err := consumers.CheckKeys(set.Keys); err != nil {
		return set, err
	}
	set.File = h.Path(set.File)
	return set, nil
}

// An archive writes events to an SQLite file.
type archive struct {
	file  string // path
	redis redis.UniversalClient
	key   string // Redis key of the claim on the archive's file
	batch consumers.Batcher[event.Event]

	mu sync.Mutex
	db *database // nil before the first event, and after close
}

// maxBatch is the maximum number of events in one transaction.
const maxBatch = 500

// New returns the consumer. The consumer opens the file when it handles the first event.
func New(h consumers.Host) (consumers.Consumer, error) {
	set, err := settings(h)
	if err != nil {
		return consumers.Consumer{}, err
	}
	if _, err := os.Stat(filepath.Dir(set.File)); err != nil && !h.Elsewhere {
		return consumers.Consumer{}, fmt.Errorf("file: %w", err)
	}
	a := &archive{file: set.File, redis: h.Redis, key: h.Prefix + "archive:file"}
	a.batch = consumers.Batcher[event.Event]{Write: a.write, MaxItems: maxBatch}
	return consumers.Consumer{
		Keys: set.Keys, Limit: maxBatch, Rebuilds: true,
		Handle: func(ctx context.Context, e event.Event) error { return a.batch.Do(ctx, e) },
		Run:    func(ctx context.Context) error { return errors.Join(a.keepClaim(ctx), a.close()) },
	}, nil
}

// write writes a batch in one transaction. If the transaction fails and the error is not an outage,
// write writes each event in a separate transaction, so that a faulty event does not block the
// others. It returns the error of each event.
func (a *archive) write(ctx context.Context, batch []event.Event) []error {
	errs := make([]error, len(batch))
	db, err := a.open(ctx)
	if err == nil {
		if err = db.insert(ctx, batch); err == nil {
			return errs
		}
	}
	for i, e := range batch {
		if db != nil && len(batch) > 1 && !errors.Is(classify(err), broker.ErrUnavailable) {
			err = db.insert(ctx, []event.Event{e})
		}
		if err != nil {
			errs[i] = fmt.Errorf("archive %s: %w", a.file, classify(err))
		}
	}
	return errs
}

// classify makes err wrap [broker.ErrUnavailable] if it is a timeout, a cancellation, or an error
// that a locked database, the file or the disk causes. It returns any other error unchanged.
func classify(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return broker.Unavailable(err) // probably another program has locked the file
	}
	var sqliteErr *sqlite.Error
	if !errors.As(err, &sqliteErr) {
		return err
	}
	switch sqliteErr.Code() & 0xff { // the primary result code
	case sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL,
		sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return broker.Unavailable(err)
	}
	return err
}

// open returns the database. If the database is not open, open claims the file and opens it.
func (a *archive) open(ctx context.Context) (*database, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.db != nil {
		return a.db, nil
	}
	if err := a.claim(ctx); err != nil {
		return nil, err
	}
	db, err := create(ctx, a.file)
	if err == nil {
		a.db = db
	}
	return a.db, err
}

// close closes the database if it is open.
func (a *archive) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.db == nil {
		return nil
	}
	db := a.db
	a.db = nil
	return db.Close()
}
