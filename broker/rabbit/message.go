package rabbit

import (
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// Headers of our own. The first three mirror the event; the others go with a
// message that waits in a retry queue or lies among the dead letters.
const (
	headerTID         = "tid"
	headerMatch       = "match"
	headerTraceparent = "traceparent"

	headerKey       = "mw-key"        // the routing key it was published with
	headerAttempts  = "mw-attempts"   // deliveries so far
	headerFirstSeen = "mw-first-seen" // of the first, RFC 3339
	headerReason    = "mw-reason"     // the last error's text
)

// publishing is m as AMQP has it.
func publishing(m event.Message) amqp.Publishing {
	h := amqp.Table{headerTID: m.TID.String(), headerTraceparent: m.TID.Traceparent(m.ID)}
	if m.Match != "" {
		h[headerMatch] = m.Match
	}
	return amqp.Publishing{
		DeliveryMode:  amqp.Persistent,
		ContentType:   event.ContentType,
		MessageId:     m.ID,
		CorrelationId: m.TID.String(),
		Type:          m.Key,
		Timestamp:     m.Time,
		AppId:         "matchwire",
		Headers:       h,
		Body:          m.Body,
	}
}

// received is a delivery as matchwire has it. Others may publish to the
// exchange too, so nothing about the properties is taken for granted.
func received(d amqp.Delivery) event.Message {
	m := event.Message{
		Key: d.RoutingKey, ID: d.MessageId, Match: text(d.Headers[headerMatch]),
		Time: d.Timestamp, Body: d.Body, Attempt: attempts(d) + 1,
	}
	if k := text(d.Headers[headerKey]); k != "" {
		m.Key = k
	}
	for _, s := range []string{text(d.Headers[headerTID]), d.CorrelationId} {
		if t, err := event.ParseTID(s); err == nil {
			m.TID = t
			break
		}
	}
	return m
}

func text(v any) string {
	s, _ := v.(string)
	return s
}

// attempts is how often the message was delivered before.
func attempts(d amqp.Delivery) int {
	var n int64
	switch v := d.Headers[headerAttempts].(type) {
	case int64:
		n = v
	case int32:
		n = int64(v)
	}
	return int(min(max(n, 0), 1000)) // whoever wrote the header
}

func firstSeen(d amqp.Delivery) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text(d.Headers[headerFirstSeen]))
	if err != nil {
		return time.Now().UTC()
	}
	return t
}

// again is a delivery on its way to a retry queue or the dead letters.
func again(d amqp.Delivery, m event.Message, cause error) amqp.Publishing {
	h := amqp.Table{}
	for k, v := range d.Headers {
		h[k] = v
	}
	h[headerKey] = m.Key
	h[headerAttempts] = int64(m.Attempt)
	h[headerFirstSeen] = firstSeen(d).Format(time.RFC3339Nano)
	h[headerReason] = broker.Reason(cause)
	return amqp.Publishing{
		DeliveryMode: amqp.Persistent, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding,
		MessageId: d.MessageId, CorrelationId: d.CorrelationId, Type: d.Type,
		Timestamp: d.Timestamp, AppId: d.AppId, Headers: h, Body: d.Body,
	}
}
