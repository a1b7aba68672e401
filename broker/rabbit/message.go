package rabbit

import (
	"errors"
	"maps"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/matchwire/matchwire/broker"
	"github.com/matchwire/matchwire/event"
)

// Headers that matchwire sets. The first three are derived from the message. headerExpires is set
// on messages that expire. The rest are added when an attempt fails.
const (
	headerTID         = "tid"
	headerMatch       = "match"
	headerTraceparent = "traceparent"
	headerExpires     = "mw-expires" // RFC 3339; in a retry queue, a message loses the property expiration

	headerKey       = "mw-key"        // the original routing key
	headerAttempts  = "mw-attempts"   // number of failed attempts, excluding outages and postponements
	headerOutages   = "mw-outages"    // number of attempts that failed in an outage or were postponed
	headerFirstSeen = "mw-first-seen" // when the message was first delivered, RFC 3339
	headerReason    = "mw-reason"     // text of the last error, from [broker.Reason]
)

// publishing converts a message to AMQP.
func publishing(m broker.Message) amqp.Publishing {
	h := amqp.Table{headerTID: m.TID.String(), headerTraceparent: m.TID.Traceparent(m.ID)}
	if m.Match != "" {
		h[headerMatch] = m.Match
	}
	contentType, expiration := event.ContentType, ""
	if m.Exchange == broker.Tasks {
		contentType = "application/json"
	}
	if !m.Expires.IsZero() {
		h[headerExpires] = m.Expires.Format(time.RFC3339Nano)
		expiration = strconv.FormatInt(max(time.Until(m.Expires).Milliseconds(), 0), 10)
	}
	return amqp.Publishing{
		DeliveryMode:  amqp.Persistent,
		ContentType:   contentType,
		Expiration:    expiration,
		MessageId:     m.ID,
		CorrelationId: m.TID.String(),
		Type:          m.Key,
		Timestamp:     m.Time,
		AppId:         "matchwire",
		Headers:       h,
		Body:          m.Body,
	}
}

// received converts a delivery to a message. Other programs can publish to the exchanges too, so
// any property may be missing or malformed.
func received(d amqp.Delivery) broker.Message {
	m := broker.Message{
		Key: d.RoutingKey, ID: d.MessageId, Match: text(d.Headers[headerMatch]),
		Time: d.Timestamp, Expires: instant(d.Headers[headerExpires]), Body: d.Body,
		Attempt: number(d, headerAttempts) + 1, Redelivered: d.Redelivered,
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

// text returns the value of a header, or "" if the value is not a string.
func text(v any) string {
	s, _ := v.(string)
	return s
}

// number returns the number in a header, limited to 0…1000. It returns 0 if the header has no
// number.
func number(d amqp.Delivery, header string) int {
	var n int64
	switch v := d.Headers[header].(type) {
	case int64:
		n = v
	case int32:
		n = int64(v)
	}
	return int(min(max(n, 0), 1000)) // another program may have written the header
}

// instant returns the time in the value of a header, or the zero time if the value is not a time.
func instant(v any) time.Time {
	t, err := time.Parse(time.RFC3339Nano, text(v))
	if err != nil {
		return time.Time{}
	}
	return t
}

// firstSeen returns when the message was first delivered: the time in its header, or now.
func firstSeen(d amqp.Delivery) time.Time {
	if t := instant(d.Headers[headerFirstSeen]); !t.IsZero() {
		return t
	}
	return time.Now().UTC()
}

// failedCopy returns the copy of a failed delivery for a retry or dead-letter queue. cause is the
// error from the handler.
func failedCopy(d amqp.Delivery, m broker.Message, cause error) amqp.Publishing {
	p := copied(d)
	p.Headers[headerKey] = m.Key
	p.Headers[headerAttempts] = int64(m.Attempt)
	if errors.Is(cause, broker.ErrUnavailable) {
		p.Headers[headerAttempts] = int64(m.Attempt - 1)
		p.Headers[headerOutages] = int64(number(d, headerOutages) + 1)
	}
	p.Headers[headerFirstSeen] = firstSeen(d).Format(time.RFC3339Nano)
	p.Headers[headerReason] = broker.Reason(cause)
	return p
}

// requeuedCopy returns the copy of a dead letter for its queue. It removes the headers of the
// failed attempts and the expiry. It keeps the original routing key and the time of the first
// delivery.
func requeuedCopy(d amqp.Delivery) amqp.Publishing {
	p := copied(d)
	for _, h := range []string{headerAttempts, headerOutages, headerReason, headerExpires} {
		delete(p.Headers, h)
	}
	return p
}

// copied returns a copy of a delivery, without the property expiration.
func copied(d amqp.Delivery) amqp.Publishing {
	h := maps.Clone(d.Headers)
	if h == nil {
		h = amqp.Table{}
	}
	return amqp.Publishing{
		DeliveryMode: amqp.Persistent, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding,
		MessageId: d.MessageId, CorrelationId: d.CorrelationId, Type: d.Type,
		Timestamp: d.Timestamp, AppId: d.AppId, Headers: h, Body: d.Body,
	}
}
