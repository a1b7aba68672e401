package parser

import (
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A duration is written 90s or 12m.
type duration time.Duration

func (d *duration) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := strictyaml.DecodeNode(n, &s); err != nil {
		return err
	}
	v, err := time.ParseDuration(s)
	if err != nil || v < time.Second {
		return strictyaml.PlaceOf(n).Errorf("%q: want a duration of a second or more, like 12m", s)
	}
	*d = duration(v)
	return nil
}
