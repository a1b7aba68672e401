package gateway

import (
	"crypto/tls"
	"io"
	"net"
	"sync"
	"time"

	"github.com/matchwire/matchwire/internal/nonblock"
)

// A buffer holds bytes between a read and a write. Tunnels take a buffer from a pool when bytes arrive.
type buffer struct {
	n     int // number of bytes
	bytes [16<<10 - 64]byte
}

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// data returns the bytes in the buffer.
func (b *buffer) data() []byte { return b.bytes[:b.n] }

// newBuffer returns a buffer with the bytes that a reader has buffered, or nil if there are none.
// Their number must not exceed the size of a buffer.
func newBuffer(r interface {
	io.Reader
	Buffered() int
}) *buffer {
	if r.Buffered() == 0 {
		return nil
	}
	b := buffers.Get().(*buffer)
	b.n, _ = io.ReadFull(r, b.bytes[:r.Buffered()]) // cannot fail: the bytes are in memory
	return b
}

// Sizes, in bytes, for connections that nonblock does not support: TLS connections, and all connections
// on Windows.
const (
	clientBytes   = 512     // read buffer for a client, which sends little
	instanceBytes = 4 << 10 // read buffer for an instance
	tlsWriteBytes = 4 << 10 // maximum number of bytes in a write with one deadline
)

// A side is the connection of a tunnel to the client or to the instance. One goroutine reads, and
// another goroutine writes.
type side struct {
	conn   net.Conn
	direct nonblock.Conn
	own    []byte // read buffer; nil if direct is supported
}

// newSide returns a side. size is the size of its read buffer, if it needs one.
func newSide(conn net.Conn, size int) side {
	s := side{conn: conn, direct: nonblock.New(conn)}
	if !s.direct.Supported() {
		s.own = make([]byte, size)
	}
	return s
}

// read waits for bytes. If b is not nil, the caller must return it to the pool. If err is nil, b is not
// empty.
func (s *side) read() (b *buffer, err error) {
	if s.own != nil {
		return s.readBlocking()
	}
	closed := s.direct.WhenReadable(func() bool {
		b = buffers.Get().(*buffer)
		b.n, err = s.direct.Read(b.bytes[:])
		if b.n > 0 {
			return true
		}
		buffers.Put(b)
		b = nil
		return err != nil
	})
	if closed != nil {
		return nil, closed
	}
	return b, err
}

// readBlocking implements read for a connection that nonblock does not support. Only such a connection
// needs a buffer of its own while it waits.
func (s *side) readBlocking() (*buffer, error) {
	n, err := s.conn.Read(s.own)
	if n == 0 {
		return nil, err
	}
	b := buffers.Get().(*buffer) // the error, if any, is returned again by the next read
	b.n = copy(b.bytes[:], s.own[:n])
	return b, nil
}

// write writes all of b. It fails if the peer accepts no bytes for l.stall, or not all of b within
// l.chunk.
func (s *side) write(b []byte, l *limits) error {
	end := time.Now().Add(l.chunk)
	for len(b) > 0 {
		deadline := time.Now().Add(l.stall)
		if deadline.After(end) {
			deadline = end
		}
		if err := s.conn.SetWriteDeadline(deadline); err != nil {
			return err
		}
		n, err := s.writeSome(b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// writeSome writes some bytes of b. If err is nil, it has written at least one byte.
func (s *side) writeSome(b []byte) (n int, err error) {
	if s.own != nil {
		return s.conn.Write(b[:min(len(b), tlsWriteBytes)])
	}
	closed := s.direct.WhenWritable(func() bool {
		n, err = s.direct.Write(b)
		return n > 0 || err != nil
	})
	if closed != nil {
		return 0, closed
	}
	return n, err
}

// closeWrite closes the connection for writing. The peer can still send.
func (s *side) closeWrite() {
	switch conn := s.conn.(type) {
	case *net.TCPConn:
		_ = conn.CloseWrite()
	case *tls.Conn:
		_ = conn.CloseWrite() // has a deadline of 5 seconds
	}
}
