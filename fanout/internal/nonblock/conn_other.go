//go:build !unix

package nonblock

import "net"

// New returns the zero Conn, because this system has no non-blocking writes.
func New(net.Conn) (c Conn) { return c }

// Write writes nothing.
func (c Conn) Write([]byte) (int, error) { return 0, nil }

// MaxConnections returns the maximum number of connections that the process should accept.
func MaxConnections() int { return 10_000 }
