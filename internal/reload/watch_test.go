package reload_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/matchwire/matchwire/internal/reload"
)

// A folder is a config of several files: main.txt names the others.
type folder struct {
	*testing.T
	dir string

	mu    sync.Mutex
	logs  bytes.Buffer
	loads []string // the text of each config that was loaded or refused
}

func newFolder(t *testing.T) *folder {
	f := &folder{T: t, dir: t.TempDir()}
	f.write("main.txt", "more.txt")
	f.write("more.txt", "1")
	return f
}

// Write adds text to the log.
func (f *folder) Write(text []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.logs.Write(text)
}

// log returns the text that was logged since the previous call.
func (f *folder) log() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	defer f.logs.Reset()
	return f.logs.String()
}

func (f *folder) path(name string) string { return filepath.Join(f.dir, name) }

// write replaces a file as editors do: it renames a new file.
func (f *folder) write(name, text string) {
	f.Helper()
	if err := os.WriteFile(f.path(name+".new"), []byte(text), 0o600); err != nil {
		f.Fatal(err)
	}
	if err := os.Rename(f.path(name+".new"), f.path(name)); err != nil {
		f.Fatal(err)
	}
}

// load reads the config. A config with the text "bad" is refused.
func (f *folder) load() (reload.Loaded, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	loaded := reload.Loaded{Files: []string{f.path("main.txt")}}
	var all []string
	names, err := os.ReadFile(f.path("main.txt"))
	if err != nil {
		return loaded, err
	}
	for name := range strings.FieldsSeq(string(names)) {
		loaded.Files = append(loaded.Files, f.path(name))
		text, err := os.ReadFile(f.path(name))
		if err != nil {
			return loaded, err
		}
		all = append(all, string(text))
	}
	text := strings.Join(all, " ")
	same := len(f.loads) > 0 && f.loads[len(f.loads)-1] == text
	f.loads = append(f.loads, text)
	if strings.Contains(text, "bad") {
		return loaded, errors.New("main.txt:1: bad")
	}
	if !same {
		loaded.Changes = []any{"text", text}
	}
	return loaded, nil
}

func (f *folder) loaded() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.loads, "; ")
}

func metrics(t *testing.T, w *reload.Watcher) string {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(w.Collectors()...)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range families {
		m := f.GetMetric()[0]
		value := m.GetGauge().GetValue() + m.GetCounter().GetValue()
		if strings.HasSuffix(f.GetName(), "_timestamp_seconds") {
			value = float64(time.Now().Unix()) - float64(int64(value)) // the age
		}
		all = append(all, fmt.Sprintf("%s %v", strings.TrimPrefix(f.GetName(), "matchwire_config_"), value))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// A Watcher loads the config after each change of a file that the config consists of, once the files are the same in
// two looks. A refused config is loaded again after the next change of any file of it or of the config in force.
func TestWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFolder(t)
		first, err := f.load()
		if err != nil {
			t.Fatal(err)
		}
		now := make(chan struct{})
		w := &reload.Watcher{Load: f.load, Interval: time.Second, Now: now, Log: slog.New(slog.NewTextHandler(f, nil))}
		ctx, cancel := context.WithCancel(t.Context())
		go w.Run(ctx, reload.Read(first.Files))
		want := func(what string, loads, log, health, measured string) {
			t.Helper()
			synctest.Wait()
			issues, logged := fmt.Sprint(w.Health(ctx)), f.log()
			if f.loaded() != loads || !strings.Contains(logged, log) || !strings.Contains(issues, health) ||
				(health == "") != (issues == "[]") || metrics(t, w) != measured {
				t.Errorf("%s: loaded %q, log %q, health %s, metrics %s\nwant %q, %q, %q, %s", what, f.loaded(), logged,
					issues, metrics(t, w), loads, log, health, measured)
			}
		}
		measured := func(generation, ok, age, failures int) string {
			return fmt.Sprintf("generation %d, last_reload_success_timestamp_seconds %d, last_reload_successful %d, "+
				"reload_failures_total %d", generation, age, ok, failures)
		}
		const half = 500 * time.Millisecond // a time between two looks
		time.Sleep(10*time.Second + half)
		want("nothing has changed", "1", "", "", measured(1, 1, 10, 0))
		f.write("more.txt", "2")
		time.Sleep(time.Second)
		want("one look after a change", "1", "", "", measured(1, 1, 11, 0))
		f.write("more.txt", "3")
		time.Sleep(time.Second)
		want("the file has changed again", "1", "", "", measured(1, 1, 12, 0))
		time.Sleep(time.Second)
		want("two equal looks", "1; 3", "generation=2 text=3", "", measured(2, 1, 0, 0))
		f.write("more.txt", "bad")
		time.Sleep(5 * time.Second)
		want("a bad config", "1; 3; bad", "main.txt:1: bad", "the config on disk is refused", measured(2, 0, 5, 1))
		f.write("main.txt", "more.txt other.txt")
		time.Sleep(3 * time.Second)
		want("a missing file", "1; 3; bad", "other.txt: no such file", "other.txt", measured(2, 0, 8, 2))
		f.write("other.txt", "4")
		f.write("more.txt", "3")
		time.Sleep(3 * time.Second)
		want("the file exists", "1; 3; bad; 3 4", `generation=3 text="3 4"`, "", measured(3, 1, 1, 2))
		now <- struct{}{}
		want("a signal", "1; 3; bad; 3 4; 3 4", "nothing has changed", "", measured(3, 1, 0, 2))
		f.write("other.txt", "5")
		now <- struct{}{}
		want("a signal after a change", "1; 3; bad; 3 4; 3 4; 3 5", "generation=4", "", measured(4, 1, 0, 2))
		cancel()
		synctest.Wait()
	})
}

