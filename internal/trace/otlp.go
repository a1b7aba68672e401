package trace

import (
	"context"
	"errors"
	"maps"
	"os"
	"slices"
	"time"

	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/matchwire/matchwire/event"
)

// An OTLP is a Sink that sends spans to an OpenTelemetry collector by OTLP/HTTP with protobuf. The
// trace ID is the TID. The messaging attributes follow OpenTelemetry's semantic conventions. The
// names of all other attributes begin with "matchwire.".
type OTLP struct {
	client   *otlpClient
	batching Batching
	resource *resourcepb.Resource
}

// NewOTLP returns a sink for the collector that the environment names; see [OTLPEnabled]. The
// variables that OpenTelemetry specifies may also set headers, a timeout, compression,
// certificates, batch limits and resource attributes. An error names the invalid variable.
func NewOTLP(instance, version string) (*OTLP, error) {
	config, err := newOTLPConfig(os.Getenv)
	if err != nil {
		return nil, err
	}
	batching, err := otlpBatching(os.Getenv)
	if err != nil {
		return nil, err
	}
	resource, err := otlpResource(os.Getenv, instance, version)
	if err != nil {
		return nil, err
	}
	return &OTLP{
		client:   newOTLPClient(config, "matchwire/"+version),
		batching: batching,
		resource: &resourcepb.Resource{Attributes: keyValues(resource)},
	}, nil
}

// Name returns "otlp".
func (o *OTLP) Name() string { return "otlp" }

// Batching returns the limits that the environment sets, or OpenTelemetry's defaults.
func (o *OTLP) Batching() Batching { return o.batching }

// Write sends spans in one request. If the collector is unavailable, Write repeats the request
// until ctx ends, for at most a minute.
func (o *OTLP) Write(ctx context.Context, spans []Span) error {
	scope := &tracepb.ScopeSpans{Scope: &commonpb.InstrumentationScope{Name: "github.com/matchwire/matchwire"}}
	for _, s := range spans {
		scope.Spans = append(scope.Spans, s.otlp())
	}
	// TracesData has the same encoding as ExportTraceServiceRequest, whose package imports gRPC.
	body, err := proto.Marshal(&tracepb.TracesData{ResourceSpans: []*tracepb.ResourceSpans{
		{Resource: o.resource, ScopeSpans: []*tracepb.ScopeSpans{scope}},
	}})
	if err != nil {
		return err
	}
	return o.client.post(ctx, body)
}

// lost returns the number of spans of batch that a Write with this error has lost.
func lost(err error, batch []Span) int64 {
	var partial *partialError
	if errors.As(err, &partial) {
		return partial.rejected
	}
	return int64(len(batch))
}

// Flags of spans and links. All spans are sampled. A parent or a linked span may belong to another
// process.
const (
	sampledFlag     = 1
	sampledRoot     = sampledFlag | uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_HAS_IS_REMOTE_MASK)
	sampledOfRemote = sampledRoot | uint32(tracepb.SpanFlags_SPAN_FLAGS_CONTEXT_IS_REMOTE_MASK)
)

// otlp returns s as an OTLP span.
func (s Span) otlp() *tracepb.Span {
	out := &tracepb.Span{
		TraceId: s.TID[:], SpanId: s.ID[:], Flags: sampledRoot, Name: s.title(), Kind: s.kind(),
		StartTimeUnixNano: uint64(s.Start.UnixNano()),
		EndTimeUnixNano:   uint64(s.Start.Add(time.Duration(s.Took)).UnixNano()),
		Attributes:        keyValues(s.attributes()),
		Status:            &tracepb.Status{},
	}
	if s.Parent != (event.SpanID{}) {
		out.ParentSpanId, out.Flags = s.Parent[:], sampledOfRemote
	}
	if c := s.Cause; c != nil {
		cause := c.TID.Span(c.Message)
		out.Links = []*tracepb.Span_Link{{TraceId: c.TID[:], SpanId: cause[:], Flags: sampledOfRemote}}
	}
	if s.Failed {
		out.Status = &tracepb.Status{Code: tracepb.Status_STATUS_CODE_ERROR, Message: s.Outcome}
	}
	return out
}

// title returns the span's name: for a message the operation and the routing key, as the semantic
// conventions require.
func (s Span) title() string {
	if s.Op == Serve || s.Op == Start {
		return s.Name
	}
	return string(s.Op) + " " + s.Name
}

func (s Span) kind() tracepb.Span_SpanKind {
	switch s.Op {
	case Serve:
		return tracepb.Span_SPAN_KIND_SERVER
	case Create, Send:
		return tracepb.Span_SPAN_KIND_PRODUCER
	case Process, Deliver:
		return tracepb.Span_SPAN_KIND_CONSUMER
	case Start:
	}
	return tracepb.Span_SPAN_KIND_INTERNAL
}

// attributes returns the span's attributes by name. An attribute that does not apply is empty.
func (s Span) attributes() map[string]string {
	all := map[string]string{
		"matchwire.role":     s.Role,
		"matchwire.instance": s.Instance,
		"matchwire.match":    s.Match,
		"matchwire.outcome":  s.Outcome,
	}
	if e := s.Evidence; e != nil {
		all["matchwire.evidence.url"] = e.URL
		all["matchwire.evidence.snapshot"] = e.Snapshot
		all["matchwire.evidence.path"] = e.Path
	}
	if s.Op == Serve || s.Op == Start {
		return all
	}
	operation := string(s.Op)
	if s.Op == Deliver {
		operation = string(Process) // the conventions have no operation type for sending to clients
	}
	all["messaging.system"] = "rabbitmq"
	all["messaging.operation.type"] = operation
	all["messaging.operation.name"] = string(s.Op)
	all["messaging.message.id"] = s.Message
	all["messaging.message.conversation_id"] = s.TID.String()
	all["messaging.rabbitmq.destination.routing_key"] = s.Name
	all["messaging.destination.name"] = s.Queue
	return all
}

// keyValues encodes the attributes that are not empty, ordered by name.
func keyValues(all map[string]string) []*commonpb.KeyValue {
	var list []*commonpb.KeyValue
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if all[name] != "" {
			value := &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: all[name]}}
			list = append(list, &commonpb.KeyValue{Key: name, Value: value})
		}
	}
	return list
}
