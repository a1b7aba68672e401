package app

import (
	"fmt"
	"net"
	"os"
	"runtime/debug"
)

// Version is that of this program, as Go's build has it.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	return info.Main.Version
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

func defaultName() string { return fmt.Sprintf("%s-%d", hostname(), os.Getpid()) }

// reachable is where others reach what listens on an address: every address
// of this machine is reached by its name.
func reachable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = hostname()
	}
	return net.JoinHostPort(host, port)
}
