package strictyaml

import (
	"testing"
	"time"
)

// A time must be in the years 1 to 9999 in UTC. The first instant of the year 1 is the zero time, which
// is not valid.
func TestTime(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"2026-11-28T15:00:00+01:00": "2026-11-28T14:00:00Z",
		"2026-11-28 15:00:00":       "2026-11-28T15:00:00Z",
		"0001-01-01T00:00:01Z":      "0001-01-01T00:00:01Z",
		"9999-12-31":                "9999-12-31T00:00:00Z",
		"0001-01-01T00:00:00Z":      "",
		"0001-01-01T00:00:00+01:00": "",
		"0000-11-28T15:00:00Z":      "",
		"9999-12-31T23:00:00-01:00": "",
		"15:00":                     "",
	} {
		var v struct {
			At Time `yaml:"at"`
		}
		got := ""
		if err := Decode("f.yaml", []byte("at: "+text+"\n"), &v); err == nil {
			got = time.Time(v.At).UTC().Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("%s: read %q, want %q", text, got, want)
		}
	}
}
