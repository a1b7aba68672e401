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

// maxPayload is the maximum size of the payload of a frame from a server, in bytes.
const maxPayload = 256 << 20

// A wsFrame is a frame from a server. payload shares memory with the bytes that cutFrame parsed.
type wsFrame struct {
	op      byte
	payload []byte
}

// cutFrame returns the first frame in b and the bytes after that frame. ok is false if the frame is
// incomplete or not valid. In that case, rest is b.
func cutFrame(b []byte) (f wsFrame, rest []byte, ok bool, err error) {
	if len(b) < 2 {
		return f, b, false, nil
	}
	if b[0]&0x80 == 0 || b[0]&0x0f == 0 {
		return f, b, false, errors.New("fragmented message: not supported")
	}
	if b[0]&0x70 != 0 || b[1]&0x80 != 0 {
		return f, b, false, fmt.Errorf("frame header %#x: compressed or masked frames are not supported", b[:2])
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
		return f, b, false, fmt.Errorf("frame of %d bytes: want at most %d", n, maxPayload)
	}
	end := at + int(n)
	if len(b) < end {
		return f, b, false, nil
	}
	return wsFrame{b[0] & 0x0f, b[at:end]}, b[end:], true, nil
}

// clientFrame returns a masked frame with a payload of at most 125 bytes. The masking key is zero,
// so the payload stays the same.
func clientFrame(op byte, payload []byte) []byte {
	b := append(make([]byte, 0, 6+len(payload)), 0x80|op, 0x80|byte(len(payload)), 0, 0, 0, 0)
	return append(b, payload...)
}
