package main

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// detach closes c and returns a duplicate of its file descriptor. Go's runtime does not manage the
// duplicate. The duplicate is non-blocking. The caller must close it.
func detach(c net.Conn) (int, error) {
	defer c.Close()
	raw, err := c.(*net.TCPConn).SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	var dupErr error
	if err := raw.Control(func(own uintptr) { fd, dupErr = unix.FcntlInt(own, unix.F_DUPFD_CLOEXEC, 0) }); err != nil {
		return -1, err
	}
	if dupErr != nil {
		return -1, fmt.Errorf("fcntl: %w", dupErr)
	}
	return fd, nil
}
