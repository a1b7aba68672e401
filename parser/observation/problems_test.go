package observation

import (
	"fmt"
	"slices"
	"testing"
)

// Problems with the same cause become one line. The line shows the number of these problems, and the
// first rows.
func TestCaseProblemsOfOneCause(t *testing.T) {
	t.Parallel()
	var all []Problem
	for row := range 126 {
		all = append(
			all,
			Problem{
				fmt.Sprintf("matches row %d: match.start", row+1),
				fmt.Sprintf(`"%d:00" is not a time in the layout "x"`, row),
			},
		)
	}
	all = append(all,
		Problem{"match.clock", `"a" is not a clock`},
		Problem{"matches row 7: incidents[0] row 3: clock", `"a \"b\"" is not a clock`},
		Problem{"matches row 7: incidents[0] row 4: clock", `"c" is not a clock`},
		Problem{"matches row 9: incidents[1] row 4: clock", `"c" is not a clock`},
		Problem{"incidents[0]: rows", "x"}, Problem{"incidents[0]: rows", "x"})
	want := []string{
		`matches row 1: match.start: "0:00" is not a time in the layout "x" (126 times: also row 2, row 3, row 4, …)`,
		`match.clock: "a" is not a clock`,
		`matches row 7: incidents[0] row 3: clock: "a \"b\"" is not a clock (2 times: also row 7 row 4)`,
		`matches row 9: incidents[1] row 4: clock: "c" is not a clock`,
		`incidents[0]: rows: x (2 times)`,
	}
	if got := Summary(all); !slices.Equal(got, want) {
		t.Errorf("Summary returns\n%q\nwant\n%q", got, want)
	}
	if got := Summary(nil); len(got) != 0 {
		t.Errorf("Summary of no problems returns %q, want nothing", got)
	}
}
