package profile

import (
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/matchwire/matchwire/internal/strictyaml"
)

// A Version is the version of a profile, from 1. It is 0 if the profile has no version.
type Version int

// UnmarshalYAML decodes a version.
func (v *Version) UnmarshalYAML(n ast.Node) error {
	var number int
	if err := strictyaml.DecodeNode(n, &number); err != nil || number < 1 {
		return strictyaml.PosOf(n).Errorf("%q: want a whole number from 1", n.String())
	}
	*v = Version(number)
	return nil
}

// A Date is a day. In YAML, it is written like 2026-07-19.
type Date struct{ time.Time }

// UnmarshalYAML decodes a date.
func (d *Date) UnmarshalYAML(n ast.Node) error {
	var s string
	if err := strictyaml.DecodeNode(n, &s); err != nil {
		return err
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return strictyaml.PosOf(n).Errorf("%q: want a date such as 2026-07-19", s)
	}
	d.Time = t
	return nil
}

// String returns the date, or "" for the zero date.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return d.Format(time.DateOnly)
}
