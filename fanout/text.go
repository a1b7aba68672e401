package fanout

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"sync"

	"github.com/gorilla/websocket"

	"github.com/matchwire/matchwire/broker"
)

// A codec is how frames reach a client.
type codec uint8

const (
	plain    codec = iota // WebSocket text frames
	deflated              // the same, with permessage-deflate
	stream                // server-sent events
	codecs
)

// A text is a JSON object that goes out as a frame of its own, encoded once for
// each codec.
type text struct {
	cursor string // "" for one that is not the place of a client
	ws     []byte // header and object
	header int    // length of the header

	once   sync.Once
	packed []byte // as deflated has it
}

// newText frames an event.
func newText(at broker.Cursor, body []byte) *text {
	cursor := at.String()
	n := len(`{"cursor":"","event":}`) + len(cursor) + len(body)
	b := header(make([]byte, 0, n+10), websocket.TextMessage, n)
	t := &text{cursor: cursor, header: len(b)}
	b = append(b, `{"cursor":"`...)
	b = append(b, cursor...)
	b = append(b, `","event":`...)
	b = append(b, body...)
	t.ws = append(b, '}')
	return t
}

// said frames an object that the server says of itself.
func said(cursor string, object []byte) *text {
	b := header(make([]byte, 0, len(object)+10), websocket.TextMessage, len(object))
	return &text{cursor: cursor, header: len(b), ws: append(b, object...)}
}

func (t *text) object() []byte { return t.ws[t.header:] }

// size is how many bytes append adds.
func (t *text) size(c codec) int {
	switch c {
	case deflated:
		return len(t.deflate())
	case stream:
		n := len("data: \n\n") + len(t.object())
		if t.cursor != "" {
			n += len("id: \n") + len(t.cursor)
		}
		return n
	}
	return len(t.ws)
}

// append adds the frame to b.
func (t *text) append(b []byte, c codec) []byte {
	switch c {
	case deflated:
		return append(b, t.deflate()...)
	case stream:
		if t.cursor != "" {
			b = append(b, "id: "...)
			b = append(b, t.cursor...)
			b = append(b, '\n')
		}
		b = append(b, "data: "...)
		n := len(b)
		b = append(b, t.object()...)
		for i, c := range b[n:] {
			if c == '\n' || c == '\r' { // between the members of an event that others made; it would end the line
				b[n+i] = ' '
			}
		}
		return append(b, "\n\n"...)
	}
	return append(b, t.ws...)
}

// bytes is the frame; it may be shared.
func (t *text) bytes(c codec) []byte {
	switch c {
	case deflated:
		return t.deflate()
	case stream:
		return t.append(make([]byte, 0, t.size(c)), c)
	}
	return t.ws
}

// Bits of a WebSocket frame's first byte, RFC 6455 section 5.2 and RFC 7692
// section 6.
const (
	final      = 0x80
	compressed = 0x40
)

// header adds the header of an unmasked frame of n bytes.
func header(b []byte, first byte, n int) []byte {
	b = append(b, first|final)
	switch {
	case n < 126:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
}

// control is a control frame, of at most 125 bytes.
func control(kind byte, data []byte) []byte {
	return append(header(make([]byte, 0, len(data)+2), kind, len(data)), data...)
}

// packMost bounds a snapshot that is compressed while others wait.
const packMost = 256 << 10

// packers are what deflate takes: each is more than half a megabyte.
var packers = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.DefaultCompression)
	if err != nil {
		panic(err) // the level is one of its own
	}
	return w
}}

// deflate is the compressed frame. Neither side keeps a window from one message
// to the next, so that it is the same for all clients.
func (t *text) deflate() []byte {
	t.once.Do(func() {
		var b bytes.Buffer
		w := packers.Get().(*flate.Writer)
		defer packers.Put(w)
		w.Reset(&b)
		_, _ = w.Write(t.object()) // a buffer takes all
		_ = w.Flush()
		packed := bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
		t.packed = append(header(make([]byte, 0, len(packed)+10), websocket.TextMessage|compressed, len(packed)), packed...)
	})
	return t.packed
}
