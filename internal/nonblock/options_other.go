//go:build unix && !linux

package nonblock

import "syscall"

// setOptions does nothing, because this system does not have the options.
func setOptions(syscall.RawConn) {}
