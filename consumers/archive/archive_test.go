package archive_test

import (
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/consumers"
	"github.com/matchwire/matchwire/consumers/archive"
	"github.com/matchwire/matchwire/consumers/consumertest"
	"github.com/matchwire/matchwire/event"
)

// open reads the file as any other program would.
func open(t *testing.T, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestAsAnyConsumer(t *testing.T) {
	consumertest.Run(t, func(t *testing.T) consumertest.Subject {
		dir := t.TempDir()
		sub := filepath.Join(dir, "sub")
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(sub, "my archive?.db")
		return consumertest.Subject{
			New: archive.New, Settings: `file: "sub/my archive?.db"`, Dir: dir,
			Effects: func() (all []string) {
				if _, err := os.Stat(file); err != nil {
					return nil
				}
				db, err := sql.Open("sqlite", "file:"+strings.ReplaceAll(strings.ReplaceAll(file, " ", "%20"), "?", "%3F")+"?mode=ro")
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				rows, err := db.Query("SELECT id || ' ' || action || ' ' || player || ' ' || event FROM events ORDER BY match, epoch, seq")
				if err != nil {
					return nil // the table is being made
				}
				defer rows.Close()
				for rows.Next() {
					var row string
					if err := rows.Scan(&row); err != nil {
						t.Fatal(err)
					}
					all = append(all, row)
				}
				if err := rows.Err(); err != nil {
					t.Fatal(err)
				}
				return all
			},
			Fail: func() func() {
				if err := os.Remove(sub); err != nil {
					t.Fatal(err)
				}
				return func() { _ = os.Mkdir(sub, 0o700) }
			},
			Hang: func() func() {
				db := open(t, "file:"+strings.ReplaceAll(strings.ReplaceAll(file, " ", "%20"), "?", "%3F")+"?_txlock=exclusive")
				tx, err := db.Begin()
				if err != nil {
					t.Fatal(err)
				}
				return func() { _ = tx.Rollback() }
			},
		}
	})
}

// store is a Redis of the test's own.
func store(t *testing.T) *redis.Client {
	t.Helper()
	r := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { r.Close() })
	return r
}

// filled is the archive of a goal, its correction and retraction, another goal
// and what is said of them twice.
func filled(t *testing.T) (h consumers.Host, goal event.Event) {
	t.Helper()
	h = consumertest.Host(t, "", t.TempDir(), store(t), slog.New(slog.DiscardHandler))
	c, err := archive.New(h)
	if err != nil {
		t.Fatal(err)
	}
	goal = consumertest.Goal()
	corrected := consumertest.Corrected(goal)
	again := goal // as a parser tells it that has lost its state
	again.Time, again.TID, again.Data.Backfill = goal.Time.Add(time.Hour), event.NewTID(), true
	for _, e := range []event.Event{again, consumertest.Retracted(corrected), goal, corrected, again, consumertest.Other(goal, 5), goal} {
		if err := c.Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return h, goal
}

func export(t *testing.T, h consumers.Host, x archive.Export) string {
	t.Helper()
	var out strings.Builder
	if err := x.Validate(); err != nil {
		t.Fatal(err)
	}
	if err := x.Run(t.Context(), h, &out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestExport(t *testing.T) {
	h, goal := filled(t)
	var said []string
	for line := range strings.Lines(export(t, h, archive.Export{Format: "jsonl"})) {
		e, err := event.Decode([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, e.Type)
		if e.ID == goal.ID && (e.TID != goal.TID || e.Data.Backfill) {
			t.Errorf("kept is not the first telling: %s", line)
		}
	}
	if got := strings.Join(said, " "); got != "soccer.mls.goal soccer.mls.goal_corrected soccer.mls.goal_retracted soccer.mls.goal" {
		t.Errorf("archived: %s", got)
	}
	rows, err := csv.NewReader(strings.NewReader(export(t, h, archive.Export{Format: "csv", Keys: []string{"*.*.goal"}}))).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][13] != "player" || rows[1][13] != "Sebastian Giovinco" || rows[2][13] != "Jonathan Osorio" || rows[1][16] != "6'" {
		t.Errorf("%v %v", rows, err)
	}
	for x, want := range map[*archive.Export]int{
		{Format: "jsonl", Match: goal.Subject}:                                         4,
		{Format: "jsonl", Match: "another"}:                                            0,
		{Format: "jsonl", Since: goal.Time.Add(time.Hour).Format(time.RFC3339)}:        0,
		{Format: "jsonl", Until: goal.Time.Add(48 * time.Hour).Format(time.DateOnly)}:  4,
		{Format: "jsonl", Since: goal.Time.Add(-48 * time.Hour).Format(time.DateOnly)}: 4,
	} {
		if got := strings.Count(export(t, h, *x), "\n"); got != want {
			t.Errorf("%+v gives %d events, want %d", *x, got, want)
		}
	}
}

func TestMistakes(t *testing.T) {
	for x, want := range map[*archive.Export]string{
		{Since: "yesterday"}:       `--since "yesterday": want a time like`,
		{Until: "28.11.2026"}:      `--until "28.11.2026"`,
		{Keys: []string{"soccer"}}: `topic pattern "soccer"`,
	} {
		if err := x.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	dir := t.TempDir()
	for settings, want := range map[string]string{
		"file: none/archive.db": "none: no such file or directory", `file: ""`: "file: want the name of a file", "keys: [soccer]": `keys: topic pattern "soccer"`,
	} {
		if _, err := archive.New(consumertest.Host(t, settings, dir, nil, slog.Default())); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", settings, err, want)
		}
	}
	later := open(t, filepath.Join(dir, "archive.db"))
	if _, err := later.Exec("PRAGMA user_version = 2"); err != nil {
		t.Fatal(err)
	}
	c, err := archive.New(consumertest.Host(t, "", dir, store(t), slog.Default()))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Handle(t.Context(), consumertest.Goal()); err == nil || !strings.Contains(err.Error(), "schema version 2") {
		t.Errorf("%v, want an error about the version", err)
	}
}

// Two files would have a part of the events each: the second is refused, but not
// one who writes to the same file.
func TestOneFile(t *testing.T) {
	r := store(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 2)
	run := func(dir string) consumers.Consumer {
		c, err := archive.New(consumertest.Host(t, "", dir, r, slog.New(slog.DiscardHandler)))
		if err != nil {
			t.Fatal(err)
		}
		go func() { done <- c.Run(ctx) }()
		return c
	}
	one := t.TempDir()
	run(one)
	for r.Exists(t.Context(), "mw:archive:file").Val() == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	two := t.TempDir()
	if err := run(two).Handle(t.Context(), consumertest.Goal()); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("an event goes into another file: %v", err)
	}
	if _, err := os.Stat(filepath.Join(two, "archive.db")); err == nil {
		t.Error("another file was made")
	}
	if err := <-done; err == nil || !strings.Contains(err.Error(), "events are archived in") || !strings.Contains(err.Error(), one) {
		t.Errorf("%v, want that another file is refused", err)
	}
	run(one)
	select {
	case err := <-done:
		t.Errorf("the same file is refused: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
