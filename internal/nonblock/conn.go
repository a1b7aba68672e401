// Package nonblock reads from and writes to TCP connections without blocking.
package nonblock

import "syscall"

// A Conn reads from and writes to a TCP connection without blocking. Read and Write bypass the lock
// of the [net.Conn]: the caller must not close the connection during these calls, unless it makes
// them in WhenReadable or WhenWritable. The zero Conn is not Supported: it reads and writes nothing.
type Conn struct {
	raw syscall.RawConn
	fd  int
}

// Supported reports whether c can read and write. If not, use the [net.Conn].
func (c *Conn) Supported() bool { return c.raw != nil }

// WhenWritable calls write each time the connection may accept bytes, until write returns true. It
// returns an error if the write deadline passes first or the connection is closed. c must be
// Supported.
func (c *Conn) WhenWritable(write func() (done bool)) error {
	return c.raw.Write(func(uintptr) bool { return write() })
}

// WhenReadable calls read each time the connection may have bytes or have ended, until read returns
// true. It returns an error if the read deadline passes first or the connection is closed. c must be
// Supported.
func (c *Conn) WhenReadable(read func() (done bool)) error {
	return c.raw.Read(func(uintptr) bool { return read() })
}

// Invalidate makes later calls of Read and Write fail. Call it before you close the connection,
// because the system may reuse the file descriptor.
func (c *Conn) Invalidate() { c.fd = -1 }
