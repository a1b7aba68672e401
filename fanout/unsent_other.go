//go:build unix && !linux

package fanout

import "syscall"

func boundUnsent(syscall.RawConn) {}
