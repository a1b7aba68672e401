package gateway

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
)

// Close code and reason of a stopping gateway. A stopping fanout node sends 1001.
const (
	closeRestart = 1012 // service restart
	stopReason   = "the gateway is stopping; reconnect with your cursor"
)

// A framing finds the ends of the frames in a stream of bytes. After the end of a frame, a tunnel can
// send a last frame of its own.
type framing interface {
	// follow reads the next bytes of the stream. It returns the length of the part that ends with the
	// last whole frame, or -1 if no frame ends in b.
	follow(b []byte) (whole int)
	// between reports whether the bytes so far end with a whole frame.
	between() bool
	// last returns a frame that asks the client to reconnect, or nil if the tunnel must not send one.
	last() []byte
}

// opClose is the opcode of a close frame: RFC 6455 section 5.2.
const opClose = 0x8

// closeFrame closes a WebSocket with closeRestart and stopReason.
var closeFrame = append(binary.BigEndian.AppendUint16([]byte{0x80 | opClose, byte(2 + len(stopReason))}, closeRestart),
	stopReason...)

// webSocket is the framing of a WebSocket. It reads only the headers of frames: RFC 6455 section 5.2.
type webSocket struct {
	rest   uint64   // bytes of the current frame that follow its header
	header [14]byte // the part of the next header that was read
	read   uint8    // number of bytes in header
	closed bool     // a close frame has begun
}

func (f *webSocket) between() bool { return f.read == 0 && f.rest == 0 }

func (f *webSocket) last() []byte {
	if f.closed {
		return nil
	}
	return closeFrame
}

func (f *webSocket) follow(b []byte) (whole int) {
	whole = -1
	for i := 0; i < len(b); {
		if f.rest > 0 {
			n := min(f.rest, uint64(len(b)-i))
			f.rest -= n
			i += int(n)
		} else {
			f.header[f.read] = b[i]
			f.read++
			i++
			if !f.endHeader() {
				continue
			}
		}
		if f.rest == 0 {
			whole = i
		}
	}
	return whole
}

// endHeader reports whether header contains a whole header. If so, it sets rest and discards header.
func (f *webSocket) endHeader() bool {
	if f.read < 2 {
		return false
	}
	length, size := uint64(f.header[1]&0x7f), uint8(2)
	switch length {
	case 126:
		size += 2
	case 127:
		size += 8
	}
	masked := f.header[1]&0x80 != 0 // never in frames from a server
	if masked {
		size += 4
	}
	if f.read < size {
		return false
	}
	switch length {
	case 126:
		length = uint64(binary.BigEndian.Uint16(f.header[2:]))
	case 127:
		length = binary.BigEndian.Uint64(f.header[2:])
	}
	f.closed = f.closed || f.header[0]&0x0f == opClose
	f.rest, f.read = length, 0
	return true
}

// closeEvent ends an event stream as fanout does.
var closeEvent = func() []byte {
	object, _ := json.Marshal(map[string]any{"code": closeRestart, "reason": stopReason}) // cannot fail
	return append(append([]byte("event: close\ndata: "), object...), "\n\n"...)
}()

// events is the framing of server-sent events from fanout. An event ends with an empty line.
type events struct {
	inEvent bool // the bytes so far do not end with an event
	newline bool // the latest byte is a newline
}

func (f *events) between() bool { return !f.inEvent }

func (f *events) last() []byte { return closeEvent }

func (f *events) follow(b []byte) (whole int) {
	if len(b) == 0 {
		return -1
	}
	whole = bytes.LastIndex(b, []byte("\n\n")) + 2
	switch {
	case whole >= 2:
	case f.newline && b[0] == '\n':
		whole = 1
	default:
		whole = -1
	}
	f.inEvent, f.newline = whole != len(b), b[len(b)-1] == '\n'
	return whole
}

// unknown is the framing of other protocols. A stopping gateway may cut their streams at any byte.
type unknown struct{}

func (unknown) follow([]byte) int { return -1 }
func (unknown) between() bool     { return true }
func (unknown) last() []byte      { return nil }
