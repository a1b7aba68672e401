//go:build unix

package nonblock

import (
	"errors"
	"io"
	"net"
	"syscall"
)

// New returns a Conn for conn. It returns the zero Conn if conn is not a [net.TCPConn] or is closed.
func New(conn net.Conn) (c Conn) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return c
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return c
	}
	if err := raw.Control(func(fd uintptr) { c.fd = int(fd) }); err != nil {
		return Conn{}
	}
	setOptions(raw)
	c.raw = raw
	return c
}

// Write writes as many bytes of b as the kernel accepts at once, and returns the number of bytes
// written. It is not an error if the kernel accepts no bytes.
func (c Conn) Write(b []byte) (int, error) {
	if c.raw == nil {
		return 0, nil
	}
	for {
		n, err := syscall.Write(c.fd, b)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		default:
			return 0, err
		}
	}
}

// Read reads the bytes that have arrived, at most len(b), and returns their number. If no bytes have
// arrived, it returns 0 and no error. At the end of the stream, it returns [io.EOF].
func (c Conn) Read(b []byte) (int, error) {
	if c.raw == nil {
		return 0, nil
	}
	for {
		n, err := syscall.Read(c.fd, b)
		switch {
		case err == nil && n == 0 && len(b) > 0:
			return 0, io.EOF
		case err == nil:
			return n, nil
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.EAGAIN):
			return 0, nil
		default:
			return 0, err
		}
	}
}

// MaxConnections returns the maximum number of connections that the process should accept: the limit on
// open files, minus 500 files for other purposes, but at least 100 and less than 1<<20. If the limit is unknown,
// it returns 1000.
func MaxConnections() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1000
	}
	return max(100, int(min(limit.Cur, 1<<20))-500)
}
