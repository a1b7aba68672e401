// Package datadir keeps the state of a process in a folder, so that the state survives a restart.
//
// The folder contains one file, such as data-000007. The file begins with a snapshot of the state.
// Each later change is appended as a record. When the file has grown, a new file with a new snapshot
// replaces it. The state consists of parts, which share the file, so that their records keep their
// order: after a crash, no part is newer than another.
//
// A record reaches the operating system before Append returns, so it survives the end of the process.
// It reaches the disk within a second, or before Append returns if the caller asks for that.
package datadir

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// A Part is a part of the state.
type Part interface {
	// Replay applies a record of the part. at is the time of the record. record is valid only during
	// the call.
	Replay(at time.Time, record []byte) error
	// Freeze stops all changes of the part until thaw is called. dump passes records to add that create
	// the state of the part.
	Freeze() (dump func(add func(record []byte) error) error, thaw func())
}

const (
	minSize   = 8 << 20 // a file with fewer bytes is not replaced, unless it has maxRecords records
	maxGrowth = 2       // a file is replaced when it is this many times as long as its snapshot
	// maxRecords is the maximum number of records after the snapshot. It bounds the time of a start.
	maxRecords = 100_000
)

// errDiverged is the error of Append while the state has a change that is not in the file.
var errDiverged = errors.New("an earlier change could not be written: waiting for a new snapshot")

// A Folder is an open folder. Its methods are safe for concurrent use.
type Folder struct {
	dir   string
	log   *slog.Logger
	lock  *flock.Flock
	parts []Part // the part of a record is an index in parts
	stop  chan struct{}
	ended sync.WaitGroup

	mu         sync.Mutex // guards everything below; lock the parts first
	file, next *os.File   // next is the new file while it does not yet replace file
	generation uint64     // number in the name of file
	size, base int64      // length of file, and of its snapshot
	records    int        // number of records after the snapshot
	unsynced   bool       // whether file has bytes that may not be on the disk
	missed     int        // number of times that the state changed without a record
	covered    int        // value of missed at the time of the latest snapshot
	err        error      // error of the latest write, or nil
}

// Open opens the folder, or creates it, and replays its records. Only one process can open a folder:
// another gets an error. Parts are identified by their place in parts, so their order must not change.
func Open(dir string, log *slog.Logger, parts ...Part) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	f := &Folder{dir: dir, log: log, lock: flock.New(filepath.Join(dir, "lock")), parts: parts, stop: make(chan struct{})}
	locked, err := f.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if !locked {
		return nil, fmt.Errorf("another process uses the data folder %s", dir)
	}
	if err := f.load(); err != nil {
		_ = f.lock.Unlock()
		return nil, err
	}
	return f, nil
}

// Start begins to write the file to the disk every second, and to replace it when it has grown. Call it
// when the parts can be frozen.
func (f *Folder) Start() {
	f.ended.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for {
			select {
			case <-f.stop:
				return
			case <-t.C:
				f.maintain()
			}
		}
	})
}

// Append appends records of a part to the file, in order. The caller must hold the lock that Freeze of
// the part takes. If sync is true, the records are on the disk when Append returns. If Append returns an
// error, the file contains none of the records, or only the first of them.
func (f *Folder) Append(part byte, sync bool, records ...[]byte) error {
	var buf []byte
	now := time.Now()
	for _, r := range records {
		buf = appendRecord(buf, part, now, r)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.diverged() {
		return errors.Join(errDiverged, f.err)
	}
	f.err = f.write(buf, sync)
	f.records += len(records)
	return f.err
}

// write appends bytes to the file, and to the next file if there is one. The caller must hold f.mu.
func (f *Folder) write(buf []byte, sync bool) error {
	if _, err := f.file.Write(buf); err != nil {
		if err := f.file.Truncate(f.size); err != nil {
			f.missed++ // the file ends with a part of a record, so nothing can follow
		}
		return fmt.Errorf("data folder: %w", err)
	}
	f.size += int64(len(buf))
	f.unsynced = true
	if f.next != nil {
		if _, err := f.next.Write(buf); err != nil {
			f.next = nil // which replace notices
		}
	}
	if sync {
		if err := f.file.Sync(); err != nil {
			f.missed++ // the operating system may have dropped the bytes
			return fmt.Errorf("data folder: %w", err)
		}
		f.unsynced = false
	}
	return nil
}

// Diverged reports that a part has changed, although Append returned an error. All later calls of Append
// return errors until a new snapshot contains the change.
func (f *Folder) Diverged() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.missed++
}

