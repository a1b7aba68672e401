package strictyaml

import (
	"time"

	"github.com/goccy/go-yaml/ast"
)

// A Duration is a duration of at least one second, written like 90s or 12m.
type Duration time.Duration

// UnmarshalYAML decodes a duration.
func (d *Duration) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := DecodeNode(n, &s); err != nil {
		return err
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < time.Second {
		return PosOf(n).Errorf("%q: want a duration of a second or more, like 15s", s)
	}
	*d = Duration(v)
	return nil
}
