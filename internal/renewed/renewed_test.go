package renewed_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/renewed"
)

func TestFile(t *testing.T) {
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
	var said bytes.Buffer
	log := slog.New(slog.NewTextHandler(&said, nil))
	if _, err := renewed.Open(name, 0, log, read); err == nil {
		t.Error("a file that is not there was opened")
	}
	write("one")
	f, err := renewed.Open(name, 0, log, read)
	if err != nil {
		t.Fatal(err)
	}
	seldom, err := renewed.Open(name, time.Hour, log, read)
	if err != nil {
		t.Fatal(err)
	}
	expect := func(want, word string) {
		t.Helper()
		if got := f.Value(); got != want || strings.Contains(said.String(), "no good") != (word != "") || !strings.Contains(said.String(), word) {
			t.Errorf("%q, want %q; said %q, want %q", got, want, said.String(), word)
		}
		said.Reset()
	}
	expect("one", "")
	write("two")
	expect("two", "")
	write("")
	expect("two", "empty")
	write("three")
	expect("three", "")
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	expect("three", "no such file")
	if got := seldom.Value(); got != "one" {
		t.Errorf("looked at before its time: %q", got)
	}
}
