package fanout

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// unsentBytes are as many as the kernel keeps for a client that does not take
// them. Left to itself it keeps megabytes, and so many of them for some hundred
// slow clients that it has none to spare for the others.
const unsentBytes = 256 << 10

// lostAfter is how long what was sent may stay without an answer of the client's
// kernel.
const lostAfter = 60 * time.Second

// boundTCP has the kernel keep to these bounds; where it cannot, things are as
// they were.
func boundTCP(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) {
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentBytes)
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(lostAfter.Milliseconds()))
	})
}
