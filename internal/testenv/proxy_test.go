package testenv_test

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/matchwire/matchwire/internal/testenv"
)

// The proxy loses the reply to a command once. When the client repeats the command, the proxy passes
// the whole reply, even if the server sends it in two chunks.
func TestLoseRepliesPassesTheWholeSecondReply(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	received := make(chan bool, 1) // the client has received the first chunk
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					if strings.HasPrefix(lines.Text(), "ping") {
						_, _ = io.WriteString(conn, "+po")
						<-received
						_, _ = io.WriteString(conn, "ng\r\n")
					}
				}
			}()
		}
	}()
	p := testenv.NewProxy(t, "redis://"+l.Addr().String())
	p.LoseReplies(1)
	ping := func() (conn net.Conn, n int, err error) {
		conn, err = net.Dial("tcp", strings.TrimPrefix(p.URL, "redis://"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, "*1\r\n$4\r\nping\r\n"); err != nil {
			t.Fatal(err)
		}
		n, err = io.ReadFull(conn, make([]byte, len("+po")))
		return conn, n, err
	}
	conn, n, err := ping()
	conn.Close()
	if err == nil {
		t.Fatalf("the client received %d bytes of the first reply, want an error", n)
	}
	received <- true // ends the server's first reply
	conn, _, err = ping()
	if err != nil {
		t.Fatalf("the repeated command: %v, want its reply", err)
	}
	defer conn.Close()
	received <- true
	rest, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || rest != "ng\r\n" {
		t.Errorf("the rest of the reply is %q, error %v; want \"ng\\r\\n\"", rest, err)
	}
}
