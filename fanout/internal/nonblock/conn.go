// Package nonblock writes to TCP connections without blocking.
package nonblock

import "syscall"

// A Conn writes to a TCP connection without blocking. It bypasses the lock of the [net.Conn], so
// the caller must not close the connection during Write. The zero Conn writes nothing.
type Conn struct {
	raw syscall.RawConn
	fd  int
}

// Supported reports whether c can write. If not, write to the [net.Conn].
func (c *Conn) Supported() bool { return c.raw != nil }

// WhenWritable calls write each time the connection may accept bytes, until write returns true. It
// returns an error if the write deadline passes first or the connection is closed. c must be
// Supported.
func (c *Conn) WhenWritable(write func() (done bool)) error {
	return c.raw.Write(func(uintptr) bool { return write() })
}

// Invalidate makes later calls of Write fail. Call it before you close the connection, because the
// system may reuse the file descriptor.
func (c *Conn) Invalidate() { c.fd = -1 }
