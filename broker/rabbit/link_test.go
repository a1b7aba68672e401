package rabbit

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"
)

// If a node accepts connections and never answers, the link tries the next node, even if the
// deadlines of the callers are shorter than dialTimeout.
func TestLinkSkipsASilentNode(t *testing.T) {
	t.Parallel()
	listen := func() net.Listener {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		return l
	}
	silent, other := listen(), listen()
	reached := make(chan struct{})
	go func() {
		if c, err := other.Accept(); err == nil {
			c.Close()
			close(reached)
		}
	}()
	nodes := []node{
		{"amqp://" + silent.Addr().String() + "/", "silent"},
		{"amqp://" + other.Addr().String() + "/", "other"},
	}
	l := newLink(nodes, "test", slog.New(slog.DiscardHandler))
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if _, err := l.connect(ctx); err == nil {
			t.Error("connect succeeded with a node that does not speak AMQP, want an error")
		}
		cancel()
	}
	select {
	case <-reached:
	default:
		t.Error("the second attempt did not reach the other node")
	}
}
