// Package wire encodes JSON objects as WebSocket frames and as server-sent events. Clients share
// the encoded bytes.
package wire

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/matchwire/matchwire/broker"
)

// A Codec is the encoding in which a client receives frames.
type Codec uint8

const (
	Plain    Codec = iota // WebSocket text frames
	Deflated              // WebSocket text frames with permessage-deflate
	SSE                   // server-sent events
	Codecs                // number of codecs
)

// An Object is a JSON object that is sent as one frame. It is immutable.
type Object struct {
	cursor string // "" if the object does not change the client's cursor
	frame  []byte // the plain frame: WebSocket header and JSON
	header int    // length of the WebSocket header

	deflateOnce sync.Once
	deflated    []byte
}

// NewEvent returns the object for an event at a cursor. body is the JSON of the event.
func NewEvent(at broker.Cursor, body []byte) *Object {
	cursor := at.String()
	n := len(`{"cursor":"","event":}`) + len(cursor) + len(body)
	b := appendHeader(make([]byte, 0, n+10), opText, n)
	o := &Object{cursor: cursor, header: len(b)}
	b = append(b, `{"cursor":"`...)
	b = append(b, cursor...)
	b = append(b, `","event":`...)
	b = append(b, body...)
	o.frame = append(b, '}')
	return o
}

// NewObject returns an object with the given JSON. cursor is "" if the object does not change the
// client's cursor.
func NewObject(cursor string, json []byte) *Object {
	b := appendHeader(make([]byte, 0, len(json)+10), opText, len(json))
	return &Object{cursor: cursor, header: len(b), frame: append(b, json...)}
}

// JSON returns the JSON of the object. The caller must not change it.
func (o *Object) JSON() []byte { return o.frame[o.header:] }

// Len returns the length of the plain frame in bytes.
func (o *Object) Len() int { return len(o.frame) }

// Size returns the length of the frame for a codec, in bytes.
func (o *Object) Size(c Codec) int {
	switch c {
	case Deflated:
		return len(o.deflate())
	case SSE:
		n := len("data: \n\n") + len(o.JSON())
		if o.cursor != "" {
			n += len("id: \n") + len(o.cursor)
		}
		return n
	}
	return len(o.frame)
}

// Append appends the frame for a codec to b.
func (o *Object) Append(b []byte, c Codec) []byte {
	switch c {
	case Deflated:
		return append(b, o.deflate()...)
	case SSE:
		if o.cursor != "" {
			b = append(b, "id: "...)
			b = append(b, o.cursor...)
			b = append(b, '\n')
		}
		b = append(b, "data: "...)
		n := len(b)
		b = append(b, o.JSON()...)
		for i, c := range b[n:] {
			if c == '\n' || c == '\r' { // a line break between members would end the data field
				b[n+i] = ' '
			}
		}
		return append(b, "\n\n"...)
	}
	return append(b, o.frame...)
}

// Bytes returns the frame for a codec. The caller must not change it.
func (o *Object) Bytes(c Codec) []byte {
	switch c {
	case Deflated:
		return o.deflate()
	case SSE:
		return o.Append(make([]byte, 0, o.Size(c)), c)
	}
	return o.frame
}

// Cursor returns a frame that only changes the client's cursor.
func Cursor(at broker.Cursor, c Codec) []byte {
	if c == SSE {
		return fmt.Appendf(nil, "id: %s\n\n", at)
	}
	return NewObject(at.String(), fmt.Appendf(nil, `{"cursor":"%s"}`, at)).frame
}

// Opcodes and flags of a WebSocket frame's first byte: RFC 6455 section 5.2 and RFC 7692 section 6.
const (
	opText     = 0x1
	opClose    = 0x8
	opPing     = 0x9
	opPong     = 0xa
	final      = 0x80
	compressed = 0x40
)

// appendHeader appends the header of a final, unmasked frame with a payload of n bytes. first holds
// the opcode, and the flag compressed if the payload is compressed.
func appendHeader(b []byte, first byte, n int) []byte {
	b = append(b, first|final)
	switch {
	case n < 126:
		return append(b, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	}
	return binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
}

// deflaters reuses compressors, because each compressor takes more than half a megabyte of memory.
var deflaters = sync.Pool{New: func() any {
	w, err := flate.NewWriter(nil, flate.DefaultCompression)
	if err != nil {
		panic(err) // the level is valid
	}
	return w
}}

// deflate returns the compressed frame. The compression context does not carry over between
// messages, so all clients can share the frame.
func (o *Object) deflate() []byte {
	o.deflateOnce.Do(func() {
		var b bytes.Buffer
		w := deflaters.Get().(*flate.Writer)
		defer deflaters.Put(w)
		w.Reset(&b)
		_, _ = w.Write(o.JSON()) // a bytes.Buffer returns no error
		_ = w.Flush()
		data := bytes.TrimSuffix(b.Bytes(), []byte{0, 0, 0xff, 0xff})
		o.deflated = append(appendHeader(make([]byte, 0, len(data)+10), opText|compressed, len(data)), data...)
	})
	return o.deflated
}
