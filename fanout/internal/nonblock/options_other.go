//go:build unix && !linux

package nonblock

import "syscall"

func setOptions(syscall.RawConn) {}
