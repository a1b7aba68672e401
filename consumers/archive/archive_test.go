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
	"github.com/matchwire/matchwire/internal/testenv"
)

// open opens the file with database/sql, as another program would.
func open(t *testing.T, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func TestConsumerContract(t *testing.T) {
	consumertest.Run(t, func(t *testing.T) consumertest.Subject {
		dir := t.TempDir()
		sub := filepath.Join(dir, "sub")
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(sub, "my archive?.db")
		uri := "file:" + strings.ReplaceAll(strings.ReplaceAll(file, " ", "%20"), "?", "%3F")
		return consumertest.Subject{
			New: archive.New, Settings: `file: "sub/my archive?.db"`, Dir: dir,
			Effects: func() (all []string) {
				if _, err := os.Stat(file); err != nil {
					return nil
				}
				db, err := sql.Open("sqlite", uri+"?mode=ro")
				if err != nil {
					t.Fatal(err)
				}
				defer db.Close()
				rows, err := db.Query(`SELECT id || ' ' || action || ' ' || player || ' ' || event
FROM events ORDER BY match, epoch, seq`)
				if err != nil {
					return nil // the table is being created
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
				db := open(t, uri+"?_txlock=exclusive")
				tx, err := db.Begin()
				if err != nil {
					t.Fatal(err)
				}
				return func() { _ = tx.Rollback() }
			},
		}
	})
}

// newRedis starts an embedded Redis for the test and returns a client.
func newRedis(t *testing.T) *redis.Client {
	t.Helper()
	r := redis.NewClient(&redis.Options{Addr: miniredis.RunT(t).Addr()})
	t.Cleanup(func() { r.Close() })
	return r
}

// fill archives a goal, its correction, its retraction, and another goal. The events arrive out of order,
// and the first goal arrives four times. fill returns the host of the archive and the first goal.
func fill(t *testing.T) (h consumers.Host, goal event.Event) {
	t.Helper()
	h = consumertest.Host(t, "", t.TempDir(), newRedis(t), slog.New(slog.DiscardHandler))
	c, err := archive.New(h)
	if err != nil {
		t.Fatal(err)
	}
	goal = consumertest.Goal()
	corrected := consumertest.Corrected(goal)
	again := goal // the copy that a parser publishes after it has lost its state
	again.Time, again.TID, again.Data.Backfill = goal.Time.Add(time.Hour), event.NewTID(), true
	events := []event.Event{
		again, consumertest.Retracted(corrected), goal, corrected, again, consumertest.Other(goal, 5), goal,
	}
	for _, e := range events {
		if err := c.Handle(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	return h, goal
}

// export runs x and returns its output.
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
	h, goal := fill(t)
	var types []string
	for line := range strings.Lines(export(t, h, archive.Export{Format: "jsonl"})) {
		e, err := event.Decode([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		types = append(types, e.Type)
		if e.ID == goal.ID && (e.TID != goal.TID || e.Data.Backfill) {
			t.Errorf("the archive stores the later copy of the goal, want the earlier copy: %s", line)
		}
	}
	const want = "soccer.mls.goal soccer.mls.goal_corrected soccer.mls.goal_retracted soccer.mls.goal"
	if got := strings.Join(types, " "); got != want {
		t.Errorf("exported %s, want %s", got, want)
	}
	csvText := export(t, h, archive.Export{Format: "csv", Keys: []string{"*.*.goal"}})
	rows, err := csv.NewReader(strings.NewReader(csvText)).ReadAll()
	if err != nil || len(rows) != 3 || rows[0][13] != "player" || rows[1][13] != "Sebastian Giovinco" ||
		rows[2][13] != "Jonathan Osorio" || rows[1][16] != "6'" {
		t.Errorf("exported CSV rows %v, error %v; want a header and two goals, the first at 6'", rows, err)
	}
	for x, want := range map[*archive.Export]int{
		{Format: "jsonl", Match: goal.Subject}:                                         4,
		{Format: "jsonl", Match: "another"}:                                            0,
		{Format: "jsonl", Since: goal.Time.Add(time.Hour).Format(time.RFC3339)}:        0,
		{Format: "jsonl", Until: goal.Time.Add(48 * time.Hour).Format(time.DateOnly)}:  4,
		{Format: "jsonl", Since: goal.Time.Add(-48 * time.Hour).Format(time.DateOnly)}: 4,
	} {
		if got := strings.Count(export(t, h, *x), "\n"); got != want {
			t.Errorf("export %+v printed %d events, want %d", *x, got, want)
		}
	}
}

// Invalid flags, invalid settings and a file with a newer schema are errors.
func TestMistakesAreErrors(t *testing.T) {
	for x, want := range map[*archive.Export]string{
		{Since: "yesterday"}:       `--since "yesterday": want a time like`,
		{Until: "28.11.2026"}:      `--until "28.11.2026"`,
		{Keys: []string{"soccer"}}: `topic pattern "soccer"`,
	} {
		if err := x.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("export %+v: error %v, want %q", *x, err, want)
		}
	}
	dir := t.TempDir()
	for settings, want := range map[string]string{
		"file: none/archive.db": "none: no such file or directory",
		`file: ""`:              "file: want the name of a file",
		"keys: [soccer]":        `keys[0]: topic pattern "soccer"`,
	} {
		_, err := archive.New(consumertest.Host(t, settings, dir, nil, slog.Default()))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("settings %s: error %v, want %q", settings, err, want)
		}
	}
	newer := open(t, filepath.Join(dir, "archive.db"))
	if _, err := newer.Exec("PRAGMA user_version = 2"); err != nil {
		t.Fatal(err)
	}
	c, err := archive.New(consumertest.Host(t, "", dir, newRedis(t), slog.Default()))
	if err != nil {
		t.Fatal(err)
	}
	err = c.Handle(t.Context(), consumertest.Goal())
	if err == nil || !strings.Contains(err.Error(), "schema version 2") {
		t.Errorf("Handle with a file of a newer schema: error %v, want one with \"schema version 2\"", err)
	}
}

// A second archive with a different file stops. Otherwise each file would contain only part of the
// events. A second archive with the same file runs.
func TestSecondFileIsRefused(t *testing.T) {
	r := newRedis(t)
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
	claimed := func() bool { return r.Exists(t.Context(), "mw:archive:file").Val() == 1 }
	testenv.Eventually(t, claimed, "the first archive to claim its file")
	two := t.TempDir()
	if err := run(two).Handle(t.Context(), consumertest.Goal()); !errors.Is(err, broker.ErrUnavailable) {
		t.Errorf("Handle with another file: error %v, want ErrUnavailable", err)
	}
	if _, err := os.Stat(filepath.Join(two, "archive.db")); err == nil {
		t.Error("the second archive created its file")
	}
	if err := <-done; err == nil || !strings.Contains(err.Error(), "events are archived in") ||
		!strings.Contains(err.Error(), one) {
		t.Errorf("Run with another file: error %v, want one that contains %s", err, one)
	}
	if err := run(one).Handle(t.Context(), consumertest.Goal()); err != nil {
		t.Errorf("Handle with the same file: error %v, want nil", err)
	}
	cancel()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
