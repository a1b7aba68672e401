package main

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Opcodes of WebSocket frames.
const (
	opText  = 1
	opClose = 8
	opPing  = 9
	opPong  = 10
)

// maxPayload bounds what a server may send in one frame.
const maxPayload = 256 << 20

// A wsFrame is a whole frame from a server. payload is part of the bytes it was cut from.
type wsFrame struct {
	op      byte
	payload []byte
}

// cutFrame cuts the first frame off b. ok is false while b does not hold all of it.
func cutFrame(b []byte) (f wsFrame, rest []byte, ok bool, err error) {
	if len(b) < 2 {
		return f, b, false, nil
	}
	if b[0]&0x80 == 0 || b[0]&0x0f == 0 {
		return f, b, false, errors.New("a message in more than one frame")
	}
	if b[0]&0x70 != 0 || b[1]&0x80 != 0 {
		return f, b, false, fmt.Errorf("frame header %#x: compressed or masked", b[:2])
	}
	at, n := 2, uint64(b[1])
	switch {
	case n == 126 && len(b) >= 4:
		at, n = 4, uint64(binary.BigEndian.Uint16(b[2:]))
	case n == 127 && len(b) >= 10:
		at, n = 10, binary.BigEndian.Uint64(b[2:])
	case n >= 126:
		return f, b, false, nil
	}
	if n > maxPayload {
		return f, b, false, fmt.Errorf("a frame of %d bytes", n)
	}
	end := at + int(n)
	if len(b) < end {
		return f, b, false, nil
	}
	return wsFrame{b[0] & 0x0f, b[at:end]}, b[end:], true, nil
}

// clientFrame is a frame of at most 125 bytes as a client sends it: masked, by
// a key of zeros, which changes nothing.
func clientFrame(op byte, payload []byte) []byte {
	b := append(make([]byte, 0, 6+len(payload)), 0x80|op, 0x80|byte(len(payload)), 0, 0, 0, 0)
	return append(b, payload...)
}
