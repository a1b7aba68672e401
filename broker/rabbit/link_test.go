package rabbit

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"
)

// A node that accepts connections and never answers is left for the next one, however short the
// deadlines of its callers.
func TestSilentNodeIsLeft(t *testing.T) {
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
	l := newLink([]node{{"amqp://" + silent.Addr().String() + "/", "silent"}, {"amqp://" + other.Addr().String() + "/", "other"}}, "test", slog.New(slog.DiscardHandler))
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		if _, err := l.connect(ctx); err == nil {
			t.Error("connected to a node that does not speak AMQP")
		}
		cancel()
	}
	select {
	case <-reached:
	default:
		t.Error("the second attempt did not reach the other node")
	}
}
