package fanout

import (
	"bytes"
	"strings"
	"testing"
)

// However little of it the kernel takes, what waits for a client goes out whole
// and in order.
func TestSentInParts(t *testing.T) {
	begun, own := []byte("the rest of one;"), [][]byte{[]byte("a frame;"), []byte("another;"), []byte(strings.Repeat("x", 2*chunkBytes)), []byte("the last")}
	want := append(bytes.Clone(begun), bytes.Join(own, nil)...)
	for first := 1; first < 60; first++ {
		c := &client{hub: &Hub{}, begun: begun, own: append([][]byte{}, own...)}
		var got []byte
		for step := first; ; step = 1 << 30 {
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
			t.Fatalf("after %d bytes at first, %d went out, want %d: %.80q", first, len(got), len(want), got)
		}
	}
}
