// Package renewed keeps what was read from a file, like a certificate or a key,
// and reads it again when the file has changed.
package renewed

import (
	"log/slog"
	"os"
	"sync"
	"time"
)

// A File is the value of a file.
type File[T any] struct {
	name  string
	every time.Duration // between two looks at the file
	read  func() (T, error)
	log   *slog.Logger

	mu       sync.Mutex
	value    T
	modified time.Time
	looked   time.Time
}

// Open reads a file for the first time. Later it is looked at when its value is
// asked for, every so often at most.
func Open[T any](name string, every time.Duration, log *slog.Logger, read func() (T, error)) (*File[T], error) {
	f := &File[T]{name: name, every: every, read: read, log: log}
	return f, f.load()
}

// Value is what stands in the file. While that cannot be read, and a log line
// says so, it is what stood there before.
func (f *File[T]) Value() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) > f.every {
		if err := f.load(); err != nil {
			f.log.Warn("a changed file is no good: what stood in it before still counts", "file", f.name, "error", err)
		}
	}
	return f.value
}

func (f *File[T]) load() error {
	f.looked = time.Now()
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
