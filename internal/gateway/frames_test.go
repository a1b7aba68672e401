package gateway

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// header returns the header of a frame with n bytes of payload. first is its first byte.
func header(first byte, n int, masked bool) []byte {
	var mask byte
	var key []byte
	if masked {
		mask, key = 0x80, []byte{1, 2, 3, 4}
	}
	switch {
	case n < 126:
		return append([]byte{first, mask | byte(n)}, key...)
	case n < 1<<16:
		return append(binary.BigEndian.AppendUint16([]byte{first, mask | 126}, uint16(n)), key...)
	}
	return append(binary.BigEndian.AppendUint64([]byte{first, mask | 127}, uint64(n)), key...)
}

// The framing of a WebSocket finds the ends of frames of any length, however the bytes are divided.
func TestWebSocketFraming(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var stream []byte
	ends := map[int]bool{}
	lengths := []int{0, 1, 125, 126, 127, 1000, 65535, 65536, 70000, 0, 0, 2}
	for i, n := range lengths {
		first := byte(0x81)
		if i == len(lengths)-1 {
			first = 0x88
		}
		stream = append(stream, header(first, n, i%5 == 4)...)
		stream = append(stream, make([]byte, n)...)
		ends[len(stream)] = true
	}
	for _, largest := range []int{1, 2, 3, 14, 100, 20_000, len(stream)} {
		var f webSocket
		for at := 0; at < len(stream); {
			n := min(1+random.IntN(largest), len(stream)-at)
			want := -1
			for i := 1; i <= n; i++ {
				if ends[at+i] {
					want = i
				}
			}
			got := f.follow(stream[at : at+n])
			at += n
			if got != want || f.between() != ends[at] {
				t.Fatalf("chunks of up to %d bytes, at %d: the last frame ends at %d, and between frames %v; want %d and %v",
					largest, at, got, f.between(), want, ends[at])
			}
			if f.closed != (at >= len(stream)-2) { // the header of the last frame ends there
				t.Fatalf("chunks of up to %d bytes, at %d of %d: found a close frame: %v, want %v",
					largest, at, len(stream), f.closed, !f.closed)
			}
		}
	}
}

// The framing finds the same frames in any bytes, whether they arrive in one part or in two.
func FuzzWebSocketFraming(f *testing.F) {
	f.Add([]byte{0x81, 1, 'a', 0x88, 0}, uint(2))
	f.Add([]byte{0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0}, uint(5))
	f.Fuzz(func(t *testing.T, b []byte, at uint) {
		var one, two webSocket
		i := int(at % uint(len(b)+1))
		whole := one.follow(b)
		divided, second := two.follow(b[:i]), two.follow(b[i:])
		if second >= 0 {
			divided = i + second
		}
		if divided != whole || one.between() != two.between() || one.closed != two.closed {
			t.Errorf("divided at %d: the last frame ends at %d, %+v; want %d, %+v", i, divided, two, whole, one)
		}
	})
}

// The framing of an event stream finds the ends of events, however the bytes are divided.
func TestEventFraming(t *testing.T) {
	const stream = "retry: 1000\n\nid: 1\ndata: {}\n\n: ping\n\n\ndata: x"
	ends := map[int]bool{0: true}
	for i := 2; i <= len(stream); i++ {
		ends[i] = stream[i-2:i] == "\n\n"
	}
	for size := 1; size <= len(stream); size++ {
		var f events
		for at := 0; at < len(stream); {
			n := min(size, len(stream)-at)
			want := -1
			for i := 1; i <= n; i++ {
				if ends[at+i] {
					want = i
				}
			}
			got := f.follow([]byte(stream[at : at+n]))
			at += n
			if got != want || f.between() != ends[at] {
				t.Fatalf("chunks of %d bytes, at %d: the last event ends at %d, and between events %v; want %d and %v",
					size, at, got, f.between(), want, ends[at])
			}
		}
	}
	if f := (&events{}); !f.between() {
		t.Error("at the beginning of a stream, between returned false, want true")
	}
}
