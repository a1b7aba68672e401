package terminal

import (
	"io"
	"testing"
)

// Colours follow the usual variables. Output that is not a terminal has none.
func TestColors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		env  map[string]string
		want bool
	}{
		{nil, false},
		{map[string]string{"CLICOLOR_FORCE": "1"}, true},
		{map[string]string{"CLICOLOR_FORCE": "0"}, false},
		{map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": "1"}, false},
		{map[string]string{"CLICOLOR_FORCE": "1", "NO_COLOR": ""}, true},
		{map[string]string{"CLICOLOR": "1"}, false},
	} {
		if got := Colors(io.Discard, func(name string) string { return tc.env[name] }); got != tc.want {
			t.Errorf("with %v, Colors is %v, want %v", tc.env, got, tc.want)
		}
	}
	if got, want := Green.Paint("Goal")+Style("").Paint("!"), "\x1b[1;32mGoal\x1b[0m!"; got != want {
		t.Errorf("Paint returns %q, want %q", got, want)
	}
}
