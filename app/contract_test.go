package app

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/gorilla/websocket"
	amqp "github.com/rabbitmq/amqp091-go"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/matchwire/matchwire/api"
	"github.com/matchwire/matchwire/internal/testenv"
)

// matchwire conforms to asyncapi.yaml. The exchanges and queues exist. Messages, their
// headers and WebSocket frames match the schemas. The server accepts each kind of frame
// from a client.
func TestContracts(t *testing.T) {
	w := newWorld(t)
	arrived, ch := w.exchange()
	pages := newSite(t, nycTor)
	config := filepath.Join(t.TempDir(), "matchwire.yaml")
	err := os.WriteFile(config, []byte(`
sources:
  - {url: "`+pages.URL+`/match", profile: mls-matchcentre, match: contract, every: 1s}
listen: 127.0.0.1:0
fetch: {private_addresses: true, ignore_robots: true}
`), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "consumer=scoreboard keys", w.env, "run", "--config", config)
	document := asyncAPI(t)

	checked := 0
	for len(arrived) > 0 || checked < 13 {
		select {
		case d := <-arrived:
			checked++
			document.checkMessage(t, d)
		case <-time.After(20 * time.Second):
			t.Fatalf("got %d messages, want at least 13:\n%s", checked, p.output())
		}
	}
	document.checkNames(t, w, ch)

	// A message that cannot be handled is dead-lettered with the documented headers.
	bad := amqp.Publishing{ContentType: "text/plain", Body: []byte("no event")}
	err = ch.PublishWithContext(t.Context(), w.namespace+".live_events", "soccer.mls.goal", false, false, bad)
	if err != nil {
		t.Fatal(err)
	}
	p.eventually("a dead letter", func() bool {
		d, ok, err := ch.Get(w.namespace+".consumer.scoreboard.dead", true)
		if err != nil || !ok {
			return false
		}
		document.checkSchema(t, "deadHeaders", table(d.Headers))
		return true
	})

	frames := socket(t, p.address(), "")
	cursor := frames.next("snapshot")["cursor"].(string)
	frames.send(`{"ping":{"a":1}}`)
	frames.next("pong")
	frames.send(`{"subscribe":{"topics":["*.*.red_card"],"match":["x"],"team":["Toronto FC"]}}`)
	frames.next("snapshot")
	frames.send(`{"unsubscribe":{"match":["x"]}}`)
	frames.next("snapshot")
	again := socket(t, p.address(), cursor)
	again.next("resumed")
	facts := `{"team":"Toronto FC","match":{"id":"by-hand","home":"Toronto FC","away":"New York City FC"}}`
	code, _, errs := call(t, "", w.envMap(), "emit", "--namespace", w.namespace, "soccer.mls.goal", facts)
	if code != exitOK {
		t.Fatalf("emit: exit %d, want 0: %s", code, errs)
	}
	again.next("event")
}

// contracts holds asyncapi.yaml and the schema of events.
type contracts struct {
	Channels map[string]struct {
		Bindings struct {
			AMQP struct {
				Exchange struct{ Name, Type string }
				Queue    struct{ Name string }
			}
		}
	}
	Components struct{ Schemas map[string]any }

	event *jsonschema.Schema
}

func asyncAPI(t *testing.T) *contracts {
	t.Helper()
	b, err := api.Contracts.ReadFile("asyncapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if b, err = yaml.YAMLToJSON(b); err != nil {
		t.Fatal(err)
	}
	c := &contracts{event: testenv.Schema(t, api.Contracts, "event.json")}
	if err := json.Unmarshal(b, c); err != nil {
		t.Fatal(err)
	}
	return c
}

// checkSchema checks a value against a schema in asyncapi.yaml.
func (c *contracts) checkSchema(t *testing.T, schema string, v any) {
	t.Helper()
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("mem:///s", c.Components.Schemas[schema]); err != nil {
		t.Fatal(err)
	}
	s, err := compiler.Compile("mem:///s")
	if err == nil {
		err = s.Validate(v)
	}
	if err != nil {
		t.Errorf("value %v does not match the schema %s: %v", v, schema, err)
	}
}

