package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// handleFrame counts the publications in a data frame, answers a ping, and prints the code of a
// close frame.
func (r *receiver) handleFrame(s *socket, f wsFrame, now time.Time) (counts, error) {
	switch f.op {
	case opPing:
		return counts{}, answer(s, opPong, f.payload)
	case opPong:
		return counts{}, nil
	case opClose:
		if len(f.payload) >= 2 {
			code := int(f.payload[0])<<8 | int(f.payload[1])
			fmt.Fprintf(os.Stderr, "load: the server closed a socket with %d %s\n", code, f.payload[2:])
		}
		return counts{}, nil // the server closes the connection next
	}
	c := counts{frames: 1}
	for p := f.payload; ; {
		i := bytes.Index(p, stampMark)
		if i < 0 {
			break
		}
		p = p[i+len(stampMark):]
		if len(p) < stampDigits {
			return c, fmt.Errorf("the frame ends inside a stamp: …%s", p)
		}
		c.publications++
		r.latency.add(now.Sub(time.Unix(0, digits(p[:stampDigits]))))
		if r.options.check {
			r.checkSeq(s, p)
		}
	}
	if c.publications == 0 && r.options.protocol == "centrifuge" && bytes.Equal(bytes.TrimSpace(f.payload), []byte("{}")) {
		return counts{}, answer(s, opText, []byte("{}")) // a ping of the centrifuge protocol
	}
	return c, nil
}

var seqMark = []byte(`"seq":`)

// checkSeq compares the seq of an event with the last seq of the socket. It counts gaps and
// duplicates. p is the rest of the event after its stamp mark. An event without a seq counts as a
// gap.
func (r *receiver) checkSeq(s *socket, p []byte) {
	i := bytes.Index(p, seqMark)
	if i < 0 {
		r.gaps++
		return
	}
	seq := digits(p[i+len(seqMark):])
	switch {
	case s.seq != 0 && seq <= s.seq:
		r.duplicates++
		return
	case s.seq != 0 && seq > s.seq+1:
		r.gaps += seq - s.seq - 1
	}
	s.seq = seq
}

// digits returns the decimal number at the beginning of b, or 0 if there is no number.
func digits(b []byte) int64 {
	var n int64
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		n = 10*n + int64(c-'0')
	}
	return n
}

// answer sends the answer to a ping. If the send buffer of the socket has no room for the whole
// answer, answer returns an error.
func answer(s *socket, op byte, payload []byte) error {
	b := clientFrame(op, payload)
	n, err := unix.Write(s.fd, b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		return fmt.Errorf("answering a ping: %d of %d bytes: %w", max(n, 0), len(b), err)
	}
	return nil
}
