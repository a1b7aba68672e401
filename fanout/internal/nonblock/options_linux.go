package nonblock

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxUnsent bounds the unsent bytes that the kernel keeps for one connection.
// By default it keeps megabytes. With some hundred slow clients none are left
// for the others.
const maxUnsent = 256 << 10

// ackTimeout is how long sent bytes may stay unacknowledged.
const ackTimeout = 60 * time.Second

// setOptions sets the bounds. Where the kernel does not know them it keeps its defaults.
func setOptions(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(ackTimeout.Milliseconds()))
	})
}
