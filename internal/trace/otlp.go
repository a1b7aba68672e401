package trace

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	api "go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	otel "go.opentelemetry.io/otel/trace"

	"github.com/matchwire/matchwire/event"
)

// OTLP sends spans to an OpenTelemetry collector: the TID is the trace ID, and
// messages are described by the semantic conventions for messaging.
type OTLP struct {
	provider *sdk.TracerProvider
	tracer   otel.Tracer
}

// OTLPEnabled reports whether the environment names a collector.
func OTLPEnabled(getenv func(string) string) (bool, error) {
	if getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "" {
		return false, nil
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		if p := getenv(name); p != "" && p != "http/protobuf" {
			return false, fmt.Errorf("%s is %q: matchwire speaks http/protobuf (port 4318 of a collector)", name, p)
		}
	}
	return !strings.EqualFold(getenv("OTEL_SDK_DISABLED"), "true"), nil
}

// NewOTLP makes a sink of the collector that the environment names, see
// [OTLPEnabled]: endpoint, headers, timeout and certificates are those of the
// OpenTelemetry SDK. log hears of what could not be sent. Close sends what is
// left.
func NewOTLP(ctx context.Context, instance, version string, log *slog.Logger) (*OTLP, error) {
	api.SetErrorHandler(api.ErrorHandlerFunc(func(err error) { log.Warn("traces not sent to the collector", "error", err) }))
	exporter, err := otlptracehttp.New(ctx)
	if err != nil {
		return nil, fmt.Errorf("OTLP: %w", err)
	}
	about, err := resource.New(ctx, resource.WithAttributes(semconv.ServiceName("matchwire"), semconv.ServiceInstanceID(instance), semconv.ServiceVersion(version)), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("OTLP: %w", err)
	}
	p := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about), sdk.WithIDGenerator(givenIDs{}), sdk.WithSampler(sdk.AlwaysSample()))
	return &OTLP{provider: p, tracer: p.Tracer("github.com/matchwire/matchwire")}, nil
}

// Close sends what is left, as long as ctx allows.
func (o *OTLP) Close(ctx context.Context) error { return o.provider.Shutdown(ctx) }

// givenIDs takes the IDs of a span from the context: ours are made before.
type givenIDs struct{}

type idsKey struct{}

func (givenIDs) NewIDs(ctx context.Context) (otel.TraceID, otel.SpanID) {
	s, _ := ctx.Value(idsKey{}).(Span)
	return otel.TraceID(s.TID), otel.SpanID(s.ID)
}

func (g givenIDs) NewSpanID(ctx context.Context, _ otel.TraceID) otel.SpanID {
	_, id := g.NewIDs(ctx)
	return id
}

// Write hands the spans to the SDK, which sends them in the background and
// drops what it cannot send.
func (o *OTLP) Write(ctx context.Context, spans []Span) error {
	for _, s := range spans {
		o.write(ctx, s)
	}
	return nil
}

func (o *OTLP) write(ctx context.Context, s Span) {
	ctx = context.WithValue(ctx, idsKey{}, s)
	options := []otel.SpanStartOption{otel.WithTimestamp(s.Start), otel.WithSpanKind(s.kind()), otel.WithAttributes(s.attributes()...)}
	if s.Parent != (event.SpanID{}) {
		ctx = otel.ContextWithSpanContext(ctx, otel.NewSpanContext(otel.SpanContextConfig{
			TraceID: otel.TraceID(s.TID), SpanID: otel.SpanID(s.Parent), TraceFlags: otel.FlagsSampled, Remote: true}))
	}
	if c := s.Cause; c != nil {
		options = append(options, otel.WithLinks(otel.Link{SpanContext: otel.NewSpanContext(otel.SpanContextConfig{
			TraceID: otel.TraceID(c.TID), SpanID: otel.SpanID(c.TID.Span(c.Message)), TraceFlags: otel.FlagsSampled, Remote: true})}))
	}
	_, span := o.tracer.Start(ctx, s.title(), options...)
	if s.Failed {
		span.SetStatus(codes.Error, s.Outcome)
	}
	span.End(otel.WithTimestamp(s.Start.Add(time.Duration(s.Took))))
}

// title is the span's name: the operation and where, as the conventions have it.
func (s Span) title() string {
	if s.Op == Serve || s.Op == Start {
		return s.Name
	}
	return string(s.Op) + " " + s.Name
}

func (s Span) kind() otel.SpanKind {
	switch s.Op {
	case Serve:
		return otel.SpanKindServer
	case Create, Send:
		return otel.SpanKindProducer
	case Process, Deliver:
		return otel.SpanKindConsumer
	case Start:
	}
	return otel.SpanKindInternal
}

func (s Span) attributes() []attribute.KeyValue {
	all := []attribute.KeyValue{attribute.String("matchwire.role", s.Role), attribute.String("matchwire.instance", s.Instance)}
	add := func(key, value string) {
		if value != "" {
			all = append(all, attribute.String(key, value))
		}
	}
	add("matchwire.match", s.Match)
	add("matchwire.outcome", s.Outcome)
	if e := s.Evidence; e != nil {
		add("matchwire.evidence.url", e.URL)
		add("matchwire.evidence.snapshot", e.Snapshot)
		add("matchwire.evidence.path", e.Path)
	}
	if !slices.Contains([]Op{Create, Send, Process, Deliver}, s.Op) {
		return all
	}
	operation := map[Op]attribute.KeyValue{Create: semconv.MessagingOperationTypeCreate, Send: semconv.MessagingOperationTypeSend,
		Process: semconv.MessagingOperationTypeProcess, Deliver: semconv.MessagingOperationTypeProcess}[s.Op]
	all = append(all, semconv.MessagingSystemRabbitMQ, operation, semconv.MessagingOperationName(string(s.Op)),
		semconv.MessagingMessageID(s.Message), semconv.MessagingMessageConversationID(s.TID.String()), semconv.MessagingRabbitMQDestinationRoutingKey(s.Name))
	add(string(semconv.MessagingDestinationNameKey), s.Queue)
	return all
}