// diverged reports whether the state has a change that the file lacks. The caller must hold f.mu.
func (f *Folder) diverged() bool { return f.missed > f.covered }

// Err returns the error of the latest write, or nil.
func (f *Folder) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.diverged() {
		return cmp.Or(f.err, errDiverged)
	}
	return f.err
}

// Close writes the file to the disk and closes the folder. The parts must not change any more.
func (f *Folder) Close() error {
	close(f.stop)
	f.ended.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.file.Sync(), f.file.Close(), f.lock.Unlock())
}

// fileName returns the name of the file of a generation.
func fileName(generation uint64) string { return fmt.Sprintf("data-%06d", generation) }

// latest returns the number of the latest file in a folder, and the names of all others. Files that end
// with .new are incomplete. The number is 0 if there is no file.
func latest(dir string) (generation uint64, others []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, nil, fmt.Errorf("data folder: %w", err)
	}
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), "data-")
		if !ok {
			continue
		}
		others = append(others, e.Name())
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil {
			generation = max(generation, n)
		}
	}
	others = slices.DeleteFunc(others, func(name string) bool { return name == fileName(generation) })
	return generation, others, nil
}

// load replays the latest file, or creates the first one. It removes all other files.
func (f *Folder) load() error {
	generation, others, err := latest(f.dir)
	if err != nil {
		return err
	}
	for _, name := range others {
		_ = os.Remove(filepath.Join(f.dir, name))
	}
	if generation == 0 {
		return f.create()
	}
	file, err := os.OpenFile(filepath.Join(f.dir, fileName(generation)), os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	records := 0
	end, err := readRecords(file, func(part byte, at time.Time, payload []byte) error {
		if int(part) >= len(f.parts) {
			return fmt.Errorf("part %d is unknown: a newer version of matchwire wrote it", part)
		}
		records++
		return f.parts[part].Replay(at, payload)
	})
	if errors.Is(err, errTorn) {
		f.log.Warn("the last record of the data folder is incomplete and was dropped", "file", file.Name(), "offset", end)
		err = file.Truncate(end)
	}
	if err != nil {
		file.Close()
		return err
	}
	f.file, f.generation, f.size, f.base, f.records = file, generation, end, end, records
	return nil
}

// create creates the first file.
func (f *Folder) create() error {
	file, err := f.createFile(1)
	if err != nil {
		return err
	}
	if file, err = f.rename(file, 1); err != nil {
		return err
	}
	f.file, f.generation, f.size, f.base = file, 1, int64(len(firstLine)), int64(len(firstLine))
	return nil
}

// createFile creates the file of a generation, with the suffix .new.
func (f *Folder) createFile(generation uint64) (*os.File, error) {
	name := filepath.Join(f.dir, fileName(generation)+".new")
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if _, err := file.WriteString(firstLine); err != nil {
		file.Close()
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return file, nil
}

// rename writes a file to the disk, removes the suffix .new from its name, and opens it again. Windows
// renames only closed files. If rename fails, there is no file of the generation, and file is closed.
func (f *Folder) rename(file *os.File, generation uint64) (renamed *os.File, err error) {
	name := filepath.Join(f.dir, fileName(generation))
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if err := os.Rename(file.Name(), name); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	if renamed, err = os.OpenFile(name, os.O_RDWR|os.O_APPEND, 0); err == nil {
		err = syncDir(f.dir)
	}
	if err != nil {
		if renamed != nil {
			renamed.Close()
		}
		_ = os.Remove(name)
		return nil, fmt.Errorf("data folder: %w", err)
	}
	return renamed, nil
}

// syncDir writes the entries of a folder to the disk, where the operating system can do that.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	_ = d.Sync() // not supported on all systems
	return nil
}
