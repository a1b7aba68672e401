//go:build unix && !linux

package fanout

import "syscall"

func boundTCP(syscall.RawConn) {}