// Read sees a file that was replaced by a file of the same size and time, the YAML files in a folder, and the file that
// a symbolic link now names.
func TestRead(t *testing.T) {
	f := newFolder(t)
	past := time.Now().Add(-time.Hour)
	age := func(name string) { _ = os.Chtimes(f.path(name), past, past) } // the file may not exist
	if err := os.Mkdir(f.path("profiles"), 0o700); err != nil {
		t.Fatal(err)
	}
	f.write("profiles/a.yaml", "1")
	if err := os.Symlink(f.path("more.txt"), f.path("link")); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		what    string
		change  func()
		changed []string
	}{
		{"nothing", func() {}, nil},
		{"same size and time", func() { f.write("more.txt", "2"); age("more.txt") }, []string{"link", "more.txt"}},
		{"only the time", func() { f.write("more.txt", "2") }, nil},
		{"a profile", func() { f.write("profiles/a.yaml", "2") }, []string{"profiles"}},
		{"a new profile", func() { f.write("profiles/b.yaml", "1") }, []string{"profiles"}},
		{"another file in the folder", func() { f.write("profiles/b.txt", "1") }, nil},
		{"a removed file", func() { _ = os.Remove(f.path("more.txt")) }, []string{"link", "more.txt"}},
		{"a new target", func() {
			_ = os.Remove(f.path("link"))
			if err := os.Symlink(f.path("main.txt"), f.path("link")); err != nil {
				t.Fatal(err)
			}
		}, []string{"link"}},
	} {
		files := []string{f.path("link"), f.path("more.txt"), f.path("profiles")}
		age("more.txt")
		look := reload.NewLook()
		look(files)
		before := look(files)
		tc.change()
		after := look(files)
		var changed []string
		for _, file := range files {
			if before[file] != after[file] {
				changed = append(changed, filepath.Base(file))
			}
		}
		if !slices.Equal(changed, tc.changed) {
			t.Errorf("%s: the changed files are %v, want %v", tc.what, changed, tc.changed)
		}
	}
}

func TestDiff(t *testing.T) {
	type m = map[string]any
	before := m{"listen": "a", "fanout": m{"origins": []any{"x"}, "drain": "5s"}, "old": 1, "null": nil,
		"s": m{"a": 1}, "gone": m{"a": m{"b": 1}}}
	after := m{"listen": "a", "fanout": m{"origins": []any{"y"}, "drain": "5s"}, "new": 1, "s": 1,
		"added": m{"a": 1, "e": m{}}}
	want := []string{"added.a", "added.e", "fanout.origins", "gone.a.b", "new", "null", "old", "s"}
	if got := reload.Diff(before, after); !slices.Equal(got, want) {
		t.Errorf("Diff = %q, want %q", got, want)
	}
	if got := reload.Diff(before, before); got != nil {
		t.Errorf("Diff of equal mappings = %q, want none", got)
	}
}
