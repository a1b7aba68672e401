package recording_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/fstest"
	"time"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/parsertest"
	"github.com/matchwire/matchwire/parser/page"
	"github.com/matchwire/matchwire/parser/profile"
	"github.com/matchwire/matchwire/parser/recording"
)

// The pages of fixtures that overlap in time are replayed in the order in which they were fetched.
// Other fixtures are replayed together if Pace is set, and otherwise one after the other.
func TestReplayOrder(t *testing.T) {
	fixture := func(name string, seconds ...int) *recording.Fixture {
		manifest := "profile: small\nmatch: m1\npages:\n"
		folder := fstest.MapFS{}
		for i, s := range seconds {
			file := fmt.Sprintf("%d.html", i)
			at := parsertest.Noon.Add(time.Duration(s) * time.Second).Format(time.RFC3339)
			manifest += fmt.Sprintf("  - {file: %s, at: %s}\n", file, at)
			folder[file] = &fstest.MapFile{Data: fmt.Appendf(nil, parsertest.SmallPage, 0)}
		}
		folder[recording.ManifestName] = &fstest.MapFile{Data: []byte(manifest)}
		f, err := recording.LoadFixture(name, folder)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	small, err := profile.Load("small.yaml", []byte(parsertest.SmallProfile))
	if err != nil {
		t.Fatal(err)
	}
	library := profile.Library{"small": small}
	a, b, c := fixture("a", 0, 60, 120), fixture("b", 30, 90, 150), fixture("c", 140, 200)
	late := fixture("late", 86_400, 86_450)
	for _, tc := range []struct {
		speed    float64
		fixtures []*recording.Fixture
		want     string
	}{
		{0, []*recording.Fixture{a, b}, "[a/0 b/0 a/1 b/1 a/2 b/2]"},
		{0, []*recording.Fixture{b, a}, "[a/0 b/0 a/1 b/1 a/2 b/2]"},
		{10_000, []*recording.Fixture{b, a}, "[a/0 b/0 a/1 b/1 a/2 b/2]"},
		{10_000, []*recording.Fixture{c, b, a}, "[a/0 b/0 a/1 b/1 a/2 c/0 b/2 c/1]"}, // c overlaps b, and b overlaps a
		{0, []*recording.Fixture{late, a}, "[a/0 a/1 a/2 late/0 late/1]"},
		{10_000, []*recording.Fixture{late, a}, "[late/0 a/0 late/1 a/1 a/2]"},
	} {
		var got []string
		p := &recording.Replayer{Library: library, Ingester: parsertest.Ingester(t),
			Each: func(_ context.Context, fetched page.Page, _ []event.Event) error {
				got = append(got, fetched.File[:len(fetched.File)-len(".html")])
				return nil
			}}
		if tc.speed > 0 {
			p.Pace = recording.NewPace(tc.speed)
		}
		if err := p.Play(t.Context(), slices.Clone(tc.fixtures)); err != nil || fmt.Sprint(got) != tc.want {
			t.Errorf("the order at speed %v is %v, error %v, want %s", tc.speed, got, err, tc.want)
		}
	}
}
