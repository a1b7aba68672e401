package main

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// frame acts on one frame and counts it.
func (r *receiver) frame(s *socket, f wsFrame, now time.Time) (counts, error) {
	switch f.op {
	case opPing:
		return counts{}, answer(s, opPong, f.payload)
	case opPong:
		return counts{}, nil
	case opClose:
		if len(f.payload) >= 2 {
			fmt.Fprintf(os.Stderr, "load: closed with %d %s\n", int(f.payload[0])<<8|int(f.payload[1]), f.payload[2:])
		}
		return counts{}, nil // the end of the connection follows
	}
	c := counts{frames: 1}
	for p := f.payload; ; {
		i := bytes.Index(p, stampMark)
		if i < 0 {
			break
		}
		p = p[i+len(stampMark):]
		if len(p) < stampDigits {
			return c, fmt.Errorf("a frame that ends in a stamp: …%s", p)
		}
		c.publications++
		r.latency.add(now.Sub(time.Unix(0, digits(p[:stampDigits]))))
		if r.options.check {
			r.checkSeq(s, p)
		}
	}
	if c.publications == 0 && r.options.hello == "centrifuge" && bytes.Equal(bytes.TrimSpace(f.payload), []byte("{}")) {
		return counts{}, answer(s, opText, []byte("{}")) // its ping
	}
	return c, nil
}

var seqMark = []byte(`"seq":`)

// checkSeq compares the seq of the event whose stamp p is behind with the
// last of the socket.
func (r *receiver) checkSeq(s *socket, p []byte) {
	i := bytes.Index(p, seqMark)
	if i < 0 {
		r.gaps++
		return
	}
	seq := digits(p[i+len(seqMark):])
	switch {
	case s.seq != 0 && seq <= s.seq:
		r.doubles++
		return
	case s.seq != 0 && seq > s.seq+1:
		r.gaps += seq - s.seq - 1
	}
	s.seq = seq
}

// digits is the number that b begins with.
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

// answer sends a small frame. A client that answers and does not read its
// answers' buffer full has gone wrong.
func answer(s *socket, op byte, payload []byte) error {
	b := clientFrame(op, payload)
	if n, err := unix.Write(s.fd, b); err != nil || n < len(b) {
		return fmt.Errorf("answering a ping: %d of %d bytes: %w", n, len(b), err)
	}
	return nil
}
