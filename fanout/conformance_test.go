package fanout_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/matchwire/matchwire/broker/memory"
)

// A rawClient is a WebSocket client that can write arbitrary bytes.
type rawClient struct {
	t    *testing.T
	conn net.Conn
	r    *bufio.Reader
}

// raw connects a rawClient that offers extensions. It also returns the extensions that the node
// accepted.
func (n *node) raw(t *testing.T, extensions string) (c *rawClient, accepted string) {
	t.Helper()
	conn, err := n.dial()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	head := "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	if extensions != "" {
		head += "Sec-WebSocket-Extensions: " + extensions + "\r\n"
	}
	fmt.Fprint(conn, head+"\r\n")
	r := bufio.NewReader(conn)
	validKey := false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch {
		case strings.EqualFold(name, "Sec-WebSocket-Extensions"):
			accepted = value
		case strings.EqualFold(name, "Sec-WebSocket-Accept"):
			validKey = value == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" // RFC 6455 section 1.3
		case name == "":
			if !validKey {
				t.Fatal("the response has no Sec-WebSocket-Accept with the value from RFC 6455 section 1.3")
			}
			return &rawClient{t, conn, r}, accepted
		}
	}
}

// send writes a masked frame.
func (c *rawClient) send(first byte, payload string) { c.write(masked(first, payload)) }

// write writes b. It ignores errors, because the node may have closed the connection.
func (c *rawClient) write(b []byte) { _, _ = c.conn.Write(b) }

// masked returns a masked frame. first is the first byte of the frame.
func masked(first byte, payload string) []byte {
	b := []byte{first}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

// next reads a frame and returns its first byte and its payload. At the end of the connection, it
// returns io.EOF.
func (c *rawClient) next() (first byte, payload []byte, err error) {
	var h [2]byte
	if _, err := io.ReadFull(c.r, h[:]); err != nil {
		return 0, nil, err
	}
	n := uint64(h[1])
	switch h[1] {
	case 126:
		var b [2]byte
		_, err = io.ReadFull(c.r, b[:])
		n = uint64(binary.BigEndian.Uint16(b[:]))
	case 127:
		var b [8]byte
		_, err = io.ReadFull(c.r, b[:])
		n = binary.BigEndian.Uint64(b[:])
	}
	if err != nil || h[1]&0x80 != 0 {
		return 0, nil, fmt.Errorf("frame header %x: invalid for a server: %w", h, err)
	}
	payload = make([]byte, n)
	_, err = io.ReadFull(c.r, payload)
	return h[0], payload, err
}

// rest reads all frames up to the end of the connection, and returns their summaries, separated by
// commas. The summary of a text message is its first 12 bytes.
func (c *rawClient) rest() string {
	c.t.Helper()
	var all []string
	for {
		first, payload, err := c.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				all = append(all, "cut off: "+err.Error())
			}
			return strings.Join(all, ", ")
		}
		switch first {
		case 0x88:
			code := "none"
			if len(payload) >= 2 {
				code = fmt.Sprint(binary.BigEndian.Uint16(payload))
			}
			all = append(all, "close "+code)
		case 0x8a:
			all = append(all, fmt.Sprintf("pong %d", len(payload)))
		case 0x81:
			all = append(all, string(payload[:min(len(payload), 12)]))
		default:
			all = append(all, fmt.Sprintf("frame %x", first))
		}
	}
}