// table converts AMQP headers to the Go types of decoded JSON.
func table(h amqp.Table) any {
	b, err := json.Marshal(h)
	if err != nil {
		panic(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		panic(err)
	}
	return v
}

// checkMessage checks the body, headers and properties of a message.
func (c *contracts) checkMessage(t *testing.T, d amqp.Delivery) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(d.Body))
	if err == nil {
		err = c.event.Validate(v)
	}
	if err != nil {
		t.Errorf("message %s does not match the schema of events: %v", d.Body, err)
		return
	}
	c.checkSchema(t, "headers", table(d.Headers))
	e := v.(map[string]any)
	if d.ContentType != "application/cloudevents+json" || d.Type != d.RoutingKey || e["type"] != d.RoutingKey ||
		d.MessageId != e["id"] || d.CorrelationId != e["tid"] || d.Headers["tid"] != e["tid"] ||
		d.DeliveryMode != amqp.Persistent || d.AppId != "matchwire" || d.Timestamp.IsZero() {
		t.Errorf("properties of message %s: %+v, want those of its event", d.Body, d)
	}
}

// checkNames checks that the exchanges and queues in asyncapi.yaml exist.
func (c *contracts) checkNames(t *testing.T, w *world, ch *amqp.Channel) {
	t.Helper()
	found := 0
	for _, channel := range c.Channels {
		amqpBinding := channel.Bindings.AMQP
		if name := amqpBinding.Exchange.Name; name != "" {
			found++
			kind := amqpBinding.Exchange.Type
			err := ch.ExchangeDeclarePassive(w.namespace+"."+name, kind, true, false, false, false, nil)
			if err != nil {
				t.Errorf("exchange %s: %v", name, err)
			}
		}
		if name := strings.ReplaceAll(amqpBinding.Queue.Name, "{consumer}", "scoreboard"); name != "" {
			found++
			if _, err := ch.QueueDeclarePassive(w.namespace+"."+name, true, false, false, false, nil); err != nil {
				t.Errorf("queue %s: %v", name, err)
			}
		}
	}
	if found != 4 {
		t.Errorf("asyncapi.yaml names %d exchanges and queues, want 4", found)
	}
}

// A stream reads and writes frames of a WebSocket and checks them against their schemas.
type stream struct {
	*testing.T
	conn    *websocket.Conn
	schemas map[string]*jsonschema.Schema
}

// socket connects to the WebSocket at addr. If cursor is not "", the stream resumes at that cursor.
func socket(t *testing.T, addr, cursor string) *stream {
	t.Helper()
	url := "ws://" + addr + "/ws"
	if cursor != "" {
		url += "?cursor=" + cursor
	}
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	s := &stream{t, conn, map[string]*jsonschema.Schema{}}
	for _, name := range []string{"server", "client", "snapshot", "resumed", "event", "pong"} {
		s.schemas[name] = testenv.Schema(t, api.Contracts, "frames.json#/definitions/"+name)
	}
	return s
}

// next reads frames until a frame is of the given kind, and returns that frame. It fails
// the test after 50 frames.
func (s *stream) next(kind string) map[string]any {
	s.Helper()
	for range 50 {
		_ = s.conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		_, b, err := s.conn.ReadMessage()
		if err != nil {
			s.Fatalf("waiting for %s: %v", kind, err)
		}
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err == nil {
			err = s.schemas["server"].Validate(v)
		}
		if err != nil {
			s.Fatalf("frame %s does not match the schema of server frames: %v", b, err)
		}
		if s.schemas[kind].Validate(v) == nil {
			return v.(map[string]any)
		}
	}
	s.Fatalf("got 50 frames, want one of kind %s", kind)
	return nil
}

// send checks a client frame against its schema and sends it.
func (s *stream) send(frame string) {
	s.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(frame))
	if err == nil {
		err = s.schemas["client"].Validate(v)
	}
	if err == nil {
		err = s.conn.WriteMessage(websocket.TextMessage, []byte(frame))
	}
	if err != nil {
		s.Fatalf("sending the frame %s: %v", frame, err)
	}
}
