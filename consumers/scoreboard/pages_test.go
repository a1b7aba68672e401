package scoreboard_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/matchwire/matchwire/consumers/scoreboard"
	"github.com/matchwire/matchwire/internal/testenv"
)

// The pages contain each board once, although many boards have the same time, some have expired, and
// one changes between two pages.
func TestPages(t *testing.T) {
	testenv.OnBothRedis(t, func(t *testing.T, r *redis.Client) {
		set := func(match string, at int) {
			if match[0] != 'x' { // x: the board has expired, but not its entry in the list
				r.HSet(t.Context(), scoreboard.Key("mw:", match), "match", match)
			}
			r.ZAdd(t.Context(), scoreboard.ListKey("mw:"), redis.Z{Score: float64(at), Member: match})
		}
		var want []string
		for i := range 130 {
			match := fmt.Sprintf("m-%03d", i)
			set(match, 1000+i/100) // 100 boards with the same time
			set(fmt.Sprint("x", i), 1000+i/100)
			want = append(want, match)
		}
		slices.Reverse(want)
		boards := scoreboard.NewBoards(r, "mw:")
		for _, n := range []int{1, 7, 50, 200} {
			var got []string
			after := ""
			for page := 0; ; page++ {
				next, err := boards.Page(t.Context(), false, after, n, func(b scoreboard.Board) bool {
					got = append(got, b.Match)
					return true
				})
				if err != nil {
					t.Fatal(err)
				}
				if after = next; next == "" {
					break
				}
				set("m-129", 2000+page) // the board was already on the first page
			}
			if got[0] != want[0] || !slices.Equal(got, want) {
				t.Errorf("pages of %d: %d boards, want %d, each once, the latest first", n, len(got), len(want))
			}
		}
		for _, after := range []string{"x", "-m1", "1-", "1-a b", "zzzzzzzzzzzz-m1"} {
			_, err := boards.Page(t.Context(), false, after, 1, func(scoreboard.Board) bool { return true })
			if !errors.Is(err, scoreboard.ErrPosition) {
				t.Errorf("after %q: error %v, want ErrPosition", after, err)
			}
		}
	})
}
