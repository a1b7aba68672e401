package nonblock

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxUnsent is the maximum number of unsent bytes that the kernel buffers for a connection. By
// default, the kernel buffers megabytes, so a few hundred slow clients can use up the memory for TCP.
const maxUnsent = 256 << 10

// ackTimeout is how long sent bytes may stay unacknowledged before the kernel closes the
// connection.
const ackTimeout = 60 * time.Second

// setOptions applies maxUnsent and ackTimeout. If the kernel does not support an option, the default
// of the kernel applies.
func setOptions(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(ackTimeout.Milliseconds()))
	})
}
