package datadir

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Backup copies the state in a folder to a new folder, and returns the number of bytes. Another process
// may use the folder at the same time. The copy is then a consistent snapshot of a moment during the call.
func Backup(dir, to string) (n int64, err error) {
	if err := os.Mkdir(to, 0o700); err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(to)
		}
	}()
	for {
		generation, _, err := latest(dir)
		if err != nil {
			return 0, err
		}
		if generation == 0 {
			return 0, fmt.Errorf("backup: %s is not a data folder: it has no file data-…", dir)
		}
		n, err := copyFile(filepath.Join(dir, fileName(generation)), filepath.Join(to, fileName(generation)))
		if errors.Is(err, fs.ErrNotExist) {
			continue // a new file has just replaced it
		}
		return n, err
	}
}

// copyFile copies the complete records of a file.
func copyFile(from, to string) (n int64, err error) {
	in, err := os.Open(from)
	if err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	defer in.Close()
	n, err = readRecords(in, func(byte, time.Time, []byte) error { return nil })
	if err != nil && !errors.Is(err, errTorn) {
		return 0, err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	if _, err = in.Seek(0, io.SeekStart); err == nil {
		_, err = io.CopyN(out, in, n)
	}
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return 0, fmt.Errorf("backup: %w", err)
	}
	return n, nil
}
