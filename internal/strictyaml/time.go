package strictyaml

import (
	"time"

	"github.com/goccy/go-yaml/ast"
)

// A Time is a time, written like 2026-11-28T15:00:00Z or 2026-11-28T15:00:00+01:00. A time without a
// zone, like 2026-11-28 15:00:00, is in UTC. The zero [time.Time] is not a valid value.
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
		if v, err := time.Parse(layout, s); err == nil && !v.IsZero() {
			*t = Time(v)
			return nil
		}
	}
	return wrong
}
