package gateway

import "encoding/binary"

// Close frames and events of a gateway that stops. Fanout sends 1001 when a node stops.
const (
	closeRestart = 1012 // service restart
	stopReason   = "the gateway is stopping; reconnect with your cursor"
)

// opClose is the opcode of a close frame: RFC 6455 section 5.2.
const opClose = 0x8

// closeFrame is a frame from a server that closes a WebSocket with closeRestart and stopReason.
var closeFrame = append(binary.BigEndian.AppendUint16([]byte{0x80 | opClose, byte(2 + len(stopReason))}, closeRestart),
	stopReason...)

// A framing follows the frames in a stream of bytes. It reads only the lengths of frames: RFC 6455
// section 5.2. The zero value is at the beginning of a stream.
type framing struct {
	rest   uint64   // bytes of the current frame that follow its header
	header [14]byte // the part of the next header that was read
	read   uint8    // number of bytes in header
	closed bool     // a close frame has begun
}

// between reports whether the bytes so far end with a whole frame.
func (f *framing) between() bool { return f.read == 0 && f.rest == 0 }

// follow reads the next bytes of the stream. It returns the length of the part that ends with the
// last whole frame, or -1 if no frame ends in b.
func (f *framing) follow(b []byte) (whole int) {
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
func (f *framing) endHeader() bool {
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
	masked := f.header[1]&0x80 != 0 // never from a server
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
