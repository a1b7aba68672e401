package strictyaml

import (
	"time"

	"github.com/goccy/go-yaml/ast"
)

// A Time is a time, written like 2026-11-28T15:00:00Z or 2026-11-28T15:00:00+01:00. A time without a
// zone, like 2026-11-28 15:00:00, is in UTC. A date alone, like 2026-11-28, means midnight in UTC. A
// time must be in the years 1 to 9999 in UTC, and the zero [time.Time] is not a valid value.
type Time time.Time

// timeLayouts are the accepted layouts of a time. YAML allows all of them for timestamps.
var timeLayouts = []string{time.RFC3339, "2006-01-02t15:04:05Z07:00", time.DateTime, time.DateOnly}

// UnmarshalYAML decodes a time.
func (t *Time) UnmarshalYAML(n ast.Node) error {
	var s string
	wrong := PosOf(n).Errorf("%q: want a time like 2026-11-28T15:00:00Z", n.GetToken().Value)
	if DecodeNode(n, &s) != nil {
		return wrong
	}
	for _, layout := range timeLayouts {
		v, err := time.Parse(layout, s)
		if year := v.UTC().Year(); err == nil && !v.IsZero() && 1 <= year && year <= 9999 {
			*t = Time(v)
			return nil
		}
	}
	return wrong
}
