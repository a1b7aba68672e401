package terminal

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

// NewLogHandler returns a handler that writes log lines for people: the local time, the message and the
// attributes. Lines above the level Info begin with the level in addition. Values that are not printable are
// quoted.
func NewLogHandler(w io.Writer, level slog.Level, colors bool) slog.Handler {
	h := &logHandler{out: w, colors: colors, shared: &logBuffer{}}
	h.attrs = slog.NewTextHandler(&h.shared.text, &slog.HandlerOptions{Level: level, ReplaceAttr: attrOnly})
	return h
}

// A logHandler writes the beginning of a line. A [slog.TextHandler] formats the rest, the attributes.
type logHandler struct {
	out    io.Writer
	colors bool
	attrs  slog.Handler // writes to shared
	shared *logBuffer
}

// A logBuffer holds the line that is being formatted.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// attrOnly removes the time, the level and the message, which logHandler writes.
func attrOnly(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey || a.Key == slog.MessageKey) {
		return slog.Attr{}
	}
	return a
}

func (h *logHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.attrs.Enabled(ctx, level)
}

func (h *logHandler) Handle(ctx context.Context, r slog.Record) error {
	h.shared.mu.Lock()
	defer h.shared.mu.Unlock()
	line := &h.shared.text
	line.Reset()
	line.WriteString(h.paint(Dim, r.Time.Local().Format(time.TimeOnly)) + "  ")
	switch {
	case r.Level >= slog.LevelError:
		line.WriteString(h.paint(Red, r.Level.String()) + "  ")
	case r.Level >= slog.LevelWarn:
		line.WriteString(h.paint(Yellow, r.Level.String()) + "  ")
	case r.Level < slog.LevelInfo:
		line.WriteString(h.paint(Dim, r.Level.String()) + "  ")
	}
	line.WriteString(Printable(r.Message) + "  ")
	start := line.Len()
	if err := h.attrs.Handle(ctx, r); err != nil {
		return err
	}
	if attrs := bytes.TrimSuffix(line.Bytes()[start:], []byte("\n")); h.colors && len(attrs) > 0 {
		painted := Dim.Paint(string(attrs))
		line.Truncate(start)
		line.WriteString(painted + "\n")
	}
	_, err := h.out.Write(line.Bytes())
	return err
}

func (h *logHandler) paint(s Style, text string) string {
	if h.colors {
		return s.Paint(text)
	}
	return text
}

func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *h
	next.attrs = h.attrs.WithAttrs(attrs)
	return &next
}

func (h *logHandler) WithGroup(name string) slog.Handler {
	next := *h
	next.attrs = h.attrs.WithGroup(name)
	return &next
}
