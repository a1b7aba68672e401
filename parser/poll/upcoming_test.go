package poll_test

import (
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/event"
	"github.com/matchwire/matchwire/internal/testenv"
	"github.com/matchwire/matchwire/parser/poll"
)

// Upcoming returns the matches that begin soon, with the kick-off time that a page showed last.
func TestUpcoming(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		store := poll.NewStore(r, "mw:")
		soon := time.Now().Add(10 * time.Minute).Truncate(time.Second)
		show := func(replay bool, match string, start time.Time, status event.Status) {
			t.Helper()
			poll.SaveObservation(t, store, replay, match, start, status)
		}
		want := func(what string, all ...string) {
			t.Helper()
			matches, err := store.Upcoming(t.Context(), time.Now(), time.Now().Add(15*time.Minute))
			var got []string
			for _, d := range matches {
				if d.Sport != event.Soccer || d.League == "" || d.Match.Home == "" || !d.Match.Start.Equal(soon) {
					t.Errorf("%s: %+v, want a sport, a league, teams and the kick-off time %v", what, d, soon)
				}
				got = append(got, d.Match.ID)
			}
			if slices.Sort(got); !slices.Equal(got, all) || err != nil {
				t.Errorf("%s: matches %v, error %v, want %v", what, got, err, all)
			}
		}
		show(false, "a", soon, event.Scheduled)
		show(false, "delayed", soon, event.Delayed)
		show(false, "postponed", soon, event.Postponed)
		show(false, "unknown", time.Time{}, event.Scheduled)
		show(false, "later", soon.Add(time.Hour), event.Scheduled)
		show(false, "past", soon.Add(-time.Hour), event.Scheduled)
		show(true, "replay", soon, event.Scheduled)
		want("at first", "a", "delayed")
		show(false, "later", soon, event.Scheduled)
		show(false, "a", soon.Add(time.Hour), event.Scheduled)
		want("after two kick-off times changed", "delayed", "later")
		show(false, "later", soon, event.Live)
		show(false, "delayed", soon, event.Cancelled)
		want("after one began and one was cancelled")
		show(false, "a", soon, event.Scheduled)
		if err := r.Del(t.Context(), "mw:{a}:state").Err(); err != nil {
			t.Fatal(err)
		}
		want("after its state was deleted")
	})
}
