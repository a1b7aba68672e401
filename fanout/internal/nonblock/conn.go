// Package nonblock writes to TCP connections without waiting.
package nonblock

import "syscall"

// A Conn writes to a plain TCP connection without waiting. The zero value
// accepts no bytes. It bypasses the lock of the net.Conn, so the caller must
// not let the connection be closed during Write.
type Conn struct {
	raw syscall.RawConn
	fd  int
}

// Direct reports whether c can write at all: if not, use the net.Conn.
func (c *Conn) Direct() bool { return c.raw != nil }

// WhenWritable calls write each time the connection may accept bytes, until
// write returns true. It returns an error when the write deadline has passed or the
// connection is closed.
func (c *Conn) WhenWritable(write func() (done bool)) error {
	return c.raw.Write(func(uintptr) bool { return write() })
}

// Invalidate lets no later Write reach the file descriptor. Call it before
// closing the connection.
func (c *Conn) Invalidate() { c.fd = -1 }
