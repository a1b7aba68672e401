package fanout

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"github.com/matchwire/matchwire/fanout/filter"
	"github.com/matchwire/matchwire/fanout/internal/wire"
)

// setHandlers sets the maximum size of a frame and the handlers for control frames. These handlers
// reply in place of the default handlers of gorilla/websocket.
func (c *client) setHandlers(ws *websocket.Conn) {
	ws.SetReadLimit(maxFrame)
	ws.SetPongHandler(func(string) error { c.heard(); return nil })
	ws.SetPingHandler(func(data string) error {
		if c.acceptFrame() {
			c.answer(wire.Pong([]byte(data)))
		}
		return nil
	})
	ws.SetCloseHandler(func(code int, _ string) error {
		if code == websocket.CloseNoStatusReceived {
			code = websocket.CloseNormalClosure
		}
		c.close(code, "", endLeft)
		return nil
	})
}

// receive waits for a frame and handles it. It returns false when nothing more can be read. Most of
// the memory of an idle connection is the stack of this call. Do not make this call use more stack,
// because the runtime would double the stack.
func (c *client) receive(ws *websocket.Conn) bool {
	kind, r, err := ws.NextReader()
	if err != nil {
		return c.endReceive(err)
	}
	return c.handleFrame(kind, r)
}

// endReceive closes the client if err reports that a frame is too large. It always returns false,
// as the result of receive.
func (c *client) endReceive(err error) bool {
	if errors.Is(err, websocket.ErrReadLimit) {
		c.close(websocket.CloseMessageTooBig, "", endProtocol) // gorilla sends a close frame only in some cases
	}
	return false
}

// handleFrame reads a frame and handles it. If the frame violates the protocol, handleFrame closes
// the client. Frames from a closing client are ignored. handleFrame returns false when nothing more can
// be read.
func (c *client) handleFrame(kind int, r io.Reader) bool {
	if !c.acceptFrame() {
		return true
	}
	b, err := io.ReadAll(io.LimitReader(r, maxFrame+1))
	switch {
	case err != nil: // the compressed data is invalid, or the connection has ended
		c.close(websocket.CloseProtocolError, "", endProtocol)
		return false
	case len(b) > maxFrame:
		c.close(websocket.CloseMessageTooBig, "", endProtocol)
	case kind != websocket.TextMessage:
		c.close(websocket.CloseUnsupportedData, "want text frames with JSON", endProtocol)
	case !utf8.Valid(b):
		c.close(websocket.CloseInvalidFramePayloadData, "want UTF-8", endProtocol)
	default:
		if err := c.handleMessage(b); err != nil {
			c.close(closeBadFrame, err.Error(), endProtocol)
		}
	}
	return true
}

// acceptFrame counts a frame from the client, and reports whether to handle the frame. It closes the
// client if the client sends too many frames.
func (c *client) acceptFrame() bool {
	c.heard()
	if c.frameRate == nil {
		c.frameRate = rate.NewLimiter(framesASecond, frameBurst)
	}
	if !c.frameRate.Allow() {
		c.close(closeTooMany, "too many frames; send fewer", endProtocol)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.closing && !c.aborted
}

// answer sends the response to a frame from the client.
func (c *client) answer(frame []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.send(frame)
}

// A message is a frame from the client. If it has several members, only the first of subscribe,
// unsubscribe and ping has an effect.
type message struct {
	Subscribe   *filter.Filter  `json:"subscribe"`
	Unsubscribe *filter.Filter  `json:"unsubscribe"`
	Ping        json.RawMessage `json:"ping"`
}

// handleMessage handles the JSON of a frame. Its errors are close reasons for the client.
func (c *client) handleMessage(b []byte) error {
	var m message
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return errors.New("frame: want a JSON object with subscribe, unsubscribe or ping")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("frame: want one JSON object, got more data after it")
	}
	switch {
	case m.Subscribe != nil:
		return c.changeFilter(func(f filter.Filter) (filter.Filter, error) {
			if err := m.Subscribe.Within(f.Allowed); err != nil {
				return f, err
			}
			return f.Add(*m.Subscribe)
		})
	case m.Unsubscribe != nil:
		return c.changeFilter(func(f filter.Filter) (filter.Filter, error) { return f.Remove(*m.Unsubscribe), nil })
	case m.Ping != nil:
		pong := append(append([]byte(`{"pong":`), m.Ping...), '}')
		c.answer(wire.NewObject("", pong).Bytes(wire.Plain))
		return nil
	}
	return errors.New("frame: want one of subscribe, unsubscribe and ping")
}
