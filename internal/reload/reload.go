// Package reload reads values from files, such as certificates, and reads
// the values again when the files change. A [Watcher] does this for a config of several files.
package reload

import (
	"log/slog"
	"os"
	"sync"
	"time"
)

// A File is a value that was read from a file. Its methods may be called from
// several goroutines.
type File[T any] struct {
	name     string
	interval time.Duration
	read     func() (T, error)
	log      *slog.Logger

	mu       sync.Mutex
	value    T
	modified time.Time // modification time of the file that value comes from
	checked  time.Time // time of the latest check of the file
}

// Open returns a File with the value that read returns. Later, Value calls read again
// if the modification time of the named file has changed. Value checks the
// modification time at most once per interval.
func Open[T any](name string, interval time.Duration, log *slog.Logger, read func() (T, error)) (*File[T], error) {
	f := &File[T]{name: name, interval: interval, read: read, log: log}
	return f, f.load()
}

// Value returns the current value. If checking or reading the file fails, Value logs
// a warning and returns the previous value.
func (f *File[T]) Value() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.checked) > f.interval {
		if err := f.load(); err != nil {
			f.log.Warn("cannot reload file, using its previous content", "file", f.name, "error", err)
		}
	}
	return f.value
}

// load reads the value if the modification time has changed. Every caller except Open holds mu.
func (f *File[T]) load() error {
	f.checked = time.Now()
	info, err := os.Stat(f.name)
	if err != nil || info.ModTime().Equal(f.modified) {
		return err
	}
	value, err := f.read()
	if err == nil {
		f.value, f.modified = value, info.ModTime()
	}
	return err
}
