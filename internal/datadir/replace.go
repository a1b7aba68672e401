package datadir

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// maintain writes the file to the disk. It replaces the file if the file has grown or lacks a change.
func (f *Folder) maintain() {
	f.mu.Lock()
	file, unsynced := f.file, f.unsynced
	f.unsynced = false
	f.mu.Unlock()
	if unsynced {
		if err := file.Sync(); err != nil {
			f.fail(fmt.Errorf("data folder: %w", err))
		}
	}
	f.mu.Lock()
	due := f.size > max(minSize, maxGrowth*f.base) || f.records > maxRecords || f.diverged()
	before := f.err
	f.mu.Unlock()
	if !due {
		return
	}
	if err := f.replace(); err != nil {
		if before == nil || before.Error() != err.Error() { // otherwise it is in the log already
			f.log.Error("the data folder cannot be written: no change is accepted", "error", err)
		}
		f.fail(err)
	}
}

// fail records the error of a write in the background. Until a new snapshot is written, Append returns
// errors.
func (f *Folder) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.err = err
	f.missed++
}

// replace writes a snapshot of all parts to a new file, which then replaces the current file. While the
// snapshot reaches the disk, Append writes to both files. If the current file lacks a change, the parts
// stay frozen until the new file has replaced it.
func (f *Folder) replace() (err error) {
	file, err := f.createFile(f.generation + 1)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.mu.Lock()
			f.next = nil
			f.mu.Unlock()
			file.Close()
			_ = os.Remove(file.Name())
		}
	}()
	var thaws []func()
	thaw := func() {
		for _, t := range thaws {
			t()
		}
		thaws = nil
	}
	defer func() { thaw() }()
	size, err := f.snapshot(file, &thaws)
	if err != nil {
		return err
	}
	f.mu.Lock()
	covered, diverged := f.missed, f.diverged()
	f.next = file
	f.mu.Unlock()
	if !diverged {
		thaw()
	}
	if err := file.Sync(); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	if f.next == nil {
		return errors.New("data folder: the new file could not be written")
	}
	end, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	renamed, err := f.rename(file, f.generation+1)
	if err != nil {
		return err
	}
	f.file.Close()
	_ = os.Remove(filepath.Join(f.dir, fileName(f.generation))) // otherwise the next start removes it
	f.file, f.next, f.generation, f.size, f.base, f.records = renamed, nil, f.generation+1, end, size, 0
	f.covered, f.err, f.unsynced = covered, nil, false
	return nil
}

// snapshot freezes all parts and writes their state to a file. It adds the functions that thaw the
// parts to thaws, and returns the length of the snapshot.
func (f *Folder) snapshot(file *os.File, thaws *[]func()) (size int64, err error) {
	w := bufio.NewWriterSize(file, 1<<20)
	now := time.Now()
	size = int64(len(firstLine))
	for i, p := range f.parts {
		dump, thaw := p.Freeze()
		*thaws = append(*thaws, thaw)
		err := dump(func(record []byte) error {
			b := appendRecord(nil, byte(i), now, record)
			size += int64(len(b))
			_, err := w.Write(b)
			return err
		})
		if err != nil {
			return 0, fmt.Errorf("data folder: %w", err)
		}
	}
	if err := w.Flush(); err != nil {
		return 0, fmt.Errorf("data folder: %w", err)
	}
	return size, nil
}
