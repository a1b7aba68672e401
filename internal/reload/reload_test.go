package reload_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/reload"
)

// Value returns the latest valid content of the file, and logs why it keeps a previous value.
func TestValueFollowsFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "key")
	changed := time.Now()
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		changed = changed.Add(time.Second)
		if err := os.Chtimes(name, changed, changed); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (string, error) {
		b, err := os.ReadFile(name)
		if err == nil && len(b) == 0 {
			err = errors.New("empty")
		}
		return string(b), err
	}
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	if _, err := reload.Open(name, 0, log, read); err == nil {
		t.Error("Open of a missing file returned no error, want one")
	}
	write("one")
	f, err := reload.Open(name, 0, log, read)
	if err != nil {
		t.Fatal(err)
	}
	hourly, err := reload.Open(name, time.Hour, log, read)
	if err != nil {
		t.Fatal(err)
	}
	check := func(want, wantError string) {
		t.Helper()
		got := f.Value()
		warned := strings.Contains(logged.String(), "cannot reload file")
		if got != want || warned != (wantError != "") || !strings.Contains(logged.String(), wantError) {
			t.Errorf("Value() = %q, want %q; logged %q, want error %q", got, want, logged.String(), wantError)
		}
		logged.Reset()
	}
	check("one", "")
	write("two")
	check("two", "")
	write("")
	check("two", "empty")
	write("three")
	check("three", "")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	check("three", "no such file")
	if got := hourly.Value(); got != "one" {
		t.Errorf("Value() = %q before the interval has passed, want the first value", got)
	}
}
