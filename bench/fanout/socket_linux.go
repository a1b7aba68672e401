package main

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// detach closes c and returns a duplicate of its file descriptor, which Go's runtime does not
// manage. The descriptor is non-blocking. The caller must close it.
func detach(c net.Conn) (int, error) {
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var dup error
	if err := raw.Control(func(own uintptr) { fd, dup = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return -1, err
	}
	if dup != nil {
		return -1, fmt.Errorf("dup: %w", dup)
	}
	return fd, nil
}
