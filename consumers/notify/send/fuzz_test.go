package send

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

var (
	// activeText matches links and mentions, as the clients of services find them.
	activeText = regexp.MustCompile(
		`(?i)\bhttps?://|\bwww\.|\b[a-z0-9-]+\.(?:com|net|example)\b|\b(?:mailto|tel):|[@#][\p{L}\p{N}_]|<[@!#a-z/]`)
	// escaped matches a character of Markdown with its backslash.
	escaped = regexp.MustCompile("\\\\([!-/:-@\\[-`{-~])")
	// bareMarkup matches a character of Markdown without a backslash.
	bareMarkup = regexp.MustCompile("[*_~`|<\\[\\]$]")
)

// FuzzHostileText escapes any text for the chat services. It checks that the result contains no
// active text or markup, and that readers see the original text.
func FuzzHostileText(f *testing.F) {
	for _, text := range []string{
		"@everyone <!channel> <@U123> <#C1|general>", "[click](https://evil.example) www.evil.example a@evil.example",
		"HTTP://evil.com.net mailto:a tel:1", "**b** __u__ ~~s~~ ||x|| `c` \\* \\\\ &lt;b&gt; &#64;all",
		"# h\n> q\n- i\n1. i\n===",
		":smile: :a:b: x.y.evil.example", "\u202e\x1b[31m\u2060@\u2060x",
		"@@x ##x <<@x> w.www.www.x", "K.com ſ.com www．evil.com",
	} {
		f.Add(text)
	}
	visible := func(text string) string { return strings.ReplaceAll(text, joiner, "") }
	f.Fuzz(func(t *testing.T, text string) {
		text = Clean(text)
		if !utf8.ValidString(text) {
			t.Fatalf("Clean returns invalid UTF-8: %q", text)
		}
		quiet := inert(text)
		if found := activeText.FindAllString(quiet, -1); found != nil {
			t.Errorf("inert(%q) = %q has the active texts %q, want none", text, quiet, found)
		}
		if visible(quiet) != visible(text) {
			t.Errorf("inert(%q) = %q, want the same visible text", text, quiet)
		}
		if found := emoji.FindAllString(withoutEmoji(quiet), -1); found != nil {
			t.Errorf("withoutEmoji(%q) has the emoji %q, want none", quiet, found)
		}
		marked := markdown(quiet)
		if shown := escaped.ReplaceAllString(marked, "$1"); shown != quiet {
			t.Errorf("markdown(%q) = %q is shown as %q, want the original text", quiet, marked, shown)
		}
		if found := bareMarkup.FindAllString(escaped.ReplaceAllString(marked, ""), -1); found != nil {
			t.Errorf("markdown(%q) = %q has the markup %q, want none", quiet, marked, found)
		}
		if strings.ContainsAny(slackEscapes.Replace(quiet), "<>") {
			t.Errorf("Slack would see markup in %q", slackEscapes.Replace(quiet))
		}
	})
}
