package datadir

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A list is a part that consists of strings.
type list struct {
	mu    sync.Mutex
	texts []string
}

func (l *list) Replay(_ time.Time, record []byte) error {
	l.texts = append(l.texts, string(record))
	return nil
}

func (l *list) Freeze() (dump func(add func(record []byte) error) error, thaw func()) {
	l.mu.Lock()
	return func(add func([]byte) error) error {
		for _, text := range l.texts {
			if err := add([]byte(text)); err != nil {
				return err
			}
		}
		return nil
	}, l.mu.Unlock
}

// add adds a text to the list and to the folder. It reports a divergence like the embedded store.
func (l *list) add(f *Folder, part byte, text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.texts = append(l.texts, text)
	err := f.Append(part, false, []byte(text))
	if err != nil {
		f.Diverged()
	}
	return err
}

func open(t *testing.T, dir string) (*Folder, [2]*list) {
	t.Helper()
	parts := [2]*list{{}, {}}
	f, err := Open(dir, slog.New(slog.DiscardHandler), parts[0], parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return f, parts
}

// expect checks the texts that a folder contains, by part.
func expect(t *testing.T, dir string, first, second []string) {
	t.Helper()
	f, parts := open(t, dir)
	defer f.Close()
	if !slices.Equal(parts[0].texts, first) || !slices.Equal(parts[1].texts, second) {
		t.Errorf("the folder contains %q and %q, want %q and %q", parts[0].texts, parts[1].texts, first, second)
	}
}

// A folder contains everything that was appended, even after a new file has replaced the old one.
func TestReopen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, parts := open(t, dir)
	for i := range 3 {
		if err := errors.Join(parts[0].add(f, 0, fmt.Sprint("a", i)), parts[1].add(f, 1, fmt.Sprint("b", i))); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.replace(); err != nil {
		t.Fatal(err)
	}
	if err := parts[0].add(f, 0, "later"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, dir, []string{"a0", "a1", "a2", "later"}, []string{"b0", "b1", "b2"})
	if names := files(t, dir); !slices.Equal(names, []string{"data-000002", "lock"}) {
		t.Errorf("the folder has the files %q, want only the new file and the lock", names)
	}
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// A process that stops while it writes leaves an incomplete last record. The folder opens without it. A
// damaged record before the last one is an error that names the file and the offset.
func TestDamagedFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, parts := open(t, dir)
	for _, text := range []string{"one", "two", "three"} {
		if err := parts[0].add(f, 0, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, fileName(1)))
	if err != nil {
		t.Fatal(err)
	}
	with := func(content []byte) string {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, fileName(1)), content, 0o600); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	last := len(whole) - recordHeader - len("three")
	for end := last; end < len(whole); end++ {
		expect(t, with(whole[:end]), []string{"one", "two"}, nil)
	}
	expect(t, with(append(slices.Clone(whole), make([]byte, 200)...)), []string{"one", "two", "three"}, nil)

	torn := with(whole[:last+5])
	g, lists := open(t, torn)
	if err := errors.Join(lists[0].add(g, 0, "four"), g.Close()); err != nil {
		t.Fatal(err)
	}
	expect(t, torn, []string{"one", "two", "four"}, nil)

	for at := len(firstLine); at < last; at++ {
		damaged := slices.Clone(whole)
		damaged[at] ^= 0x40
		_, err := Open(with(damaged), slog.New(slog.DiscardHandler), &list{}, &list{})
		if err == nil || !strings.Contains(err.Error(), fileName(1)+": the record at offset ") {
			t.Fatalf("byte %d is damaged: error %v, want one that names the file and the offset", at, err)
		}
	}
	if _, err := Open(with([]byte("other\n")), slog.New(slog.DiscardHandler)); err == nil ||
		!strings.Contains(err.Error(), `does not begin with "matchwire data 1"`) {
		t.Errorf("a file of another program: error %v", err)
	}
}

// Only one process can use a folder.
func TestSecondProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, _ := open(t, dir)
	defer f.Close()
	_, err := Open(dir, slog.New(slog.DiscardHandler))
	if err == nil || err.Error() != "another process uses the data folder "+dir {
		t.Errorf("error %v, want one that names the folder", err)
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("the folder is a file: error %v, want one that names the file", err)
	}
}

// After a write has failed, the folder accepts no change until a new snapshot contains the change that
// was not written. The error names the file.
func TestFailedWrite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, parts := open(t, dir)
	if err := parts[0].add(f, 0, "before"); err != nil {
		t.Fatal(err)
	}
	f.file.Close() // later writes fail
	err := parts[0].add(f, 0, "failed")
	if err == nil || f.Err() == nil {
		t.Fatalf("a write to a closed file: error %v, error of the folder %v; want both", err, f.Err())
	}
	if name := filepath.Join(dir, "data-000001"); !strings.Contains(err.Error(), name+":") {
		t.Errorf("a write to a closed file: error %q, want it to name %s", err, name)
	}
	if err := f.Append(1, false, []byte("other part")); !errors.Is(err, errDiverged) {
		t.Errorf("a write after the failed write: error %v, want %v", err, errDiverged)
	}
	f.maintain()
	if err := f.Err(); err != nil {
		t.Errorf("after a new snapshot: error %v, want none", err)
	}
	if err := errors.Join(parts[1].add(f, 1, "after"), f.Close()); err != nil {
		t.Fatal(err)
	}
	expect(t, dir, []string{"before", "failed"}, []string{"after"})
}

// Changes continue while a new file replaces the old one, and while backups are made. No change is lost.
// Each backup is a consistent snapshot: if it has a change of the second part, it also has the change of
// the first part that preceded it.
func TestReplaceDuringChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f, parts := open(t, dir)
	const changes = 3000
	var want []string
	done := make(chan error)
	go func() {
		var err error
		for i := range changes {
			err = errors.Join(err, parts[0].add(f, 0, fmt.Sprint(i)), parts[1].add(f, 1, fmt.Sprint(i)))
		}
		done <- err
	}()
	for i := range changes {
		want = append(want, fmt.Sprint(i))
	}
	backups := 0
	for running := true; running || backups == 0; backups++ {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running = false
		default:
		}
		if err := f.replace(); err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(t.TempDir(), "backup")
		if _, err := Backup(dir, to); err != nil {
			t.Fatal(err)
		}
		copied, lists := open(t, to)
		first, second := lists[0].texts, lists[1].texts
		if len(first) < len(second) || len(first) > len(second)+1 ||
			!slices.Equal(first, want[:len(first)]) || !slices.Equal(second, want[:len(second)]) {
			t.Fatalf("backup %d has %d and %d changes, want the first ones in order, and the same number or one more",
				backups, len(first), len(second))
		}
		if err := copied.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	expect(t, dir, want, want)
}
