package jq

import (
	"strings"
	"testing"
	"time"
)

var fields = Fields{
	"team": nil, "player": nil, "score": {"home": nil, "away": nil}, "changes": nil, "event": nil, "points": nil,
}

func input() map[string]any {
	return map[string]any{
		"team": "Toronto \"FC\"", "score": map[string]any{"home": 0, "away": 1}, "changes": []any{"a", "b"},
		"event": map[string]any{"id": "e"},
	}
}

// A text is the inside of a jq string. A missing member is an empty text.
func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"Goal":                                 "Goal",
		"":                                     "",
		`say "Goal"`:                           `say "Goal"`,
		`say \"Goal\"`:                         `say "Goal"`,
		`for \(.team)`:                         `for Toronto "FC"`,
		`by \(.player).`:                       "by .",
		`\("nested \(.player) \("\(.team)")")`: `nested  Toronto "FC"`,
		`\(.score.home)–\(.score.away)`:        "0–1",
		`\(.team | after(" for "))!`:           ` for Toronto "FC"!`,
		`\(.player | after(" by "))!`:          "!",
		`\(.team | before(": "))!`:             `Toronto "FC": !`,
		`\(.player | before(": "))!`:           "!",
		`\(when(.score; "\(.score.away) goals"))`:                                "1 goals",
		`\(when(.player; "by \(.player)"))`:                                      "",
		`\(.changes | map("<\(.)>") | join(""))`:                                 "<a><b>",
		`\("éa" | capital) \("ÉA" | lower) \("Éa" | lower) \(.player | capital)`: "Éa ÉA éa ",
		"two\nlines\\ttab":                  "two\nlines\ttab",
		`\(if .team then ")" else "(" end)`: ")",
		`\(.event.id) \(.points)`:           "e ",
		`\([1, 2] | tojson) \(1.5) \(true)`: "[1,2] 1.5 true",
	} {
		p, err := CompileText(text, fields)
		if err != nil {
			t.Errorf("CompileText(%q): %v", text, err)
			continue
		}
		if got, err := p.Text(input()); got != want || err != nil {
			t.Errorf("text %q: got %q, error %v, want %q", text, got, err, want)
		}
	}
}

// An expression becomes JSON, whatever its texts contain.
func TestJSON(t *testing.T) {
	p, err := Compile(`{team, all: [.score[], .changes[0]], none: .player}`, fields)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"all":[1,0,"a"],"none":null,"team":"Toronto \"FC\""}`
	if got, err := p.JSON(input()); string(got) != want || err != nil {
		t.Errorf("got %s, error %v, want %s", got, err, want)
	}
}

// Mistakes are found when a program is compiled, or when it is run with a sample.
func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		`\(.plaier)`:                         "there is no field .plaier; did you mean .player?",
		`\(.zzz)`:                            "there is no field .zzz",
		`\(.score.hom)`:                      "there is no field .hom; did you mean .home?",
		`\(."scor")`:                         "there is no field .scor; did you mean .score?",
		`\({plaier})`:                        "there is no field .plaier",
		`\(if .temm then .team else "" end)`: "there is no field .temm",
		`\(if .team then "\(.temm)" else "" end)`: "there is no field .temm",
		`\(when(.temm; "x"))`:                     "there is no field .temm",
		`\(.temm // "x" | capital)`:               "there is no field .temm",
		`\(.team as $t | .temm)`:                  "there is no field .temm",
		`\([.temm] | tojson)`:                     "there is no field .temm",
		`\(.player`:                               "unterminated string literal",
		`a\`:                                      "unterminated string literal",
		`\x`:                                      `invalid escape sequence "\x"`,
		`\(.score)`:                               "a text cannot contain an object",
		`\(if .team then "x" end)\(if .player then "x" end)`: "An if without else returns its input",
		`\(.team | tonumber)`:                                "tonumber",
		`\($ENV.PATH)\(env.PATH)\(empty)`:                    "the expression has no result",
		`\(input)`:                                           "input(s)/0 is not allowed",
		`\(import "a" as a; 1)`:                              "unexpected",
		`{{.LineScore.Home}}`:                                `write \(.line_score) instead of {{.LineScore}}`,
		`{{- with .Player}}`:                                 `write \(.player) instead of {{.Player}}`,
	} {
		p, err := CompileText(text, fields)
		if err == nil {
			_, err = p.Text(input())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("text %q: error %v, want %q", text, err, want)
		}
	}
	// The input of the right side of a pipe is not known.
	for _, text := range []string{`\(.event | .data.temm)`, `\(.event.data.temm)`, `\(.changes[0] | tojson)`} {
		if _, err := CompileText(text, fields); err != nil {
			t.Errorf("text %q: error %v, want none", text, err)
		}
	}
}

// A program that does not end, or needs too much memory, stops soon with an error.
func TestLimits(t *testing.T) {
	for source, want := range map[string]string{
		`repeat(1) | select(. == 2)`:                       "the query needs more than 0.2 million instructions",
		`def f: f; f`:                                      "the query needs more than",
		`[range(1e9)]`:                                     "the query needs more than",
		`last(range(1; infinite))`:                         "the query needs more than",
		`reduce range(60) as $i ("x"; . + .) | length`:     "the query needs more than 64 MiB",
		`reduce range(60) as $i ([1]; . + .) | length`:     "the query needs more than 64 MiB",
		`reduce range(60) as $i (0; [., .]) | tojson`:      "the value is larger than 1 MiB",
		`reduce range(60) as $i (0; [., .]) | "\(tojson)"`: "the value is larger than 1 MiB",
		`reduce range(60) as $i (0; {a: ., b: .})`:         "the value is larger than 1 MiB",
	} {
		p, err := Compile(source, nil)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		began := time.Now()
		err = Check(func() error {
			_, err := p.JSON(nil)
			return err
		})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v after %v, want %q", source, err, time.Since(began), want)
		}
	}
}

// Check does not wait for a single instruction that takes very long.
func TestCheckDoesNotWait(t *testing.T) {
	end := make(chan struct{})
	defer close(end)
	err := check(func() error {
		<-end
		return nil
	}, time.Millisecond)
	if err == nil || !strings.Contains(err.Error(), "the program needs more than") {
		t.Errorf("error %v, want one about the time", err)
	}
}
