package fanout

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// unsentBytes are as many as the kernel keeps for a client that does not take
// them. Left to itself it keeps megabytes, and so many of them for some hundred
// slow clients that it has none to spare for the others.
const unsentBytes = 256 << 10

func boundUnsent(raw syscall.RawConn) {
	_ = raw.Control(func(fd uintptr) { // without it things are as they were
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentBytes)
	})
}
