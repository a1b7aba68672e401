//go:build unix

package fanout

import (
	"errors"
	"net"
	"syscall"
)

// descriptorOf is what a client is written to directly; the zero value for a
// connection that is not plain TCP.
func descriptorOf(conn net.Conn) (d descriptor) {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return d
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return d
	}
	if err := raw.Control(func(fd uintptr) { d.fd = int(fd) }); err != nil {
		return descriptor{}
	}
	boundTCP(raw)
	d.raw = raw
	return d
}

// write gives the kernel what it takes at once, maybe nothing. It goes round
// the lock of net.Conn: a client's mu is held, under which alone the connection
// is closed.
func (d descriptor) write(b []byte) (int, error) {
	if d.raw == nil {
		return 0, nil
	}
	for {
		n, err := syscall.Write(d.fd, b)
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

// defaultConnections leaves some of the files that a process may open for others.
func defaultConnections() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 1000
	}
	return max(100, int(min(limit.Cur, 1<<20))-500)
}
