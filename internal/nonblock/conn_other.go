//go:build !unix

package nonblock

import "net"

// New returns the zero Conn, because this package does not support the system.
func New(net.Conn) (c Conn) { return c }

// Write writes nothing.
func (c Conn) Write([]byte) (int, error) { return 0, nil }

// Read reads nothing.
func (c Conn) Read([]byte) (int, error) { return 0, nil }

// MaxConnections returns the maximum number of connections that the process should accept.
func MaxConnections() int { return 10_000 }
