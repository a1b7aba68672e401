package datadir

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"time"
)

// firstLine begins each file. It names the version of the format.
const firstLine = "matchwire data 1\n"

// A record in a file has these fields, in little-endian order:
//
//	4 bytes  length of the payload
//	4 bytes  CRC-32C of the payload
//	1 byte   the part
//	8 bytes  the time of the record, in nanoseconds since 1970
//	4 bytes  CRC-32C of the fields above
//	         the payload
const recordHeader = 4 + 4 + 1 + 8 + 4

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendRecord appends an encoded record to buf.
func appendRecord(buf []byte, part byte, at time.Time, payload []byte) []byte {
	start := len(buf)
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(payload)))
	buf = binary.LittleEndian.AppendUint32(buf, crc32.Checksum(payload, castagnoli))
	buf = binary.LittleEndian.AppendUint64(append(buf, part), uint64(at.UnixNano()))
	buf = binary.LittleEndian.AppendUint32(buf, crc32.Checksum(buf[start:], castagnoli))
	return append(buf, payload...)
}

// errTorn reports a last record that was written only in part, because the process or the machine stopped.
var errTorn = errors.New("the last record is incomplete")

// readRecords calls h for each record of an open file. It returns the offset after the last complete
// record. If an incomplete record follows, the error is errTorn. A damaged record that is not the last
// one is another error, which names the file and the offset. payload is valid only during the call.
func readRecords(f *os.File, h func(part byte, at time.Time, payload []byte) error) (end int64, err error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	r := bufio.NewReaderSize(f, 1<<20)
	line := make([]byte, len(firstLine))
	if _, err := io.ReadFull(r, line); err != nil || string(line) != firstLine {
		return 0, fmt.Errorf("%s does not begin with %q: it is damaged, or a newer version of matchwire wrote it",
			f.Name(), firstLine[:len(firstLine)-1])
	}
	end = int64(len(firstLine))
	var payload []byte
	for end < size {
		var header [recordHeader]byte
		if size-end < recordHeader {
			return end, errTorn
		}
		if _, err := io.ReadFull(r, header[:]); err != nil {
			return end, fmt.Errorf("%s: %w", f.Name(), err)
		}
		const fields = recordHeader - 4
		if crc32.Checksum(header[:fields], castagnoli) != binary.LittleEndian.Uint32(header[fields:]) {
			return end, damaged(f, end, size)
		}
		n := int64(binary.LittleEndian.Uint32(header[:]))
		if size-end-recordHeader < n {
			return end, errTorn
		}
		payload = slices.Grow(payload[:0], int(n))[:n]
		if _, err := io.ReadFull(r, payload); err != nil {
			return end, fmt.Errorf("%s: %w", f.Name(), err)
		}
		if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(header[4:]) {
			return end, damaged(f, end, size)
		}
		if err := h(header[8], time.Unix(0, int64(binary.LittleEndian.Uint64(header[9:]))), payload); err != nil {
			return end, fmt.Errorf("%s: record at offset %d: %w", f.Name(), end, err)
		}
		end += recordHeader + n
	}
	return end, nil
}

// damaged returns the error for a record with a wrong checksum at offset. After a crash of the machine,
// the end of a file can consist of zeros: then the error is errTorn.
func damaged(f *os.File, offset, size int64) error {
	zeros := make([]byte, 64<<10)
	for at := offset; at < size; {
		n, err := f.ReadAt(zeros[:min(int64(len(zeros)), size-at)], at)
		for _, b := range zeros[:n] {
			if b != 0 {
				return fmt.Errorf("%s: the record at offset %d of %d is damaged: restore a backup of the folder, "+
					"or move the folder away to start without its data", f.Name(), offset, size)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", f.Name(), err)
		}
		at += int64(n)
	}
	return errTorn
}
