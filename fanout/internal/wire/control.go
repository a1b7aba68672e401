package wire

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
)

// maxControl is the maximum payload of a control frame in bytes: RFC 6455 section 5.5.
const maxControl = 125

// Ping returns a frame that keeps a connection alive. A WebSocket client responds with a pong.
func Ping(c Codec) []byte {
	if c == SSE {
		return []byte(": ping\n\n")
	}
	return control(opPing, nil)
}

// Pong returns the response to a ping of a WebSocket client. data is the payload of the ping.
func Pong(data []byte) []byte { return control(opPong, data) }

// Close returns the last frame of a connection, with a close code and a reason. For a WebSocket, it
// truncates a long reason.
func Close(code int, reason string, c Codec) []byte {
	if c == SSE {
		object, _ := json.Marshal(map[string]any{"code": code, "reason": reason}) // cannot fail
		return fmt.Appendf(nil, "event: close\ndata: %s\n\n", object)
	}
	return control(opClose, append(binary.BigEndian.AppendUint16(nil, uint16(code)), shorten(reason, maxControl-2)...))
}

// IsClose reports whether a WebSocket frame is a close frame.
func IsClose(frame []byte) bool { return len(frame) > 0 && frame[0]&0x0f == opClose }

// shorten truncates a reason to at most n bytes of valid UTF-8.
func shorten(reason string, n int) string {
	if len(reason) <= n {
		return reason
	}
	return strings.ToValidUTF8(reason[:n-len("…")], "") + "…"
}

// control returns a control frame. data has at most maxControl bytes.
func control(opcode byte, data []byte) []byte {
	return append(appendHeader(make([]byte, 0, len(data)+2), opcode, len(data)), data...)
}
