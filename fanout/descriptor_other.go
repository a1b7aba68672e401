//go:build !unix

package fanout

import "net"

func descriptorOf(net.Conn) (d descriptor) { return d }

func (d descriptor) write([]byte) (int, error) { return 0, nil }

func defaultConnections() int { return 10_000 }
