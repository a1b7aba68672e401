package fanout

import (
	"bytes"
	"strings"
	"testing"
)

// All frames that wait for a client are sent completely and in order, even if the kernel accepts only a
// few bytes at first.
func TestPendingFramesAreSentInParts(t *testing.T) {
	partial := []byte("the rest of one;")
	long := strings.Repeat("x", 2*chunkBytes)
	pending := [][]byte{[]byte("a frame;"), []byte("another;"), []byte(long), []byte("the last")}
	want := append(bytes.Clone(partial), bytes.Join(pending, nil)...)
	for firstSize := 1; firstSize < 60; firstSize++ {
		c := &client{hub: &Hub{}, partial: partial, pending: append([][]byte{}, pending...)}
		var got []byte
		for step := firstSize; ; step = 1 << 30 {
			o := &chunk{}
			next := c.fill(o)
			if len(o.bytes) == 0 {
				break
			}
			n := min(step, len(o.bytes))
			got = append(got, o.bytes[:n]...)
			c.sent(o, n, next)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("after a first write of %d bytes: sent %d bytes beginning with %.80q, want %d bytes in order",
				firstSize, len(got), got, len(want))
		}
	}
}
