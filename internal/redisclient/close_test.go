package redisclient

import (
	"bufio"
	"net"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/matchwire/matchwire/internal/testenv"
)

// The client closes a connection if Redis rejects every command on it, as Redis does while it
// loads its data. go-redis 9.21 and 9.22 leave the connection open.
func TestRejectedRedisConnectionsAreClosed(t *testing.T) {
	// The garbage collector would eventually close the connections.
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	var accepted, open atomic.Int64
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			open.Add(1)
			go func() {
				defer open.Add(-1)
				defer conn.Close()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					if strings.HasPrefix(lines.Text(), "*") { // a command
						_, _ = conn.Write([]byte("-LOADING Redis is loading the dataset in memory\r\n"))
					}
				}
			}()
		}
	}()
	c, err := New("redis://:x@"+l.Addr().String()+"?max_retries=-1", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 20 {
		if err := c.Ping(t.Context()).Err(); err == nil || !strings.Contains(err.Error(), "LOADING") {
			t.Fatalf("ping: %v, want LOADING", err)
		}
	}
	if accepted.Load() < 20 {
		t.Errorf("got %d connections for 20 calls, want at least 20", accepted.Load())
	}
	testenv.Eventually(t, func() bool { return open.Load() <= 1 }, "the rejected connections to be closed")
}