// The numbered cases are those of the Autobahn test suite that apply to a server for small JSON
// messages. The numbers are from the suite.
func TestProtocol(t *testing.T) {
	n := newNode(t, memory.New(nil, nil))
	const text, binary, cont, closing, ping, pong, fin, rsv1 = 0x1, 0x2, 0x0, 0x8, 0x9, 0xa, 0x80, 0x40
	end := masked(fin|closing, "\x03\xe8")
	join := func(frames ...[]byte) []byte { return append(bytes.Join(frames, nil), end...) }
	long := `{"ping":"` + strings.Repeat("x", 16<<10) + `"}`
	pings := join(masked(fin|ping, "1"), masked(fin|ping, "22"), masked(fin|ping, "333"))
	fragmentedText := join(masked(text, `{"pi`), masked(fin|cont, `ng":1}`))
	pingBetween := join(masked(text, `{"pi`), masked(fin|ping, "x"), masked(fin|cont, `ng":1}`))
	splitCharacter := join(masked(text, "{\"ping\":\"\xc3"), masked(fin|cont, "\xa9\"}"))
	longLength := append([]byte{fin | text, 0xff}, bytes.Repeat([]byte{0xff}, 12)...)
	for name, tc := range map[string]struct {
		frames []byte
		want   string
	}{
		"1.1 a text message":                    {join(masked(fin|text, `{"ping":1}`)), `{"pong":1}, close 1000`},
		"1.1.6 a text message that is too long": {join(masked(fin|text, long)), "close 1009"},
		"1.2 a binary message":                  {join(masked(fin|binary, `{"ping":1}`)), "close 1003"},
		"2.1 a ping":                            {join(masked(fin|ping, "")), "pong 0, close 1000"},
		"2.4 a full ping": {join(masked(fin|ping, strings.Repeat("\xfe", 125))),
			"pong 125, close 1000"},
		"2.5 a ping that is too long":          {join(masked(fin|ping, strings.Repeat("x", 126))), "close 1002"},
		"2.7 an unsolicited pong":              {join(masked(fin|pong, "x")), "close 1000"},
		"2.10 many pings":                      {pings, "pong 1, pong 2, pong 3, close 1000"},
		"3.1 a reserved bit":                   {join(masked(fin|rsv1|text, `{"ping":1}`)), "close 1002"},
		"3.5 a reserved bit on a ping":         {join(masked(fin|0x20|ping, "")), "close 1002"},
		"4.1 a reserved opcode":                {join(masked(fin|3, "")), "close 1002"},
		"4.2 a reserved control opcode":        {join(masked(fin|0xb, "")), "close 1002"},
		"5.1 a fragmented ping":                {join(masked(ping, "x"), masked(fin|cont, "y")), "close 1002"},
		"5.3 a fragmented text message":        {fragmentedText, `{"pong":1}, close 1000`},
		"5.6 a ping between fragments":         {pingBetween, `pong 1, {"pong":1}, close 1000`},
		"5.9 a continuation without a message": {join(masked(fin|cont, "x")), "close 1002"},
		"5.18 a text frame within a message":   {join(masked(text, `{"pi`), masked(fin|text, `{"ping":1}`)), "close 1002"},
		"6.1.2 an empty fragmented message": {join(masked(text, ""), masked(cont, ""), masked(fin|cont, "")),
			"close 4002"},
		"6.2.3 a character in two fragments": {splitCharacter, `{"pong":"é"` + ", close 1000"},
		"6.3.1 not UTF-8": {join(masked(fin|text, "{\"ping\":\"\xce\xba\xed\xa0\x80\"}")),
			"close 1007"},
		"7.1.1 a close":                          {end, "close 1000"},
		"7.1.3 a ping after a close":             {append(end, masked(fin|ping, "x")...), "close 1000"},
		"7.3.1 a close without a code":           {masked(fin|closing, ""), "close 1000"},
		"7.3.2 a close with one byte":            {masked(fin|closing, "x"), "close 1000"},
		"7.3.6 a close that is too long":         {masked(fin|closing, "\x03\xe8"+strings.Repeat("x", 124)), "close 1002"},
		"7.5.1 a close reason that is not UTF-8": {masked(fin|closing, "\x03\xe8\xff"), "close 1002"},
		"7.7 a private close code":               {masked(fin|closing, "\x0f\xa0"), "close 4000"},
		"7.9.1 an invalid close code":            {masked(fin|closing, "\x00\x00"), "close 1002"},
		"7.9.3 a reserved close code":            {masked(fin|closing, "\x03\xed"), "close 1002"},
		"a frame without a mask":                 {append([]byte{fin | text, 2}, "{}"...), "close 1002"},
		"a length beyond 63 bits":                {longLength, "close 1009"},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := n.raw(t, "")
			if _, hello, err := c.next(); err != nil || !bytes.Contains(hello, []byte("snapshot")) {
				t.Fatalf("first frame %s, error %v, want a snapshot", hello, err)
			}
			c.write(tc.frames)
			if got := c.rest(); !strings.HasPrefix(got, tc.want) || strings.Count(got, "close") != 1 {
				t.Errorf("the node responded with %q, want %q at the beginning and only one close frame", got, tc.want)
			}
		})
	}
}

// The node accepts compression only without context takeover and with the default window size.
func TestCompressionOffers(t *testing.T) {
	n := newNode(t, memory.New(nil, nil))
	for offer, want := range map[string]bool{
		"permessage-deflate":                                  true,
		"permessage-deflate; client_max_window_bits":          true, // Chromium
		"permessage-deflate; server_max_window_bits=10":       false,
		"foo, permessage-deflate; client_no_context_takeover": true,
		"x-webkit-deflate-frame":                              false,
		"":                                                    false,
	} {
		c, accepted := n.raw(t, offer)
		got := strings.Contains(accepted, "permessage-deflate")
		if got != want || got && !strings.Contains(accepted, "server_no_context_takeover") {
			t.Errorf("offer %q: the node accepted %q, want compression without context takeover: %v", offer, accepted, want)
		}
		first, _, err := c.next()
		if err != nil || (first == 0xc1) != want {
			t.Errorf("offer %q: first byte of the frame %x, error %v, want a compressed frame: %v", offer, first, err, want)
		}
	}
}

// After arbitrary bytes from a client, every text message from the node is valid JSON, and the node
// still serves other clients.
func FuzzClientFrames(f *testing.F) {
	f.Add([]byte(`{"subscribe":{"topics":["soccer.#"]}}`), false)
	f.Add([]byte(`{"unsubscribe":{"team":["A"]},"ping":[{}]}`), false)
	f.Add(masked(0x81, `{"ping":1}`), true)
	f.Add(append(masked(0x01, `{"pi`), masked(0x80, `ng":1}`)...), true)
	f.Add(masked(0x88, "\x03\xe8"), true)
	f.Fuzz(func(t *testing.T, b []byte, isRaw bool) {
		n := newNode(t, memory.New(nil, nil))
		c, _ := n.raw(t, "")
		healthy := n.follow(t, "")
		healthy.read()
		if _, _, err := c.next(); err != nil {
			t.Fatal(err)
		}
		if isRaw {
			c.write(b)
		} else {
			c.send(0x81, string(b))
		}
		c.send(0x88, "\x03\xe8")
		if half, ok := c.conn.(*net.TCPConn); ok {
			_ = half.CloseWrite()
		}
		for {
			first, payload, err := c.next()
			if err != nil {
				break // the connection has ended
			}
			if first == 0x81 && !json.Valid(payload) {
				t.Fatalf("after %q, the node sent %q, want JSON", b, payload)
			}
		}
		if err := healthy.conn.WriteMessage(1, []byte(`{"ping":5}`)); err != nil {
			t.Fatal(err)
		}
		if f := healthy.read(); f.Pong != 5 {
			t.Fatalf("another client received %+v, want pong 5", f)
		}
	})
}
